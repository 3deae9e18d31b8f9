"""What became of a request that has no response: for core modules an errno, else a case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.engine.preview1.errno import (
    EAGAIN,
    ECONNREFUSED,
    ECONNRESET,
    EHOSTUNREACH,
    EINVAL,
    EIO,
    ELOOP,
    EMSGSIZE,
    ENOTCAPABLE,
    EPROTO,
    ETIMEDOUT,
)

if TYPE_CHECKING:
    from hatchway.core.exchange import ErrorCode

ERRNOS: dict[ErrorCode, int] = {
    "DNS-timeout": ETIMEDOUT,
    "DNS-error": EHOSTUNREACH,
    "destination-unavailable": EHOSTUNREACH,
    "connection-refused": ECONNREFUSED,
    "connection-terminated": ECONNRESET,
    "connection-timeout": ETIMEDOUT,
    "connection-read-timeout": ETIMEDOUT,
    "connection-limit-reached": EAGAIN,
    "TLS-protocol-error": EPROTO,
    "TLS-certificate-error": EPROTO,
    "HTTP-request-denied": ENOTCAPABLE,
    "HTTP-request-body-size": EMSGSIZE,
    "HTTP-request-header-section-size": EMSGSIZE,
    "HTTP-request-method-invalid": EINVAL,
    "HTTP-request-URI-invalid": EINVAL,
    "HTTP-response-incomplete": ECONNRESET,
    "HTTP-response-header-section-size": EMSGSIZE,
    "HTTP-response-body-size": EMSGSIZE,
    "HTTP-response-content-coding": EPROTO,
    "HTTP-response-timeout": ETIMEDOUT,
    "HTTP-protocol-error": EPROTO,
    "loop-detected": ELOOP,
    "internal-error": EIO,
}
"""The error numbers of preview 1 for core modules."""

_CASES = {ENOTCAPABLE: "denied", ETIMEDOUT: "timeout", EMSGSIZE: "too-large", EINVAL: "invalid"}
_WITH_WORDS = frozenset({"unreachable", "invalid"})


def case_of(error: ErrorCode) -> tuple[str, str | None]:
    """The case of the variant for components, and the words that go with it, if any."""
    case = _CASES.get(ERRNOS[error], "unreachable")
    return case, error if case in _WITH_WORDS else None
