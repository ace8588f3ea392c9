"""Dead letters as pages and one by one, read from a store. Runs where the store may be used."""

from typing import Any

from afterword_sidecar.ledger.records import DeadLetter
from afterword_sidecar.stores.contract import DeadLetterPage, DeadLetterQuery, Store
from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web import api_views
from afterword_sidecar.web.api_parameters import LARGEST_PAGE_WITH_PAYLOADS, ParameterError


def page(store: Store, asked: dict[str, Any]) -> shapes.DeadLetterPage:
    """The page that ``asked`` (parameters as read) describes.

    Raises ``ParameterError`` for a foreign cursor, ``StoreError``.
    """
    found = _found(store, asked)
    letters = [api_views.dead_letter(letter) for letter in found.letters]
    return shapes.DeadLetterPage(letters, found.next_cursor or None)


def page_with_payloads(store: Store, asked: dict[str, Any]) -> shapes.DeadLetterPageWithPayloads:
    """The same with payloads; fewer of them a page. Raises as ``page``."""
    limit = asked.get("limit", LARGEST_PAGE_WITH_PAYLOADS)
    if limit > LARGEST_PAGE_WITH_PAYLOADS:
        raise ParameterError("limit", f"with payloads it is at most {LARGEST_PAGE_WITH_PAYLOADS}")
    found = _found(store, {**asked, "limit": limit})
    letters = [_with_payload(store, letter) for letter in found.letters]
    return shapes.DeadLetterPageWithPayloads(letters, found.next_cursor or None)


def one(store: Store, letter_id: str) -> shapes.DeadLetterWithPayload | None:
    """The letter with its payload; ``None`` if there is none of that id. Raises ``StoreError``."""
    found = store.dead_letter(letter_id)
    return api_views.dead_letter_with_payload(*found) if found else None


def _found(store: Store, asked: dict[str, Any]) -> DeadLetterPage:
    wanted = {name: value for name, value in asked.items() if name != "include"}
    try:
        return store.dead_letters(DeadLetterQuery(**wanted))
    except ValueError as error:
        raise ParameterError("cursor", "it is not a cursor of this list") from error


def _with_payload(store: Store, letter: DeadLetter) -> shapes.DeadLetterWithPayload:
    # One thread uses the store, so the letter cannot have gone since its page was read.
    found = store.dead_letter(letter.settled.id)
    payload = found[1] if found else None
    return api_views.dead_letter_with_payload(letter, payload)
