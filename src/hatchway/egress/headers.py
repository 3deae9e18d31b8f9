"""Which header fields pass, in both directions, and where secrets are put in.

A field a guest wrote may change what the request means: where it goes, who sent it, how long it
is, or which path and method the server sees. Those are ours to say. Names are compared as servers
behind CGI and WSGI see them, where `X_Api_Key` and `x-api-key` are the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hatchway.core.capability import HttpAccess
    from hatchway.core.egress import BoundSecret
    from hatchway.core.exchange import Headers
    from hatchway.policy.egress import Target

Fields: TypeAlias = list[tuple[bytes, bytes]]
"""Names in lower case, and values."""

FIELD_OVERHEAD = 4
"""Bytes of a field besides its name and value: a colon, a space and the end of the line."""

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}", re.ASCII)
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_LENGTH = re.compile(rb"[0-9]{1,18}")

_OF_ONE_HOP = frozenset(
    {
        b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade",
        b"http2-settings",
    }
)  # fmt: skip
_OURS = frozenset({b"host", b"content-length", b"expect"})
_IDENTITY = frozenset(
    {
        b"forwarded", b"via", b"x-real-ip", b"real-ip", b"client-ip", b"x-client-ip",
        b"x-cluster-client-ip", b"x-originating-ip", b"x-remote-ip", b"x-remote-addr",
        b"x-remote-user", b"remote-user", b"cf-connecting-ip", b"cf-connecting-ipv6",
        b"true-client-ip", b"fastly-client-ip", b"x-azure-clientip", b"x-azure-socketip",
        b"x-appengine-user-ip", b"x-host", b"x-envoy-external-address",
    }
)  # fmt: skip
"""Who asks, in the words of proxies that servers believe."""
_PATH_OVERRIDES = frozenset({b"x-original-url", b"x-rewrite-url", b"x-original-uri"})
_METHOD_OVERRIDES = frozenset({b"x-http-method-override", b"x-http-method", b"x-method-override"})
_METADATA = frozenset({b"metadata", b"metadata-flavor", b"x-google-metadata-request"})
"""Proof, for the metadata services of clouds, that a request is meant."""
_CREDENTIALS = frozenset({b"authorization", b"cookie", b"proxy-authorization"})
_ABOUT_THE_BODY = frozenset(
    {b"content-type", b"content-encoding", b"content-language", b"content-location"}
)


class BadFieldError(ValueError):
    """A field that cannot be sent as it is, without becoming something else on the way."""


def checked(headers: Headers) -> Fields:
    """What a guest wrote, once it is known to be header fields (RFC 9110, section 5).

    Raises:
        BadFieldError: Some of it is none.
    """
    fields: Fields = []
    for name, value in headers:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            message = "a header field holds what no header field may"
            raise BadFieldError(message)
        fields.append((name.lower().encode("ascii"), value.strip(b" \t")))
    return fields


def declared_length(fields: Fields) -> int | None:
    """The length of the body that the guest announces; None where it does not, or not clearly."""
    lengths = {value for name, value in fields if name == b"content-length"}
    if len(lengths) != 1 or not _LENGTH.fullmatch(length := lengths.pop()):
        return None
    return int(length)


def outgoing(fields: Fields, access: HttpAccess) -> Fields:
    """The guest's fields that may leave, for an origin that was granted with `access`.

    `host` and the fields of framing are not among them: they are said by us.
    """
    named = _named_by_connection(fields)
    kept = [
        (name, value)
        for name, value in fields
        if name not in named and _may_leave(name.replace(b"_", b"-"), access)
    ]
    if not any(name == b"accept-encoding" for name, _ in kept):
        kept.append((b"accept-encoding", b"identity"))
    return kept


def _may_leave(name: bytes, access: HttpAccess) -> bool:
    if name in _OF_ONE_HOP or name in _OURS or name in _IDENTITY or name in _PATH_OVERRIDES:
        return False
    if name.startswith((b"proxy-", b"x-forwarded", b"hatchway-")):
        return False
    if name in _METHOD_OVERRIDES:
        return access.methods is None
    if name in _METADATA or name.startswith(b"x-aws-ec2-metadata-"):
        return access.is_internal
    return True


def _named_by_connection(fields: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
    return frozenset(
        token.strip(b" \t").lower()
        for name, value in fields
        if name == b"connection"
        for token in value.split(b",")
    )


def with_secrets(
    fields: Fields, secrets: Sequence[BoundSecret], target: Target, access: HttpAccess
) -> Fields:
    """`fields` with the secrets of the origin of `target` in place of what stood there.

    In clear text they go to an origin that was granted as internal, and nowhere else.
    """
    if target.scheme != "https" and not access.is_internal:
        return fields
    origin = (target.scheme, target.host, target.port)
    for secret in secrets:
        if (secret.scheme, secret.host, secret.port) != origin:
            continue
        name = secret.header.lower().encode("ascii")
        value = secret.template.replace("{}", secret.secret.reveal()).encode().strip(b" \t")
        assert _VALUE.fullmatch(value), "a secret is checked where it is bound"
        bare = name.replace(b"_", b"-")
        fields = [field for field in fields if field[0].replace(b"_", b"-") != bare]
        fields.append((name, value))
    return fields


def without_body(headers: Headers) -> Headers:
    """The guest's headers for the request that follows when a redirect drops the body."""
    dropped = _ABOUT_THE_BODY | {b"content-length"}
    return tuple(field for field in headers if _bare(field[0]) not in dropped)


def without_credentials(headers: Headers) -> Headers:
    """The guest's headers for a redirect that leaves the origin they were written for."""
    return tuple(field for field in headers if _bare(field[0]) not in _CREDENTIALS)


def _bare(name: str) -> bytes:
    return name.lower().replace("_", "-").encode("utf-8", "surrogatepass")


def incoming(fields: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The fields of a response that the guest gets."""
    received = [(bytes(name).lower(), bytes(value)) for name, value in fields]
    dropped = _named_by_connection(received) | _OF_ONE_HOP | {b"alt-svc"}
    if any(name == b"transfer-encoding" for name, _ in received):
        dropped |= {b"content-length"}
    return tuple(
        (name.decode("ascii"), value)
        for name, value in received
        if name not in dropped and not name.startswith(b"proxy-")
    )


def size_of(fields: Iterable[tuple[bytes, bytes]]) -> int:
    """The bytes that fields take."""
    return sum(len(name) + len(value) + FIELD_OVERHEAD for name, value in fields)
