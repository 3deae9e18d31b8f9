"""Requests to other machines: bounded, encrypted, and never with somebody else's credentials.

Nothing here is trusted for what it answers. A caller compares every byte with a digest.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import hatchway
from hatchway.core.errors import RegistryError
from hatchway.core.untrusted import printable
from hatchway.registry.hosts import Url, join_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx2

    from hatchway.core.secret import Secret
    from hatchway.registry.settings import SourceSettings

MAX_REDIRECTS = 5
MAX_ERROR_BYTES = 64 << 10
"""Of an answer that is none, this much is read, for the connection's sake."""

_CHUNK_BYTES = 1 << 16
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_FOLLOWED = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server said.

    Attributes:
        url: Who said it, after all redirects.
        headers: By their names in lower case; of several, all, joined by commas.
        body: All of it; empty where there was an error.
    """

    url: Url
    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """Connections for the fetching of one reference, all closed at one deadline.

    A server that sends a byte now and then passes every timeout of a single reading, so at
    the deadline the sockets themselves are shut down, whatever is waited for.
    """

    def __init__(self, settings: SourceSettings) -> None:
        self._settings = settings
        self._opened = contextlib.ExitStack()
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._is_late = False
        self._timer = threading.Timer(settings.deadline_seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()
        self._opened.close()
        for each in self._sockets:
            each.close()

    def request(
        self,
        method: str,
        url: Url,
        *,
        limit_bytes: int,
        accept: str = "*/*",
        authorization: Secret | None = None,
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Answer:
        """One request and its answer, redirects followed for what only reads.

        Args:
            method: Of HTTP.
            url: Where to.
            limit_bytes: The longest body that is taken.
            accept: Media types.
            authorization: The whole header. It stays with the origin of `url`.
            body: What is sent.
            content_type: Of the body.

        Raises:
            RegistryError: There is no answer, it is too large or too slow, or it leads where
                nobody should follow.
        """
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        headers["User-Agent"] = f"hatchway/{hatchway.__version__}"
        if content_type is not None:
            headers["Content-Type"] = content_type
        if authorization is not None:
            headers["Authorization"] = authorization.reveal()
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._once(method, url, headers, body, limit_bytes)
            if answer.status not in _REDIRECTS:
                return answer
            url = _followed(method, answer, headers)
        message = f"{url.origin} redirects more than {MAX_REDIRECTS} times"
        raise RegistryError(message, code="registry.redirect")

    def _once(
        self, method: str, url: Url, headers: Mapping[str, str], body: bytes, limit_bytes: int
    ) -> Answer:
        import httpx2  # a tenth of a second that no call should ever wait for

        # A request made by hand has no cookies, and no credentials of a .netrc.
        request = httpx2.Request(
            method,
            str(url),
            headers=dict(headers),
            content=body or (b"" if method in {"POST", "PUT"} else None),
            extensions={"timeout": self._timeouts(), "trace": self._trace},
        )
        client = self._local if url.is_loopback else self._remote
        with self._explained(url):
            response = client.send(request, auth=None, stream=True, follow_redirects=False)
            try:
                return self._answer(url, response, limit_bytes)
            finally:
                response.close()

    def _answer(self, url: Url, response: httpx2.Response, limit_bytes: int) -> Answer:
        is_good = response.is_success
        if is_good and response.headers.get("Content-Encoding", "identity") != "identity":
            message = f"{url.origin} compresses what must be compared byte for byte"
            raise RegistryError(message, code="registry.unsupported")
        body = _body(url, response, limit_bytes) if is_good else _drained(response)
        return Answer(
            url=url,
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=body,
        )

    # Deadlines

    def _timeouts(self) -> dict[str, float]:
        idle = min(self._settings.idle_seconds, self._settings.deadline_seconds)
        return dict.fromkeys(("connect", "read", "write", "pool"), idle)

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Keep a second descriptor of every new connection, for the deadline."""
        if not event.endswith(".connect_tcp.complete"):  # of a server, or of a proxy
            return
        connected = info["return_value"].get_extra_info("socket")
        # A copy, because TLS takes the first one over; shutting down reaches both.
        copy = socket.socket(fileno=os.dup(connected.fileno()))
        with self._lock:
            self._sockets.append(copy)
            if self._is_late:
                _shut(copy)

    def _cut(self) -> None:
        with self._lock:
            self._is_late = True
            for each in self._sockets:
                _shut(each)

    @contextlib.contextmanager
    def _explained(self, url: Url) -> Iterator[None]:
        """What goes wrong below, in our words.

        Raises:
            RegistryError: `registry.too_slow` or `registry.unreachable`.
        """
        import httpx2

        try:
            yield
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            if self._is_late or isinstance(error, httpx2.TimeoutException):
                message = f"{url.origin} takes too long"
                hint = f"a source has {self._settings.deadline_seconds:g} seconds in all"
                raise RegistryError(message, code="registry.too_slow", hint=hint) from error
            why = printable(str(error) or type(error).__name__)
            message = f"{url.origin} cannot be asked: {why}"
            raise RegistryError(message, code="registry.unreachable") from error

    # Clients

    @cached_property
    def _remote(self) -> httpx2.Client:
        """Goes through the proxy that the environment names, where there is one."""
        import httpx2

        return self._opened.enter_context(httpx2.Client(trust_env=True, follow_redirects=False))

    @cached_property
    def _local(self) -> httpx2.Client:
        """Never goes through a proxy: what is meant for this machine stays on it."""
        import httpx2

        return self._opened.enter_context(httpx2.Client(trust_env=False, follow_redirects=False))


def _followed(method: str, answer: Answer, headers: dict[str, str]) -> Url:
    """Where an answer leads; the credentials stay behind when that is another origin.

    Raises:
        RegistryError: `registry.redirect`.
    """
    origin = answer.url.origin
    if method not in _FOLLOWED:
        message = f"{origin} redirects a {method}"
        raise RegistryError(message, code="registry.redirect")
    try:
        target = join_url(answer.url, answer.headers.get("location", ""))
    except ValueError as error:
        message = f"{origin} redirects to where nobody follows: {error}"
        raise RegistryError(message, code="registry.redirect") from error
    if target.is_loopback and not answer.url.is_loopback:
        message = f"{origin} redirects to this machine"
        raise RegistryError(message, code="registry.redirect")
    if target.origin != origin:
        headers.pop("Authorization", None)
    return target


def _body(url: Url, response: httpx2.Response, limit_bytes: int) -> bytes:
    announced = response.headers.get("Content-Length", "0")
    if (
        announced.isdecimal()
        and int(announced[:20]) > limit_bytes
        and response.request.method != "HEAD"
    ):
        raise too_large(url.origin, limit_bytes)
    parts: list[bytes] = []
    size = 0
    for part in response.iter_raw(_CHUNK_BYTES):
        size += len(part)
        if size > limit_bytes:
            raise too_large(url.origin, limit_bytes)
        parts.append(part)
    return b"".join(parts)


def _drained(response: httpx2.Response) -> bytes:
    size = 0
    for part in response.iter_raw(_CHUNK_BYTES):
        size += len(part)
        if size > MAX_ERROR_BYTES:
            break
    return b""


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def too_large(what: str, limit_bytes: int) -> RegistryError:
    """The complaint about a body that is longer than it may be."""
    message = f"what {what} sends is larger than {limit_bytes} bytes"
    return RegistryError(message, code="registry.too_large")


def require_success(answer: Answer, what: str) -> Answer:
    """`answer`, if it is one.

    Raises:
        RegistryError: With the reason as the status tells it.
    """
    origin = answer.url.origin
    if 200 <= answer.status < 300:
        return answer
    if answer.status in {401, 403}:
        message = f"{origin} does not hand out {what} to us (status {answer.status})"
        hint = "credentials are taken from the auths of docker's config.json; see docs/sources.md"
        raise RegistryError(message, code="registry.denied", hint=hint)
    if answer.status in {404, 410}:
        message = f"{origin} does not have {what}"
        raise RegistryError(message, code="registry.not_found")
    message = f"{origin} answers {answer.status} when asked for {what}"
    raise RegistryError(message, code="registry.failed")
