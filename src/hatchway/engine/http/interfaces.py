"""The tables of `wasi:http`, for the linker.

What belongs to serving requests is defined so that a guest which imports it can start. No such
request ever comes, so no handle of one can exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.engine.http import bodies, errors, fields, handler, requests, responses
from hatchway.engine.preview2.binding import (
    FIELDS,
    FUTURE_INCOMING_RESPONSE,
    FUTURE_TRAILERS,
    INCOMING_BODY,
    INCOMING_REQUEST,
    INCOMING_RESPONSE,
    OUTGOING_BODY,
    OUTGOING_REQUEST,
    OUTGOING_RESPONSE,
    REQUEST_OPTIONS,
    RESPONSE_OUTPARAM,
    Function,
    unreachable,
)
from hatchway.engine.preview2.handles import trap

if TYPE_CHECKING:
    from hatchway.engine.preview2.binding import Host


def no_response(host: Host, _arguments: int, _result: int) -> None:
    """A guest makes a response though it was never asked for one."""
    trap(host.guest, "an outgoing-response was made, and there is no request to answer")


def _methods(resource: str, *names: str) -> dict[str, Function]:
    return {f"[method]{resource}.{name}": Function(unreachable) for name in names}


HELD = frozenset({
    FIELDS, OUTGOING_REQUEST, REQUEST_OPTIONS, INCOMING_RESPONSE, INCOMING_BODY, FUTURE_TRAILERS,
    OUTGOING_BODY, FUTURE_INCOMING_RESPONSE,
})  # fmt: skip
"""Resources behind whose handles something is held."""

RESOURCES = {
    "wasi:http/types": {
        "fields": FIELDS,
        "incoming-request": INCOMING_REQUEST,
        "outgoing-request": OUTGOING_REQUEST,
        "request-options": REQUEST_OPTIONS,
        "response-outparam": RESPONSE_OUTPARAM,
        "incoming-response": INCOMING_RESPONSE,
        "incoming-body": INCOMING_BODY,
        "future-trailers": FUTURE_TRAILERS,
        "outgoing-response": OUTGOING_RESPONSE,
        "outgoing-body": OUTGOING_BODY,
        "future-incoming-response": FUTURE_INCOMING_RESPONSE,
    },
}

FUNCTIONS: dict[str, dict[str, Function]] = {
    "wasi:http/types": {
        "http-error-code": Function(errors.http_error_code, (0,)),
        **fields.FUNCTIONS,
        **requests.FUNCTIONS,
        **responses.FUNCTIONS,
        **bodies.FUNCTIONS,
        **_methods(
            "incoming-request",
            "method", "path-with-query", "scheme", "authority", "headers", "consume",
        ),
        "[static]response-outparam.set": Function(unreachable),
        "[constructor]outgoing-response": Function(no_response, (0,)),
        **_methods("outgoing-response", "status-code", "set-status-code", "headers", "body"),
    },
    "wasi:http/outgoing-handler": handler.FUNCTIONS,
}  # fmt: skip
