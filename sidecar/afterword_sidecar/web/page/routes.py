"""The page's paths: they read, render in a thread, and answer in HTML, errors too."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final, TypeVar

import htpy as h
import msgspec
from aiohttp import hdrs, web

from afterword_sidecar.service import Refused, Service
from afterword_sidecar.stores.contract import StoreError
from afterword_sidecar.web import api_parameters as parameters
from afterword_sidecar.web.api_losses import window_began
from afterword_sidecar.web.api_parameters import ParameterError
from afterword_sidecar.web.api_summaries import SummaryFilter
from afterword_sidecar.web.api_tasks import GoneError
from afterword_sidecar.web.api_views import moment
from afterword_sidecar.web.page import client_text, layout
from afterword_sidecar.web.page.book_view import OLDEST_SHOWN, BookPage, book_page
from afterword_sidecar.web.page.in_flight_view import in_flight_page
from afterword_sidecar.web.page.live import Live
from afterword_sidecar.web.page.losses_view import Kept, LossesPage, losses_page
from afterword_sidecar.web.page.task_view import task_page
from afterword_sidecar.web.page.tasks_view import tasks_page
from afterword_sidecar.web.readings import Readings

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Nothing inline, nothing from elsewhere, no text turned into markup by a script."""
_ROWS: Final = 50
_YOUNG_SECONDS: Final = 600
"""A sidecar that is younger shows its first minutes, unless asked for more."""
_FOR_PROGRAMS: Final = ("/api/", "/static/")
_FOR_EVER: Final = "public, max-age=31536000, immutable"

T = TypeVar("T")

Asked = dict[str, str]
View = Callable[[web.Request, Asked], Awaitable[str]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class PageSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the page is told of its surroundings."""

    trace_url: str = ""
    """Where a trace is looked at, with ``{trace_id}`` in it; empty: no link."""
    kept: Kept = Kept(age_seconds=30 * 86_400.0, count=100_000)


def add_page(
    app: web.Application, service: Service, readings: Readings, settings: PageSettings
) -> None:
    """Serve the page at ``/``."""
    pages, live = _Pages(service, readings, settings), Live(service)
    app.on_shutdown.append(live.stop)
    views: Mapping[str, View] = {
        "/": pages.book,
        "/tasks": pages.tasks,
        "/tasks/{id}": pages.task,
        "/losses": pages.losses,
        "/in-flight": pages.in_flight,
    }
    app.add_routes([web.get(path, pages.handler(view)) for path, view in views.items()])
    app.add_routes([web.get("/static/{name}", _asset), web.get("/live", live.handle)])
    app.middlewares.append(pages.mistyped)


class _Pages:
    def __init__(self, service: Service, readings: Readings, settings: PageSettings) -> None:
        self._service = service
        self._readings = readings
        self._settings = settings

    def handler(self, view: View) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            asked = dict(request.query)
            # A form sends what was left empty too; the URL is to say what was chosen.
            if "" in asked.values() and len(asked) == len(request.query):
                chosen = {name: text for name, text in asked.items() if text}
                return _elsewhere(str(request.rel_url.with_query(chosen)))
            try:
                return _html(await view(request, asked))
            except (ParameterError, GoneError, Refused, StoreError, LookupError) as error:
                return self._trouble(error)

        return handle

    @web.middleware
    async def mistyped(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """An address that is nowhere, where a browser asks for it: a page, not a document."""
        try:
            return await handler(request)
        except web.HTTPNotFound:
            wants_a_page = "text/html" in request.headers.get(hdrs.ACCEPT, "")
            if not wants_a_page or request.path.startswith(_FOR_PROGRAMS):
                raise
            path = h.code[client_text.told(request.path)]
            detail = ["There is no ", path, " here; the views are named above."]
            body = layout.problem("This address leads nowhere", detail, self._now())
            return _html(body, HTTPStatus.NOT_FOUND)

    async def book(self, request: web.Request, _asked: Asked) -> str:
        asked = _read(parameters.BOOK_PARAMETERS, request)
        up_seconds = self._service.now() - self._service.history.whole_since
        reach = asked.get("range") or ("1h" if up_seconds > _YOUNG_SECONDS else "10m")
        book, oldest = await self._readings.glance(reach, OLDEST_SHOWN)
        losses = await self._unless_failing(self._readings.losses({}))
        audit = await self._unless_failing(self._readings.recent_audit())
        given = BookPage(book=book, reach=reach, oldest=oldest, losses=losses, audit=audit)
        return await asyncio.to_thread(book_page, given)

    async def tasks(self, request: web.Request, asked: Asked) -> str:
        given = _read(parameters.SUMMARY_PARAMETERS, request)
        page = await self._readings.summaries(SummaryFilter(**given))
        return await asyncio.to_thread(tasks_page, page, asked)

    async def in_flight(self, request: web.Request, asked: Asked) -> str:
        given = {"limit": _ROWS} | _read(parameters.TASK_PARAMETERS, request)
        page = await self._readings.tasks(given | {"outcome": parameters.IN_FLIGHT})
        view = await self._service.view()
        shown = partial(in_flight_page, empty=not view.series_created)
        return await asyncio.to_thread(shown, page, asked, view.open_tasks, self._now())

    async def losses(self, request: web.Request, asked: Asked) -> str:
        given = _read(parameters.LETTER_PAGE_PARAMETERS, request)
        within = given.pop("within", "")
        if within:
            began = float(window_began(within, self._service.now()))
            given["since"] = max(began, given.get("since", began))
        kinds = {n: v for n, v in given.items() if n not in {"since", "until", "cursor", "limit"}}
        losses_given = LossesPage(
            losses=await self._readings.losses(kinds),
            page=await self._readings.dead_letters({"limit": _ROWS} | given),
            filters=asked,
            kept=self._settings.kept,
            at=self._now(),
        )
        return await asyncio.to_thread(losses_page, losses_given)

    async def task(self, request: web.Request, _asked: Asked) -> str:
        _read((), request)
        task = await self._readings.task(request.match_info["id"])
        if task is None:
            raise LookupError
        shown = partial(task_page, task, trace_url=self._settings.trace_url, at=self._now())
        return await asyncio.to_thread(shown)

    def _now(self) -> str:
        return moment(self._service.now())

    async def _unless_failing(self, asked: Awaitable[T]) -> T | None:
        """``None`` while the store fails: the rest of the page still shows its last commit."""
        try:
            return await asked
        except (Refused, StoreError):
            return None

    def _trouble(self, error: Exception) -> web.Response:
        status, title, detail = _TROUBLES[
            next(kind for kind in _TROUBLES if isinstance(error, kind))
        ]
        body = layout.problem(title, detail or str(error), self._now())
        headers = {"Retry-After": "5"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
        return _html(body, status, headers)


_TROUBLES: Final[Mapping[type[Exception], tuple[HTTPStatus, str, str]]] = {
    ParameterError: (HTTPStatus.BAD_REQUEST, "This address is not understood", ""),
    GoneError: (
        HTTPStatus.GONE,
        "This listing is over",
        "It was of one moment, and is not kept any more. Begin again with its first page.",
    ),
    LookupError: (
        HTTPStatus.NOT_FOUND,
        "This task is not in the book",
        (
            "It never was; or it completed a while ago, and only what is lost is kept; or "
            "retention has taken it."
        ),
    ),
    Refused: (HTTPStatus.SERVICE_UNAVAILABLE, "Not just now", ""),
    StoreError: (HTTPStatus.SERVICE_UNAVAILABLE, "The store fails", ""),
}


def _read(known: tuple[parameters.Parameter, ...], request: web.Request) -> dict[str, Any]:
    return parameters.read(known, request.query.items())


def _elsewhere(url: str) -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": url})


def _html(
    body: str, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None
) -> web.Response:
    safe = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
    # Surrogates cannot be written; whatever a client smuggled in must not cost the page.
    return web.Response(
        status=status,
        body=body.encode("utf-8", "replace"),
        content_type="text/html",
        charset="utf-8",
        headers=safe | (headers or {}),
    )


async def _asset(request: web.Request) -> web.Response:
    found = layout.assets().get(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound
    headers = {"Cache-Control": _FOR_EVER}
    return web.Response(body=found.body, content_type=found.content_type, headers=headers)
