"""Errors as RFC 9457 problem documents, for whoever asked the wrong thing or at a bad moment."""

import logging
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from afterword_sidecar.service import Refused
from afterword_sidecar.stores.contract import StoreError
from afterword_sidecar.web.api_audit import UnknownServiceError
from afterword_sidecar.web.api_parameters import ParameterError
from afterword_sidecar.web.api_shapes import Problem
from afterword_sidecar.web.api_tasks import GoneError

CONTENT_TYPE: Final = "application/problem+json"
_STORE_RETRY_SECONDS: Final = 5

log = logging.getLogger(__name__)


def problem(
    status: HTTPStatus,
    detail: str,
    *,
    parameter: str = "",
    headers: dict[str, str] | None = None,
) -> web.Response:
    """A response that says what is wrong."""
    document = Problem(
        title=status.phrase,
        status=status.value,
        detail=detail,
        parameter=parameter or msgspec.UNSET,
    )
    return web.Response(
        status=status,
        body=msgspec.json.encode(document),
        content_type=CONTENT_TYPE,
        headers=headers,
    )


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what a handler raises into a problem document."""
    try:
        return await handler(request)
    except web.HTTPException as refusal:
        kept = {"Allow": refusal.headers["Allow"]} if "Allow" in refusal.headers else None
        return problem(HTTPStatus(refusal.status), _detail(request, refusal), headers=kept)
    except (ParameterError, UnknownServiceError, GoneError) as mistake:
        return _of_asker(mistake)
    except (Refused, StoreError) as trouble:
        seconds = getattr(trouble, "retry_after_seconds", _STORE_RETRY_SECONDS)
        retry = {"Retry-After": str(max(1, round(seconds)))}
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(trouble), headers=retry)
    except ConnectionError:
        raise  # who asked has gone; nobody is to blame
    except Exception:
        log.exception("the operators' port failed to answer", extra={"path": request.path})
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "a bug of the sidecar's; see its log")


def _of_asker(mistake: ParameterError | UnknownServiceError | GoneError) -> web.Response:
    if isinstance(mistake, ParameterError):
        return problem(HTTPStatus.BAD_REQUEST, str(mistake), parameter=mistake.parameter)
    if isinstance(mistake, UnknownServiceError):
        return problem(HTTPStatus.NOT_FOUND, str(mistake), parameter="service")
    return problem(HTTPStatus.GONE, "this listing is not kept any more; begin again without cursor")


def _detail(request: web.Request, refusal: web.HTTPException) -> str:
    if refusal.status == HTTPStatus.NOT_FOUND:
        return f"there is no {request.path}; see /api/v1/openapi.json"
    if refusal.status == HTTPStatus.METHOD_NOT_ALLOWED:
        return "this port is only read: GET and HEAD"
    return refusal.reason
