"""MCP over streamable HTTP, on loopback, for those who hold the token.

Another program on this machine, or a web page in its browser, can reach a loopback port.
So the `Host` and `Origin` headers are always checked, against names we choose, and every
request must carry the bearer token from a file that only its owner can read.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import secrets
import socket
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from starlette.responses import JSONResponse

from hatchway.core.errors import ConfigError
from hatchway.core.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path

    from mcp.server import Server
    from starlette.types import ASGIApp, Receive, Scope, Send

PATH = "/mcp"

_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]*)):([0-9]{1,5})")
_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the server listens.

    Attributes:
        host: A loopback address.
        port: 0 lets the system choose.
    """

    host: str
    port: int

    @property
    def url(self) -> str:
        """What a client connects to."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{PATH}"


def parse_address(text: str) -> Address:
    """The loopback address in `HOST:PORT`.

    Raises:
        ConfigError: It is not an address, or one that others could reach.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match[3]) >= 1 << 16:
        message = f"expected HOST:PORT, got {text!r}"
        raise ConfigError(message, code="config.bad_address", hint="--http 127.0.0.1:8414")
    host = match[1] or match[2]
    if host == "localhost":
        host = "127.0.0.1"
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        message = f"refusing to listen on {host or 'every address'}: others could reach it"
        hint = "this version authenticates with a local token only; use 127.0.0.1 or [::1]"
        raise ConfigError(message, code="config.unauthenticated_bind", hint=hint)
    return Address(host=host, port=int(match[3]))


def load_token(file: Path) -> Secret:
    """The bearer token in `file`, made at first use with mode 0600.

    Raises:
        ConfigError: The file can be read by others, or cannot be made.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(file, flags, 0o600), "w") as stream:
                stream.write(secrets.token_urlsafe(_TOKEN_BYTES) + "\n")
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW)) as stream:
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            token = stream.read(4096).strip()
    except OSError as error:
        message = f"cannot use the token file {str(file)!r}: {error.strerror}"
        hint = "point XDG_STATE_HOME at a directory you may write to"
        raise ConfigError(message, code="config.unwritable", hint=hint) from error
    if mode & 0o077 or len(token) < _TOKEN_BYTES:
        message = f"the token file {str(file)!r} must be private (mode 0600) and hold a long token"
        raise ConfigError(message, code="config.unsafe_token", hint=f"rm {file}")
    return Secret(token)


class RequireToken:
    """Answers 401 to every request without the token, before anything else sees it."""

    def __init__(self, app: ASGIApp, token: Secret) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let `lifespan` and authenticated requests through."""
        if scope["type"] == "lifespan" or self._is_authentic(scope):
            await self._app(scope, receive, send)
            return
        response = JSONResponse(
            {"error": "unauthorized"},
            status_code=401,
            headers={"WWW-Authenticate": 'Bearer realm="hatchway"'},
        )
        await response(scope, receive, send)

    def _is_authentic(self, scope: Scope) -> bool:
        presented = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(presented) != 1:
            return False
        scheme, _, token = presented[0].decode("latin-1").partition(" ")
        return scheme.lower() == "bearer" and self._token.matches(token.strip())


def http_app(server: Server[dict[str, Any]], address: Address, token: Secret) -> ASGIApp:
    """The whole HTTP door."""
    names = {"127.0.0.1", "localhost", "[::1]"}
    if ":" not in address.host:
        names.add(address.host)  # another loopback address, 127.0.0.2 for example
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        host=address.host,
        # Never json_response or stateless_http: with either, a client that goes away does
        # not stop its call.
        transport_security=TransportSecuritySettings(
            enable_dns_rebinding_protection=True,
            allowed_hosts=[f"{name}:{address.port}" for name in names],
            allowed_origins=[f"http://{name}:{address.port}" for name in names],
        ),
    )
    return RequireToken(app, token)


def listen(address: Address) -> tuple[socket.socket, Address]:
    """A listening socket, and the address with the port it got.

    Raises:
        ConfigError: The port is taken, or may not be used.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address.host, address.port))
        listener.listen(128)  # from here on a client that connects only has to wait
    except OSError as error:
        listener.close()
        message = f"cannot listen on {address.host}:{address.port}: {error.strerror}"
        raise ConfigError(message, code="config.bad_address") from error
    return listener, Address(host=address.host, port=listener.getsockname()[1])


async def serve_http(app: ASGIApp, listener: socket.socket) -> None:
    """Serve until the process is told to stop."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        # Nothing stands in front of a loopback address whose word about the client counts.
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=5,
    )
    await uvicorn.Server(config).serve(sockets=[listener])
