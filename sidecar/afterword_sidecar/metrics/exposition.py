"""Which form of exposition a scraper wants, and the families written in it. Pure, and slow.

100,000 series take about two seconds, so whoever serves it renders in a thread.
"""

import gzip
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Final

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.exposition import generate_latest as write_text
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST
from prometheus_client.openmetrics.exposition import generate_latest as write_openmetrics
from prometheus_client.samples import Sample

_GZIP_LEVEL: Final = 1  # a scrape compresses twentyfold even so


class Exposition(Enum):
    """A form of exposition; its value is its content type."""

    TEXT = CONTENT_TYPE_PLAIN_0_0_4
    OPENMETRICS = CONTENT_TYPE_LATEST


_SUPPORTED: Final = {
    ("application/openmetrics-text", ""): Exposition.OPENMETRICS,
    ("application/openmetrics-text", "1.0.0"): Exposition.OPENMETRICS,
    # Our names are of the old alphabet, so text 1.0.0 would be the same bytes.
    ("text/plain", ""): Exposition.TEXT,
    ("text/plain", "0.0.4"): Exposition.TEXT,
    ("text/plain", "1.0.0"): Exposition.TEXT,
    ("text/*", ""): Exposition.TEXT,
    ("*/*", ""): Exposition.TEXT,
}


def negotiate(accept: str) -> Exposition:
    """The best of what an ``Accept`` header names; text if it names nothing we have.

    The client library's own ``choose_encoder`` ignores q-values and raises on a version that is
    not a number.
    """
    best, best_quality = Exposition.TEXT, 0.0
    for item in accept.split(","):
        media_type, parameters = _media_range(item)
        form = _SUPPORTED.get((media_type, parameters.get("version", "")))
        quality = _quality(parameters.get("q", "1"))
        if form is not None and quality > best_quality:
            best, best_quality = form, quality
    return best


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an ``Accept-Encoding`` header allows gzip by its name."""
    for item in accept_encoding.split(","):
        coding, parameters = _media_range(item)
        if coding == "gzip":
            return _quality(parameters.get("q", "1")) > 0
    return False


def render(families: Callable[[], Iterable[Metric]], form: Exposition, *, zipped: bool) -> bytes:
    """The families in ``form``, as bytes; gzipped if asked.

    ``families`` is called a second time where a label cannot be written as UTF-8: a scrape with one
    odd label in it is worth more than none.
    """
    try:
        body = _write(families(), form)
    except UnicodeEncodeError:
        body = _write((_writable(family) for family in families()), form)
    return gzip.compress(body, _GZIP_LEVEL, mtime=0) if zipped else body


class _Collected:
    """What the client library's writers take for a registry."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def _write(families: Iterable[Metric], form: Exposition) -> bytes:
    collected = _Collected(families)
    if form is Exposition.OPENMETRICS:
        # The library leaves this function untyped.
        return bytes(write_openmetrics(collected))  # type: ignore[no-untyped-call]
    return write_text(collected)


def _writable(family: Metric) -> Metric:
    family.samples = [_writable_sample(sample) for sample in family.samples]
    return family


def _writable_sample(sample: Sample) -> Sample:
    labels = {
        name: value.encode("utf-8", "backslashreplace").decode()
        for name, value in sample.labels.items()
    }
    return sample._replace(labels=labels)


def _media_range(item: str) -> tuple[str, dict[str, str]]:
    name, *rest = item.split(";")
    pairs = (parameter.partition("=") for parameter in rest)
    parameters = {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}
    return name.strip().lower(), parameters


def _quality(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0.0 <= quality <= 1.0 else 0.0
