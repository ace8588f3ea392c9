"""Where the reading commands read: a running sidecar's API, or a book's file that nobody holds."""

import http.client
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from afterword_sidecar.cli.errors import CommandError
from afterword_sidecar.cli.terminal import one_line
from afterword_sidecar.ledger.book import Book
from afterword_sidecar.ledger.limits import Limits
from afterword_sidecar.stores.contract import Store, StoreError, StoreHeld
from afterword_sidecar.stores.sqlite import SqliteStore
from afterword_sidecar.web import api_audit, api_dead_letters, api_parameters
from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.api_parameters import (
    AUDIT_PARAMETERS,
    DEAD_LETTER_PARAMETERS,
    TASK_PARAMETERS,
    ParameterError,
)
from afterword_sidecar.web.api_tasks import Snapshot, TaskFilter
from afterword_sidecar.web.audit_shapes import Audit

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Asked = dict[str, str]
"""Parameters of the API, as text."""

_TIMEOUT_SECONDS: Final = 30.0


class Source(Protocol):
    """Answers in the API's shapes. Raises ``CommandError``."""

    def close(self) -> None:
        """Let go of what it holds. Idempotent."""

    def tasks(self, asked: Asked) -> shapes.TaskPage:
        """A page of tasks."""

    def dead_letters(self, asked: Asked) -> shapes.DeadLetterPage:
        """A page of dead letters."""

    def dead_letters_with_payloads(self, asked: Asked) -> shapes.DeadLetterPageWithPayloads:
        """A page of dead letters with their payloads."""

    def dead_letter(self, letter_id: str) -> shapes.DeadLetterWithPayload | None:
        """One dead letter; ``None`` if there is none."""

    def audit(self, asked: Asked) -> Audit:
        """Whether the book can be trusted."""


class ApiSource:
    """A running sidecar, by the address of its operators' port."""

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            host, port = parts.hostname, parts.port
        except ValueError:
            raise _no_address(url) from None
        if "@" in parts.netloc:  # it would be left out of the request, and stand in every error
            raise CommandError(
                "an address with a user or a password in it is not taken",
                "the operators' port has neither; give its address alone",
            )
        if parts.scheme not in {"http", "https"} or not host:
            raise _no_address(url)
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._url = url
        self._prefix = parts.path.rstrip("/")
        try:
            self._connection = kind(host, port, timeout=_TIMEOUT_SECONDS)
        except http.client.InvalidURL:  # a blank in the host, say
            raise _no_address(url) from None

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def tasks(self, asked: Asked) -> shapes.TaskPage:
        """``GET /api/v1/tasks``."""
        return self._decode(self._get("/api/v1/tasks", asked), shapes.TaskPage)

    def dead_letters(self, asked: Asked) -> shapes.DeadLetterPage:
        """``GET /api/v1/dead-letters``."""
        return self._decode(self._get("/api/v1/dead-letters", asked), shapes.DeadLetterPage)

    def dead_letters_with_payloads(self, asked: Asked) -> shapes.DeadLetterPageWithPayloads:
        """``GET /api/v1/dead-letters?include=payload``."""
        body = self._get("/api/v1/dead-letters", {**asked, "include": "payload"})
        return self._decode(body, shapes.DeadLetterPageWithPayloads)

    def dead_letter(self, letter_id: str) -> shapes.DeadLetterWithPayload | None:
        """``GET /api/v1/dead-letters/{id}``."""
        body = self._get(
            f"/api/v1/dead-letters/{quote(letter_id, safe='', errors='surrogateescape')}",
            {},
            may_lack=True,
        )
        return self._decode(body, shapes.DeadLetterWithPayload) if body else None

    def audit(self, asked: Asked) -> Audit:
        """``GET /api/v1/audit``."""
        return self._decode(self._get("/api/v1/audit", asked), Audit)

    def _get(self, path: str, asked: Asked, *, may_lack: bool = False) -> bytes:
        # A shell may give bytes that are no UTF-8: they are asked for as they are.
        query = f"?{urlencode(asked, errors='surrogateescape')}" if asked else ""
        try:
            self._connection.request("GET", f"{self._prefix}{path}{query}")
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise CommandError(
                f"cannot reach the sidecar at {self._url}: {error}",
                "is it running there? give its operators' port with --url or AFTERWORD_URL, "
                "or --database FILE where no sidecar runs",
            ) from error
        if response.status == HTTPStatus.OK:
            return body
        problem = self._decode(body, shapes.Problem)
        if response.status == HTTPStatus.NOT_FOUND and may_lack:
            return b""
        raise CommandError(f"the sidecar at {self._url} refused: {one_line(problem.detail)}")

    def _decode(self, body: bytes, shape: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=shape)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise CommandError(
                f"{self._url} did not answer as Afterword's sidecar does ({error})",
                "give the address of its operators' port (9464), not that of the receiver",
            ) from error


def _no_address(url: str) -> CommandError:
    return CommandError(f"{url!r} is not an address", "for example http://127.0.0.1:9464")


class DatabaseSource:
    """A book's file, opened for as long as each question takes."""

    def __init__(self, path: Path) -> None:
        # An empty file would become a book by being opened, and reading makes none.
        if not path.is_file() or not path.stat().st_size:
            raise CommandError(f"there is no book {path}", "name the file a sidecar has kept")
        self._path = path
        self._listing: Snapshot | None = None

    def close(self) -> None:
        """Nothing is held between questions."""

    def tasks(self, asked: Asked) -> shapes.TaskPage:
        """Tasks in flight when the sidecar stopped; a file does not keep what was settled well."""
        wanted = _read(TASK_PARAMETERS, asked)
        limit = wanted.pop("limit", api_parameters.LARGEST_PAGE)
        position = int(wanted.pop("cursor", "0").rpartition(".")[2])
        if self._listing is None:
            self._listing = self._ask(lambda store: Snapshot("file", store.load().open_tasks, []))
        return self._listing.page(TaskFilter(**wanted), limit, position)

    def dead_letters(self, asked: Asked) -> shapes.DeadLetterPage:
        """A page as the API gives it."""
        wanted = _read(DEAD_LETTER_PARAMETERS, asked)
        return self._ask(lambda store: api_dead_letters.page(store, wanted))

    def dead_letters_with_payloads(self, asked: Asked) -> shapes.DeadLetterPageWithPayloads:
        """A page as the API gives it."""
        wanted = _read(DEAD_LETTER_PARAMETERS, asked)
        return self._ask(lambda store: api_dead_letters.page_with_payloads(store, wanted))

    def dead_letter(self, letter_id: str) -> shapes.DeadLetterWithPayload | None:
        """A letter as the API gives it."""
        return self._ask(lambda store: api_dead_letters.one(store, letter_id))

    def audit(self, asked: Asked) -> Audit:
        """The audit of the book as its sidecar left it."""
        wanted = _read(AUDIT_PARAMETERS, asked)
        now = time.time()
        book = self._ask(lambda store: Book(Limits(), store.load(), now))
        try:
            return api_audit.answer(book.audit(now), **wanted)
        except api_audit.UnknownServiceError as error:
            raise CommandError(one_line(str(error))) from error

    def _ask(self, question: Callable[[Store], T]) -> T:
        try:
            with closing(self._open()) as store:
                return question(store)
        except StoreHeld as error:
            raise CommandError(
                str(error), "where a sidecar runs, ask it: leave --database out, or give --url"
            ) from error
        except StoreError as error:
            raise CommandError(str(error)) from error

    def _open(self) -> Store:
        return SqliteStore(self._path)


def all_tasks(source: Source, asked: Asked, most: int) -> Iterator[shapes.Task]:
    """Tasks over as many pages as it takes, ``most`` at most."""
    return _over_pages(source.tasks, asked, api_parameters.LARGEST_PAGE, most)


def all_dead_letters(source: Source, asked: Asked, most: int) -> Iterator[shapes.DeadLetter]:
    """Dead letters over as many pages as it takes, ``most`` at most."""
    return _over_pages(source.dead_letters, asked, api_parameters.LARGEST_PAGE, most)


def all_with_payloads(source: Source, asked: Asked) -> Iterator[shapes.DeadLetterWithPayload]:
    """Every matching dead letter with its payload."""
    largest = api_parameters.LARGEST_PAGE_WITH_PAYLOADS
    return _over_pages(source.dead_letters_with_payloads, asked, largest, sys.maxsize)


class _Page(Protocol[T_co]):
    @property
    def items(self) -> Sequence[T_co]: ...

    @property
    def next_cursor(self) -> str | None: ...


def _over_pages(
    ask: Callable[[Asked], _Page[T]], asked: Asked, largest: int, most: int
) -> Iterator[T]:
    while True:
        page = ask({**asked, "limit": str(min(most, largest))})
        yield from page.items
        most -= len(page.items)
        if page.next_cursor is None or most <= 0:
            return
        asked = {**asked, "cursor": page.next_cursor}


def _read(parameters: tuple[api_parameters.Parameter, ...], asked: Asked) -> dict[str, Any]:
    try:
        return api_parameters.read(parameters, asked.items())
    except ParameterError as error:
        raise CommandError(str(error)) from error
