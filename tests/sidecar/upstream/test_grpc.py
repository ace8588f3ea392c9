"""Over gRPC, to a real server: the same bytes, the same promises."""

import gzip
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio

from afterword_sidecar.upstream import Destination, Destinations, Request, Upstream
from afterword_sidecar.upstream.transport import open_transport
from worlds.otlp_requests import encode, traces
from worlds.sidecar_process import PATIENCE_SECONDS

SPAN = {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "x"}
TRACES = encode(traces([SPAN]), "protobuf")
JSON_TRACES = encode(traces([SPAN]), "json")
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class Server:
    """Takes any method; answers with the codes it is told, then OK."""

    def __init__(self) -> None:
        self.codes: deque[grpc.StatusCode] = deque()
        self.got: list[tuple[str, bytes, dict[str, str]]] = []

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        async def export(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
            metadata = {str(key): str(value) for key, value in details.invocation_metadata}
            self.got.append((details.method, request, metadata))
            if self.codes:
                await context.abort(self.codes.popleft(), "not now")
            return b"\x0a\x02\x08\x01"  # partial_success: 1 span rejected

        return grpc.unary_unary_rpc_method_handler(export)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((self,))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            await server.stop(None)


def to(url: str, **more: Any) -> Destinations:
    return Destinations(traces=Destination(url=url, protocol="grpc", **more))


async def test_requests_arrive_as_protobuf_plain_or_compressed_json_or_not(
    start_sidecar: Any,
) -> None:
    """Raw bytes through the official channel; headers become metadata; rejections are counted."""
    server = Server()
    async with server.serving() as url:
        sidecar = await start_sidecar(to(url, gzip=True, headers=(("X-Tenant", "shop"),)))
        await sidecar.post("traces", TRACES)
        await sidecar.post("traces", gzip.compress(TRACES), Content_Encoding="gzip")
        await sidecar.post("traces", JSON_TRACES, Content_Type="application/json")
        await sidecar.upstream.stop(PATIENCE_SECONDS)
    assert [(method, body) for method, body, _ in server.got] == [(EXPORT, TRACES)] * 3
    assert {metadata["x-tenant"] for *_, metadata in server.got} == {"shop"}
    assert sidecar.upstream.stats.records_rejected == {"traces": 3}


async def test_what_is_not_available_is_tried_again_and_what_is_refused_is_not(
    start_sidecar: Any,
) -> None:
    """UNAVAILABLE comes again, INVALID_ARGUMENT does not."""
    server = Server()
    server.codes += [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INVALID_ARGUMENT]
    async with server.serving() as url:
        sidecar = await start_sidecar(to(url))
        await sidecar.post("traces", TRACES)
        await until_idle(sidecar.upstream)
        await sidecar.upstream.stop(PATIENCE_SECONDS)
    stats = sidecar.upstream.stats
    assert (len(server.got), stats.retries["traces"]) == (2, 1)
    assert stats.dropped == {("traces", "refused"): 1}


async def test_a_server_that_is_away_is_no_error_of_ours() -> None:
    """No connection is an answer like any other."""
    transport = open_transport(
        "traces", Destination(url="http://127.0.0.1:9", protocol="grpc"), "book"
    )
    answer = await transport.send(Request("traces", TRACES))
    await transport.close()
    assert "UNAVAILABLE" in str(answer)


async def until_idle(upstream: Upstream) -> None:
    """Everything has had its fate; a stop alone would cut the second try short."""
    await upstream._lanes["traces"].empty()
