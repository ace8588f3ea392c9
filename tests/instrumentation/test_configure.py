"""``configure`` sets up what the application has not, and nothing else. Each in a fresh process."""

import os
import subprocess
import sys
import textwrap

import pytest


def run(code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


_SERVED = """
    import asyncio, http.server, threading, afterword
    from opentelemetry import metrics, trace
    paths = []
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            paths.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
        def log_message(self, *_): pass
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    async def work(): pass
    async def main(): await afterword.wait_until(work())
    {set_up}
    asyncio.run(main())
    assert afterword.flush(10)
    assert sorted(set(paths)) == {expected}, paths
"""
_URL = 'f"http://127.0.0.1:{server.server_port}"'


def test_spans_and_metrics_are_exported_where_there_was_no_sdk() -> None:
    """``otlp_endpoint=`` makes both providers; ``flush`` sends what they hold."""
    set_up = f"afterword.configure(otlp_endpoint={_URL}, service_name='shop')"
    expected = ["/v1/metrics", "/v1/traces"]
    done = run(_SERVED.format(set_up=set_up, expected=expected))
    assert (done.returncode, done.stderr) == (0, "")


def test_an_applications_own_provider_is_left_alone() -> None:
    """Only the signal that has none is set up."""
    set_up = (
        "from opentelemetry.sdk.trace import TracerProvider; mine = TracerProvider(); "
        f"trace.set_tracer_provider(mine); afterword.configure(otlp_endpoint={_URL}); "
        "assert trace.get_tracer_provider() is mine"
    )
    done = run(_SERVED.format(set_up=set_up, expected=["/v1/metrics"]))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "environment",
    [{}, {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}],
    ids=["no endpoint", "disabled"],
)
def test_nothing_is_set_up_unasked(environment: dict[str, str]) -> None:
    """Without an endpoint, or with the SDK disabled, the SDK is not even imported."""
    code = """
    import sys, afterword
    afterword.configure()
    assert "opentelemetry.sdk" not in sys.modules
    """
    done = run(code, **environment)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_missing_extra_is_said(tmp_path: object) -> None:
    """The base install has no SDK: a warning with the command, and the application goes on."""
    code = """
    import sys
    sys.modules["opentelemetry.sdk"] = None
    import afterword
    afterword.configure(otlp_endpoint="http://127.0.0.1:9")
    """
    done = run(code)
    assert done.returncode == 0
    assert "pip install 'afterword[otel]'" in done.stderr
    assert done.stderr.count("\n") == 1
