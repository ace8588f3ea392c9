"""The plain program under an OpenTelemetry SDK that samples nothing."""

import asyncio
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from worlds.faults.apps.plain import App, main


class Unsampled(App):
    """Each hand-over is within a request's span that is not sampled."""

    def hand_over(self, number: int, kind: str, **how: Any) -> "asyncio.Future[str]":
        """As ever, within such a span."""
        with trace.get_tracer("faults").start_as_current_span("request") as span:
            assert not span.get_span_context().trace_flags.sampled
            return super().hand_over(number, kind, **how)


if __name__ == "__main__":
    trace.set_tracer_provider(TracerProvider(sampler=ALWAYS_OFF))
    asyncio.run(main(Unsampled))
