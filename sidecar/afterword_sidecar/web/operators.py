"""The operators' port: the page, metrics, health, and the API that reads the book. Only GET."""

import asyncio
import ipaddress
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from afterword_sidecar.service import Service
from afterword_sidecar.spool.stats import SpoolStats
from afterword_sidecar.upstream import UpstreamStats
from afterword_sidecar.web import api_dead_letters, api_parameters, openapi
from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web.api_summaries import SummaryFilter
from afterword_sidecar.web.page.routes import PageSettings, add_page
from afterword_sidecar.web.problems import problem, problems
from afterword_sidecar.web.readings import Readings
from afterword_sidecar.web.receiver import SERVER
from afterword_sidecar.web.scrape import Scrape

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

Unready = Callable[[], Sequence[shapes.UnreadyReason]]


def operators_app(
    service: Service,
    *,
    version: str,
    unready: Unready,
    spool: SpoolStats | None = None,
    upstream: UpstreamStats | None = None,
    clock: Callable[[], float] = time.monotonic,
    page: PageSettings | None = None,
) -> web.Application:
    """The application of the operators' port over a started ``service``.

    ``unready`` says what keeps the sidecar from taking evidence, beyond what the service knows;
    ``spool`` is what its reader counts and ``upstream`` what is counted of it, where there is one;
    ``clock`` is monotonic, seconds.
    """
    readings = Readings(service, clock)
    api = _Api(service, unready, readings)
    scrape = Scrape(service, spool, upstream, started_at=service.now(), version=version)
    app = web.Application(middlewares=[problems, _only_by_a_local_name])
    app.on_response_prepare.append(_add_headers)
    app.add_routes(
        [
            web.get("/metrics", scrape.handle),
            web.get("/healthz", api.healthz),
            web.get("/readyz", api.readyz),
            web.get("/api/v1/openapi.json", api.openapi),
            web.get("/api/v1/book", api.book),
            web.get("/api/v1/audit", api.audit),
            web.get("/api/v1/summaries", api.summaries),
            web.get("/api/v1/losses", api.losses),
            web.get("/api/v1/tasks", api.tasks),
            web.get("/api/v1/tasks/{id}", api.task),
            web.get("/api/v1/dead-letters", api.dead_letters),
            web.get("/api/v1/dead-letters/{id}", api.dead_letter),
        ]
    )
    add_page(app, service, readings, page or PageSettings())
    return app


class _Api:
    def __init__(self, service: Service, unready: Unready, readings: Readings) -> None:
        self._service = service
        self._unready = unready
        self._readings = readings

    async def healthz(self, _request: web.Request) -> web.Response:
        return _json(msgspec.json.encode(shapes.Liveness("alive")))

    async def readyz(self, _request: web.Request) -> web.Response:
        reasons = [*_service_reasons(self._service), *self._unready()]
        answer = shapes.Readiness("not_ready" if reasons else "ready", reasons)
        status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        return _json(msgspec.json.encode(answer), status)

    async def openapi(self, _request: web.Request) -> web.Response:
        return _json(openapi.document())

    async def book(self, request: web.Request) -> web.Response:
        asked = api_parameters.read(api_parameters.BOOK_PARAMETERS, request.query.items())
        found = await self._readings.book(asked.get("range", "1h"))
        return _json(msgspec.json.encode(found))

    async def audit(self, request: web.Request) -> web.Response:
        asked = api_parameters.read(api_parameters.AUDIT_PARAMETERS, request.query.items())
        return _json(msgspec.json.encode(await self._readings.audit(**asked)))

    async def summaries(self, request: web.Request) -> web.Response:
        asked = api_parameters.read(api_parameters.SUMMARY_PARAMETERS, request.query.items())
        found = await self._readings.summaries(SummaryFilter(**asked))
        return _json(msgspec.json.encode(found))

    async def losses(self, request: web.Request) -> web.Response:
        asked = api_parameters.read(api_parameters.LOSS_PARAMETERS, request.query.items())
        return _json(msgspec.json.encode(await self._readings.losses(asked)))

    async def tasks(self, request: web.Request) -> web.Response:
        asked = api_parameters.read(api_parameters.TASK_PARAMETERS, request.query.items())
        page = await self._readings.tasks(asked)
        return _json(await asyncio.to_thread(msgspec.json.encode, page))

    async def task(self, request: web.Request) -> web.Response:
        api_parameters.read((), request.query.items())
        found = await self._readings.task(request.match_info["id"])
        if found is None:
            detail = "there is no such task: it never was, it completed, or retention has taken it"
            return problem(HTTPStatus.NOT_FOUND, detail)
        return _json(msgspec.json.encode(found))

    async def dead_letters(self, request: web.Request) -> web.Response:
        asked = api_parameters.read(api_parameters.DEAD_LETTER_PARAMETERS, request.query.items())
        with_payloads = "include" in asked
        read = api_dead_letters.page_with_payloads if with_payloads else api_dead_letters.page
        return _json(
            await self._service.read(lambda store: msgspec.json.encode(read(store, asked)))
        )

    async def dead_letter(self, request: web.Request) -> web.Response:
        api_parameters.read((), request.query.items())
        letter_id = request.match_info["id"]
        found = await self._service.read(lambda store: api_dead_letters.one(store, letter_id))
        if found is None:
            detail = "there is no such dead letter: it never was, or retention has taken it"
            return problem(HTTPStatus.NOT_FOUND, detail)
        return _json(msgspec.json.encode(found))


def _service_reasons(service: Service) -> list[shapes.UnreadyReason]:
    stats = service.stats
    if stats.store_failing_since is not None:
        detail = f"the store fails: {stats.store_error}"
        return [shapes.UnreadyReason("store_failing", detail)]
    if not service.ready:
        return [shapes.UnreadyReason("not_running", "the sidecar is starting or stopping")]
    return []


def _json(body: bytes, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json")


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = SERVER  # aiohttp has set its own


@web.middleware
async def _only_by_a_local_name(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse foreign host names on a loopback address.

    A web page can make its own name resolve to 127.0.0.1 (DNS rebinding) and read payloads with
    its visitor's browser; it cannot make the browser send another name.
    """
    if _is_loopback(request) and not _is_local_name(request.headers.get(hdrs.HOST, "")):
        return problem(
            HTTPStatus.MISDIRECTED_REQUEST,
            "ask for localhost or an IP address (a proxy: in its Host header too)",
        )
    return await handler(request)


def _is_loopback(request: web.Request) -> bool:
    if request.transport is None:
        return False
    address: str = request.transport.get_extra_info("sockname")[0]
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _is_local_name(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    name = name.removeprefix("[").removesuffix("]").lower()
    if name in {"", "localhost"} or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
