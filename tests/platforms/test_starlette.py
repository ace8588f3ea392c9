"""Background tasks of real Starlette and FastAPI applications, with their code unchanged."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, BackgroundTasks, FastAPI, HTTPException, Request
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.background import BackgroundTasks as StarletteTasks
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

import afterword
from afterword import names, spans
from afterword.suspension import NOT_STARTED
from worlds.evidence import Evidence, recorded
from worlds.leaving import CancelOnDisconnect
from worlds.web_server import PATIENCE_SECONDS, WebServer

ORIGINAL = (BackgroundTask.__init__, BackgroundTask.__call__, Starlette.__call__)


class MailboxFullError(Exception):
    """What the first task raises."""


async def send_receipt(order: int, *, to: str = "nobody") -> None:
    raise MailboxFullError(f"552 mailbox of {order} full")


async def book_courier(order: int) -> None:
    pass


def update_stock(order: int, *items: str, **counts: int) -> None:
    pass


async def ask(app: Any, path: str) -> int:
    """The status of a request; what escapes from the application escapes here."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        return (await client.get(path)).status_code


@pytest.fixture(autouse=True)
def _instrumented(evidence: Evidence) -> None:
    afterword.instrument("starlette")


async def test_the_first_fails_and_the_others_are_skipped(evidence: Evidence) -> None:
    """FastAPI, three tasks: one failed with its error, two skipped that never started."""
    app = FastAPI()

    @app.get("/orders/{number}")
    async def place(number: int, tasks: BackgroundTasks) -> None:
        tasks.add_task(send_receipt, number)
        tasks.add_task(book_courier, number)
        tasks.add_task(update_stock, number)

    with pytest.raises(MailboxFullError) as caught:
        await ask(app, "/orders/17")
    assert str(caught.value) == "552 mailbox of 17 full"
    assert evidence.endings() == {
        "send_receipt": ["failed/exception"],
        "book_courier": ["dropped/skipped"],
        "update_stock": ["dropped/skipped"],
    }
    failed, *skipped = evidence.tasks()
    assert failed.events == ("scheduled", "started", "settled")
    assert failed.closing[names.EXCEPTION_TYPE].endswith("MailboxFullError")
    assert [task.events for task in skipped] == [("scheduled", "settled")] * 2
    for task in evidence.tasks():
        assert task.opening[names.PLATFORM] == "starlette"
        assert task.opening[names.HTTP_ROUTE] == "/orders/{number}"
        assert task.opening[names.CODE_FUNCTION] == f"{__name__}.{task.name}"


@pytest.mark.parametrize("path", ["/fails", "/refuses", "/returns-another"])
async def test_a_handler_that_does_not_come_to_its_tasks(evidence: Evidence, path: str) -> None:
    """It raises, answers with an error, or returns another response: what was added is skipped."""
    app = FastAPI()

    @app.get("/fails")
    async def fails(tasks: BackgroundTasks) -> None:
        tasks.add_task(book_courier, 1)
        raise MailboxFullError

    @app.get("/refuses")
    async def refuses(tasks: BackgroundTasks) -> None:
        tasks.add_task(book_courier, 1)
        raise HTTPException(409)

    @app.get("/returns-another")
    async def returns_another() -> Response:
        PlainTextResponse("lost", background=BackgroundTask(book_courier, 1))
        return PlainTextResponse("found")

    try:
        await ask(app, path)
    except MailboxFullError:
        assert path == "/fails"
    assert evidence.endings() == {"book_courier": ["dropped/skipped"]}


async def test_tasks_that_complete(tmp_path: Path) -> None:
    """Coroutines and threads, partials and methods, in Starlette and FastAPI: names, payloads."""

    class Shop:
        async def close(self) -> None:
            pass

    async def place(request: StarletteRequest) -> Response:
        tasks = StarletteTasks([BackgroundTask(update_stock, 17, "pen", "ink", pen=2)])
        tasks.add_task(partial(book_courier, order=18))
        tasks.add_task(Shop().close)
        tasks.add_task(tell, request, "x")
        return PlainTextResponse("ok", background=tasks)

    def tell(request: StarletteRequest, words: str, *, loud: bool = False) -> None:
        assert threading.current_thread() is not threading.main_thread()

    app = Starlette(routes=[Mount("/shop", routes=[Route("/{number}", place)])])
    with recorded(tmp_path / "captured", capture=True) as evidence:
        assert await ask(app, "/shop/17") == 200
    assert {task.ending for task in evidence.tasks()} == {"completed/completed"}
    stock, courier, close, told = evidence.tasks()
    assert stock.payload["arguments"]["*items"]["value"] == ["pen", "ink"]
    assert stock.payload["arguments"]["**counts"] == {"pen": 2}
    assert courier.payload == {"arguments": {"order": 18}}
    assert close.name.endswith("Shop.close")
    assert told.payload["arguments"]["words"] == "x"
    assert told.payload["arguments"]["loud"] is False
    assert told.payload["omitted"] == {
        "arguments.request": "a starlette.requests:Request is no plain data"
    }
    assert told.closing[names.DURATION] > 0
    assert {task.opening[names.HTTP_ROUTE] for task in evidence.tasks()} == {"/shop/{number}"}


async def test_a_task_of_a_module_is_a_task_each_time_it_is_called(evidence: Evidence) -> None:
    """Built once outside of any request and shared by responses: opened where it is called."""
    shared = BackgroundTask(book_courier, 1)
    app = FastAPI()

    @app.get("/")
    async def place() -> Response:
        return PlainTextResponse("ok", background=shared)

    assert evidence.tasks() == []
    await ask(app, "/")
    await ask(app, "/")
    assert evidence.endings() == {"book_courier": ["completed/completed"] * 2}


async def test_work_handed_over_inside_inherits(evidence: Evidence) -> None:
    """``wait_until`` in a handler and in a background task: both know the request's route."""
    router = APIRouter(prefix="/orders")
    handed: list[asyncio.Future[None] | None] = []

    async def nests() -> None:
        handed.append(afterword.wait_until(book_courier(2)))

    @router.get("/{number}/pay")
    async def pay(number: int, tasks: BackgroundTasks) -> None:
        handed.append(afterword.wait_until(book_courier(1)))
        tasks.add_task(nests)

    app = FastAPI()
    app.include_router(router, prefix="/shop")
    assert await ask(app, "/shop/orders/17/pay") == 200
    await asyncio.gather(*filter(None, handed))
    assert evidence.endings() == {
        "book_courier": ["completed/completed"] * 2,
        "nests": ["completed/completed"],
    }
    routes = [task.opening.get(names.HTTP_ROUTE) for task in evidence.tasks()]
    assert routes == ["/shop/orders/{number}/pay"] * 3


async def test_a_mark_holds_for_background_tasks_too(evidence: Evidence) -> None:
    """``@deferred`` gives name, capture and time-out; the time-out reaches the framework."""

    @afterword.deferred(name="ask_the_bank", timeout=0.01, capture=True)
    async def charge(card: str) -> None:
        await asyncio.Event().wait()

    async def place(_: StarletteRequest) -> Response:
        return PlainTextResponse("ok", background=BackgroundTask(charge, "visa"))

    with pytest.raises(TimeoutError):
        await ask(Starlette(routes=[Route("/", place)]), "/")
    (task,) = evidence.tasks()
    assert (task.name, task.ending) == ("ask_the_bank", "timed_out/timeout")
    assert task.payload == {"arguments": {"card": "visa"}}


async def test_a_class_with_a_way_of_its_own_to_run(evidence: Evidence) -> None:
    """A subclass that never calls ours is not told of; one that does is, once."""

    class Silent(BackgroundTask):
        async def __call__(self) -> None:
            await self.func(*self.args, **self.kwargs)

    class Polite(BackgroundTask):
        async def __call__(self) -> None:
            await super().__call__()

    async def place(_: StarletteRequest) -> Response:
        tasks = StarletteTasks([Silent(book_courier, 1), Polite(book_courier, 2)])
        return PlainTextResponse("ok", background=tasks)

    await ask(Starlette(routes=[Route("/", place)]), "/")
    assert evidence.endings() == {"book_courier": ["completed/completed"]}


def leaving_app(entered: threading.Event, *, in_background: bool) -> Starlette:
    """Waits for ever, in the handler or in the first of two tasks, while the client leaves."""

    async def hang() -> None:
        entered.set()
        await asyncio.Event().wait()

    async def place(_: StarletteRequest) -> Response:
        tasks = StarletteTasks([BackgroundTask(hang), BackgroundTask(book_courier, 1)])
        if not in_background:
            await hang()
        return PlainTextResponse("ok", background=tasks)

    async def pass_by(request: StarletteRequest, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)

    middleware = [Middleware(CancelOnDisconnect), Middleware(BaseHTTPMiddleware, dispatch=pass_by)]
    return Starlette(routes=[Route("/", place)], middleware=middleware)


def test_a_client_that_leaves_before_the_tasks_begin(evidence: Evidence) -> None:
    """Cancelled under BaseHTTPMiddleware: no task began, and each says so."""
    entered = threading.Event()
    with WebServer(leaving_app(entered, in_background=False)) as server:
        connection = server.request("/")
        assert entered.wait(PATIENCE_SECONDS)
        connection.close()
    for task in evidence.tasks():
        assert task.ending == "cancelled/disconnected"
        assert task.events == ("scheduled", "settled")
        assert task.closing[names.AWAITING] == NOT_STARTED
    assert [task.name.rpartition(".")[2] for task in evidence.tasks()] == ["hang", "book_courier"]


def test_a_client_that_leaves_while_a_task_runs(evidence: Evidence) -> None:
    """The one that ran was cut off inside, and says where; the other never began."""
    entered = threading.Event()
    with WebServer(leaving_app(entered, in_background=True)) as server:
        connection = server.request("/")
        assert entered.wait(PATIENCE_SECONDS)
        connection.close()
    ran, waited = evidence.tasks()
    assert (ran.ending, waited.ending) == ("cancelled/disconnected",) * 2
    assert (ran.events, waited.events) == (
        ("scheduled", "started", "settled"),
        ("scheduled", "settled"),
    )
    assert "in leaving_app.<locals>.hang" in ran.closing[names.AWAITING]
    assert waited.closing[names.AWAITING] == NOT_STARTED


async def test_a_server_whose_send_fails(evidence: Evidence) -> None:
    """ASGI 2.4: ``send`` raises ``OSError`` once the client has gone; that is no failed handler."""

    async def place(_: StarletteRequest) -> Response:
        return PlainTextResponse("ok", background=BackgroundTask(book_courier, 1))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: Any) -> None:
        raise BrokenPipeError("the client has gone")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [],
    }
    with pytest.raises(BrokenPipeError):
        await Starlette(routes=[Route("/", place)])(scope, receive, send)
    assert evidence.endings() == {"book_courier": ["cancelled/disconnected"]}


@contextmanager
def traced(app: FastAPI, folder: Path) -> Iterator[tuple[InMemorySpanExporter, Evidence]]:
    """OpenTelemetry's own instrumentation of FastAPI beside ours, both with one provider."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    FastAPIInstrumentor.instrument_app(app, tracer_provider=provider)
    with recorded(folder, tracer_provider=provider) as evidence:
        try:
            yield exporter, evidence
        finally:
            FastAPIInstrumentor.uninstrument_app(app)
            spans.use_provider(None)
            provider.shutdown()


@pytest.mark.parametrize("ours_first", [True, False])
async def test_beside_opentelemetry_nothing_is_counted_twice(
    tmp_path: Path, *, ours_first: bool
) -> None:
    """Either order: each task once in the book, one span of ours a task, no stretched server."""
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})

    @app.get("/orders/{number}")
    async def place(number: int, tasks: BackgroundTasks) -> None:
        tasks.add_task(update_stock, number)
        tasks.add_task(send_receipt, number)
        tasks.add_task(book_courier, number)

    if not ours_first:
        afterword.uninstrument("starlette")
    with traced(app, tmp_path / "traced") as (exporter, evidence):
        if not ours_first:
            afterword.instrument("starlette")
        with pytest.raises(MailboxFullError):
            await ask(app, "/orders/17")
        afterword.uninstrument("starlette")
    assert (BackgroundTask.__init__, Starlette.__call__) == (ORIGINAL[0], ORIGINAL[2])
    assert evidence.endings() == {
        "update_stock": ["completed/completed"],
        "send_receipt": ["failed/exception"],
        "book_courier": ["dropped/skipped"],
    }
    finished = exporter.get_finished_spans()
    scopes = [(span, span.instrumentation_scope) for span in finished]
    ours = {span.name: span for span, scope in scopes if scope and scope.name == names.SCOPE_NAME}
    assert set(ours) == {"update_stock", "send_receipt", "book_courier"}
    (server,) = [span for span in finished if span.kind.name == "SERVER"]
    assert server.context is not None
    for span in ours.values():
        assert span.parent is not None
        assert span.parent.span_id == server.context.span_id
        assert span.end_time is not None
        assert server.end_time is not None
        assert server.end_time <= span.end_time


async def test_uninstrument_waits_for_what_is_under_way(evidence: Evidence) -> None:
    """Undone in the middle of a request: its tasks are told to their end, then all is restored."""

    async def place(_: StarletteRequest) -> Response:
        background = BackgroundTask(book_courier, 1)
        afterword.uninstrument("starlette")
        return PlainTextResponse("ok", background=background)

    app = Starlette(routes=[Route("/", place)])
    await ask(app, "/")
    assert evidence.endings() == {"book_courier": ["completed/completed"]}
    assert (BackgroundTask.__init__, BackgroundTask.__call__, Starlette.__call__) == ORIGINAL
    await ask(app, "/")
    assert len(evidence.tasks()) == 1


async def test_a_mounted_application_serves_the_same_request(evidence: Evidence) -> None:
    """FastAPI in FastAPI: what is added inside is judged once, when the outer one is done."""
    inner, outer = FastAPI(), FastAPI()
    outer.mount("/v1", inner)

    @inner.get("/orders/{number}")
    async def place(number: int, request: Request, tasks: BackgroundTasks) -> None:
        tasks.add_task(book_courier, number)
        raise HTTPException(409)

    assert await ask(outer, "/v1/orders/17") == 409
    (task,) = evidence.tasks()
    assert task.ending == "dropped/skipped"
    assert task.opening[names.HTTP_ROUTE] == "/v1/orders/{number}"
