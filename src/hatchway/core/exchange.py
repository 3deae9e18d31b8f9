"""What the two halves of egress say to each other: one HTTP exchange, in frames.

The inside half sends `POST /exchange` to the broker with the header fields of `TOKEN_HEADER`
and nothing of the guest's in them. Everything that comes from the guest travels in the body,
as frames, so that no text of a guest is ever read as HTTP by the broker's own server. The
answer is 200 with a body of frames; anything else means that the ticket is void.

    request:   HEAD (JSON) · DATA* · END      and, between them,         PRIVATE
    response:  HEAD (JSON) · DATA* · END      or, at any point instead,  REFUSED (JSON)

In the place of the request's HEAD there may be CONNECT: then DATA is what is said over a TCP
connection, and each END closes one direction of it. Or LOOK_UP: then the fields of the response
are the addresses of a name. Both are answered with a HEAD of status 200.

Both bodies may flow at once. A body that stops without END or REFUSED was cut off. PRIVATE says
that the call has read something private since the HEAD: what follows may hold it.
"""

from __future__ import annotations

import base64
import ipaddress
import json
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, get_args

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hatchway.core.addresses import Address

PATH = "/exchange"
TOKEN_HEADER = "hatchway-token"  # noqa: S105 - the field's name
MAX_DATA = 1 << 16
"""Bytes of one DATA frame."""
MAX_JSON = 1 << 20
"""Bytes of one HEAD or REFUSED frame."""
_HEADER_BYTES = 5
_ADDRESS = "address"

ErrorCode: TypeAlias = Literal[
    "DNS-timeout",
    "DNS-error",
    "destination-unavailable",
    "connection-refused",
    "connection-terminated",
    "connection-timeout",
    "connection-read-timeout",
    "connection-limit-reached",
    "TLS-protocol-error",
    "TLS-certificate-error",
    "HTTP-request-denied",
    "HTTP-request-body-size",
    "HTTP-request-header-section-size",
    "HTTP-request-method-invalid",
    "HTTP-request-URI-invalid",
    "HTTP-response-incomplete",
    "HTTP-response-header-section-size",
    "HTTP-response-body-size",
    "HTTP-response-content-coding",
    "HTTP-response-timeout",
    "HTTP-protocol-error",
    "loop-detected",
    "internal-error",
]
"""Why an exchange failed, in the words of `wasi:http`. A denial is always HTTP-request-denied:
anything finer would tell a guest what lies behind a name."""


class Kind(IntEnum):
    """What a frame holds."""

    HEAD = 1
    DATA = 2
    END = 3
    REFUSED = 4
    PRIVATE = 5
    CONNECT = 6
    LOOK_UP = 7


_LONGEST = {
    Kind.HEAD: MAX_JSON,
    Kind.DATA: MAX_DATA,
    Kind.END: 0,
    Kind.REFUSED: MAX_JSON,
    Kind.PRIVATE: 0,
    Kind.CONNECT: MAX_JSON,
    Kind.LOOK_UP: MAX_JSON,
}

Headers: TypeAlias = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHead:
    """A request as the guest put it, unchecked.

    Attributes:
        scheme: None where the guest named none.
        authority: Host and port; None where the guest named none.
        target: Path and query.
        redirects: How many redirects the broker may follow; each is decided about anew.
        has_read_private: The call has read a granted directory; for flow rules.
    """

    method: str
    scheme: str | None
    authority: str | None
    target: str
    headers: Headers = ()
    redirects: int = 0
    has_read_private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectHead:
    """A TCP connection as the guest asked for it, unchecked.

    Attributes:
        address: Of the other end, as text.
        port: Of the other end.
        has_read_private: The call has read a granted directory; for flow rules.
    """

    address: str
    port: int
    has_read_private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpHead:
    """A name that the guest wants the addresses of, unchecked.

    Attributes:
        has_read_private: The call has read a granted directory; for flow rules.
    """

    name: str
    has_read_private: bool = False


Head: TypeAlias = RequestHead | ConnectHead | LookUpHead


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseHead:
    """The head of a response, as the guest may see it.

    Attributes:
        url: Where it came from in the end, after redirects.
    """

    status: int
    headers: Headers = ()
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why there is no response, or no more of it.

    Attributes:
        error: For the guest.
        rule: The rule that stopped it, dotted: `egress.not_granted`. For people, never for the
            guest.
        attempted: What was asked for, for the list of denials; empty when this is no denial.
        wanted: The capability that would have allowed it, as `hatchway grant` takes it; or empty.
    """

    error: ErrorCode
    rule: str
    attempted: str = ""
    wanted: str = ""

    @property
    def is_denial(self) -> bool:
        """Whether policy stopped it, rather than the network."""
        return bool(self.attempted)


def frame(kind: Kind, payload: bytes = b"") -> bytes:
    """One frame."""
    return bytes((kind,)) + len(payload).to_bytes(4, "big") + payload


def data_frames(data: bytes) -> bytes:
    """`data` in as many frames as it takes."""
    if len(data) <= MAX_DATA:
        return frame(Kind.DATA, data) if data else b""
    return b"".join(
        frame(Kind.DATA, data[at : at + MAX_DATA]) for at in range(0, len(data), MAX_DATA)
    )


class FrameReader:
    """Cuts what comes over a connection into frames. Frames beyond the bounds are refused."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """The frames that `data` completes, in order.

        Raises:
            ValueError: The bytes are no frames.
        """
        self._held += data
        while len(self._held) >= _HEADER_BYTES:
            kind = Kind(self._held[0])
            length = int.from_bytes(self._held[1:_HEADER_BYTES], "big")
            if length > _LONGEST[kind]:
                message = f"a frame of {length} bytes is too long"
                raise ValueError(message)
            end = _HEADER_BYTES + length
            if len(self._held) < end:
                return
            payload = bytes(self._held[_HEADER_BYTES:end])
            del self._held[:end]
            yield kind, payload


def request_frame(head: RequestHead) -> bytes:
    """`head` as a HEAD frame."""
    return frame(Kind.HEAD, _json({**_fields(head), "headers": _headers_out(head.headers)}))


def head_frame(head: Head) -> bytes:
    """`head` as the first frame of what is asked."""
    if isinstance(head, RequestHead):
        return request_frame(head)
    kind = Kind.CONNECT if isinstance(head, ConnectHead) else Kind.LOOK_UP
    return frame(kind, _json(_fields(head)))


def response_frame(head: ResponseHead) -> bytes:
    """`head` as a HEAD frame."""
    return frame(Kind.HEAD, _json({**_fields(head), "headers": _headers_out(head.headers)}))


def refusal_frame(refusal: Refusal) -> bytes:
    """`refusal` as a REFUSED frame."""
    return frame(Kind.REFUSED, _json(_fields(refusal)))


def read_request(payload: bytes) -> RequestHead:
    """The head in a HEAD frame of a request; one process does not believe the other.

    Raises:
        ValueError: It is not of that form.
    """
    found = _object(payload, RequestHead)
    for name in ("scheme", "authority"):
        _require(found[name] is None or isinstance(found[name], str))
    _require(isinstance(found["method"], str) and isinstance(found["target"], str))
    _require(type(found["redirects"]) is int and found["redirects"] >= 0)
    _require(type(found["has_read_private"]) is bool)
    return RequestHead(**{**found, "headers": _headers_in(found["headers"])})


def read_head(kind: Kind, payload: bytes) -> Head:
    """The head in the first frame of what is asked.

    Raises:
        ValueError: It is not of that form, or no head.
    """
    match kind:
        case Kind.HEAD:
            return read_request(payload)
        case Kind.CONNECT:
            found = _object(payload, ConnectHead)
            _require(isinstance(found["address"], str) and type(found["port"]) is int)
            _require(type(found["has_read_private"]) is bool)
            return ConnectHead(**found)
        case Kind.LOOK_UP:
            found = _object(payload, LookUpHead)
            _require(isinstance(found["name"], str))
            _require(type(found["has_read_private"]) is bool)
            return LookUpHead(**found)
        case _:
            message = "what is asked begins with a head"
            raise ValueError(message)


def addresses_head(addresses: Iterable[Address]) -> ResponseHead:
    """What is answered to a LOOK_UP."""
    fields = tuple((_ADDRESS, str(address).encode("ascii")) for address in addresses)
    return ResponseHead(status=200, headers=fields)


def addresses_in(head: ResponseHead) -> tuple[Address, ...]:
    """The addresses that are answered to a LOOK_UP.

    Raises:
        ValueError: One of them is none.
    """
    return tuple(
        ipaddress.ip_address(value.decode("ascii"))
        for name, value in head.headers
        if name == _ADDRESS
    )


def read_response(payload: bytes) -> ResponseHead:
    """The head in a HEAD frame of a response.

    Raises:
        ValueError: It is not of that form.
    """
    found = _object(payload, ResponseHead)
    _require(type(found["status"]) is int and 100 <= found["status"] <= 999)
    _require(isinstance(found["url"], str))
    return ResponseHead(**{**found, "headers": _headers_in(found["headers"])})


def read_refusal(payload: bytes) -> Refusal:
    """What a REFUSED frame says.

    Raises:
        ValueError: It is not of that form.
    """
    found = _object(payload, Refusal)
    _require(all(isinstance(value, str) for value in found.values()))
    _require(found["error"] in get_args(ErrorCode))
    return Refusal(**found)


def _fields(item: Head | ResponseHead | Refusal) -> dict[str, Any]:
    return {name: getattr(item, name) for name in item.__slots__}


def _json(found: dict[str, Any]) -> bytes:
    return json.dumps(found, separators=(",", ":")).encode()


def _object(payload: bytes, kind: type) -> dict[str, Any]:
    try:
        found = json.loads(payload)
    except RecursionError as error:
        message = "nested deeper than anything the other half of egress says"
        raise ValueError(message) from error
    _require(isinstance(found, dict) and set(found) == set(kind.__slots__))  # type: ignore[attr-defined]  # a dataclass with slots
    return cast("dict[str, Any]", found)


def _headers_out(headers: Headers) -> list[list[str]]:
    return [[name, base64.b64encode(value).decode("ascii")] for name, value in headers]


def _headers_in(found: Any) -> Headers:
    _require(isinstance(found, list))
    headers: list[tuple[str, bytes]] = []
    for pair in found:
        _require(isinstance(pair, list) and len(pair) == 2)
        name, value = pair
        _require(isinstance(name, str) and isinstance(value, str))
        headers.append((name, base64.b64decode(value, validate=True)))
    return tuple(headers)


def _require(holds: bool) -> None:
    if not holds:
        message = "not what the other half of egress says"
        raise ValueError(message)
