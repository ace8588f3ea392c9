"""The API's OpenAPI document, made from its parameters and shapes; checked in, served as it is.

``python -m afterword_sidecar.web.openapi`` writes ``openapi.json`` anew; a test keeps it true, and
every answer of the tests is held against it.
"""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from afterword_sidecar.web import api_shapes as shapes
from afterword_sidecar.web import audit_shapes
from afterword_sidecar.web.api_parameters import (
    AUDIT_PARAMETERS,
    BOOK_PARAMETERS,
    DEAD_LETTER_PARAMETERS,
    LOSS_PARAMETERS,
    SUMMARY_PARAMETERS,
    TASK_PARAMETERS,
    Parameter,
)

_FILE: Final = Path(__file__).with_name("openapi.json")
_SCHEMAS: Final = "#/components/schemas/"
_PROBLEMS: Final = {
    400: "A parameter is wrong; the problem names it.",
    404: "There is no such thing.",
    410: "The listing of this cursor is not kept any more: begin again without it.",
    503: "Not now: the store fails. Retry-After says when to ask again.",
}


class _Resource(NamedTuple):
    """What it is, what it answers with, and how it may fail."""

    summary: str
    answers: Iterable[type]
    parameters: Iterable[dict[str, Any]]
    failures: Iterable[int]


def _query(parameters: Iterable[Parameter]) -> list[dict[str, Any]]:
    return [
        {
            "name": parameter.name,
            "in": "query",
            "description": parameter.description,
            "schema": parameter.schema,
        }
        for parameter in parameters
    ]


_ID: Final[dict[str, Any]] = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "stream-sequence, as in a list",
    "schema": {"type": "string"},
}
_RESOURCES: Final = {
    "/api/v1/book": _Resource(
        "The balance, and what was counted lately",
        [shapes.Book],
        _query(BOOK_PARAMETERS),
        (400,),
    ),
    "/api/v1/audit": _Resource(
        "Whether the book can be trusted, and what is missing where it cannot",
        [audit_shapes.Audit],
        _query(AUDIT_PARAMETERS),
        (400, 404, 503),
    ),
    "/api/v1/summaries": _Resource(
        "Per task: balance, rates of the last hour, durations, budget used",
        [shapes.TaskSummaryPage],
        _query(SUMMARY_PARAMETERS),
        (400,),
    ),
    "/api/v1/losses": _Resource(
        "Dead letters of the last seven days, by kind and window",
        [shapes.Losses],
        _query(LOSS_PARAMETERS),
        (400, 503),
    ),
    "/api/v1/tasks": _Resource(
        "Tasks in flight, and those settled lately",
        [shapes.TaskPage],
        _query(TASK_PARAMETERS),
        (400, 410, 503),
    ),
    "/api/v1/tasks/{id}": _Resource(
        "One task: in flight, lost, or settled lately",
        [shapes.Task, shapes.DeadLetterWithPayload],
        [_ID],
        (400, 404, 503),
    ),
    "/api/v1/dead-letters": _Resource(
        "Tasks that did not complete, newest first",
        [shapes.DeadLetterPage, shapes.DeadLetterPageWithPayloads],
        _query(DEAD_LETTER_PARAMETERS),
        (400, 503),
    ),
    "/api/v1/dead-letters/{id}": _Resource(
        "A dead letter with its payload",
        [shapes.DeadLetterWithPayload],
        [_ID],
        (400, 404, 503),
    ),
}


@cache
def document() -> bytes:
    """The checked-in document."""
    return _FILE.read_bytes()


def description() -> dict[str, Any]:
    """The document as it should be."""
    types = (
        shapes.Book,
        audit_shapes.Audit,
        shapes.TaskSummaryPage,
        shapes.Losses,
        shapes.TaskPage,
        shapes.DeadLetterPage,
        shapes.DeadLetterPageWithPayloads,
        shapes.DeadLetterWithPayload,
        shapes.Readiness,
        shapes.Liveness,
        shapes.Problem,
    )
    _, schemas = msgspec.json.schema_components(types, ref_template=_SCHEMAS + "{name}")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Afterword's operators' port",
            "version": "1",
            "description": "What the book says about deferred tasks. Read only, no password: let "
            "only operators reach it. Moments are RFC 3339 in UTC; what is not known is null; "
            "fields may be added. A parameter that is unknown or wrong is an error.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:9464"}],
        "paths": _paths(),
        "components": {"schemas": schemas},
    }


def _paths() -> dict[str, Any]:
    return {
        "/metrics": {"get": _metrics()},
        "/healthz": {"get": _get("Whether the process answers", [shapes.Liveness])},
        "/readyz": {"get": _readyz()},
        "/api/v1/openapi.json": {"get": _openapi()},
        **{
            path: {"get": _get(each.summary, each.answers, each.parameters, each.failures)}
            for path, each in _RESOURCES.items()
        },
    }


def _get(
    summary: str,
    answers: Iterable[type],
    parameters: Iterable[dict[str, Any]] = (),
    failures: Iterable[int] = (),
) -> dict[str, Any]:
    refs = [{"$ref": _SCHEMAS + answer.__name__} for answer in answers]
    schema = refs[0] if len(refs) == 1 else {"anyOf": refs}
    responses: dict[str, Any] = {"200": _body("It is.", "application/json", schema)}
    for status in failures:
        problem = {"$ref": _SCHEMAS + "Problem"}
        responses[str(status)] = _body(_PROBLEMS[status], "application/problem+json", problem)
    return {"summary": summary, "parameters": list(parameters), "responses": responses}


def _readyz() -> dict[str, Any]:
    operation = _get("Whether evidence is taken", [shapes.Readiness])
    readiness = {"$ref": _SCHEMAS + "Readiness"}
    operation["responses"]["503"] = _body("It is not, and why.", "application/json", readiness)
    return operation


def _metrics() -> dict[str, Any]:
    text = {"schema": {"type": "string"}}
    forms = {"text/plain": text, "application/openmetrics-text": text}
    return {
        "summary": "For Prometheus; text or OpenMetrics, by Accept",
        "responses": {"200": {"description": "One committed version of it.", "content": forms}},
    }


def _openapi() -> dict[str, Any]:
    schema = {"type": "object"}
    return {
        "summary": "This document",
        "responses": {"200": _body("It is.", "application/json", schema)},
    }


def _body(description: str, content_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {content_type: {"schema": schema}}}


def written() -> str:
    """The document as it is written to its file."""
    return json.dumps(description(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    _FILE.write_text(written(), encoding="utf-8")
