"""Handing a request that was taken to the upstream: whole, but for the evidence in it."""

from aiohttp import web

from afterword import names
from afterword_sidecar.otlp import Decoded
from afterword_sidecar.upstream import Request, Upstream
from afterword_sidecar.web.gate import Admitted


def pass_on(
    upstream: Upstream, request: web.Request, admitted: Admitted, body: bytes, decoded: Decoded
) -> None:
    """Queue what is not ours. Never waits.

    Spans are the application's own, those among them that close a task. Of log records evidence is
    the sidecar's: a request that is nothing else is not looked at again.
    """
    signal = admitted.signal
    if signal == "profiles":
        return  # their format is still in development, and no variable says where they go
    holds_evidence = signal == "logs" and bool(decoded.batches or decoded.rejected)
    if holds_evidence and not decoded.ignored:
        return
    upstream.pass_on(
        Request(
            signal,
            body,
            admitted.content_type,
            admitted.content_encoding,
            holds_evidence=holds_evidence,
        ),
        forwarded_by=request.headers.get(names.FORWARDED_HEADER, ""),
    )
