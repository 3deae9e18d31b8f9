"""The canary: a web server on loopback that plays the attacker's, and sings when reached."""

from __future__ import annotations

import functools
import socketserver
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from types import TracebackType

_MAX_BODY_BYTES = 1 << 16
_REQUEST_SECONDS = 5.0
_POLL_SECONDS = 0.02
_SCRIPT_PATH, _COLLECT_PATH = "/fix.sh", "/collect"


@dataclass(frozen=True, slots=True)
class Visit:
    """One request that reached the canary."""

    method: str
    path: str
    body: str


class Canary:
    """Serves a script at one address, and remembers every connection and request.

    Args:
        script: The script to serve, given the address that collects what it steals.

    After the `with` block, `connections` and `visits` are complete: a connection that was
    made but not yet accepted is counted on the way out.
    """

    def __init__(self, script: Callable[[str], str]) -> None:
        self.visits: list[Visit] = []
        self.connections = 0
        self._server = _Server(self)
        self.script = script(self._url(_COLLECT_PATH))
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), name="canary", daemon=True
        )

    @property
    def script_url(self) -> str:
        """Where the script is."""
        return self._url(_SCRIPT_PATH)

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def __enter__(self) -> Canary:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._count_waiting()
        self._server.server_close()

    def _count_waiting(self) -> None:
        """Count the connections that nobody accepted yet."""
        self._server.socket.setblocking(False)
        while True:
            try:
                connection, _ = self._server.socket.accept()
            except BlockingIOError:
                return
            connection.close()
            self.connections += 1


class _Server(socketserver.TCPServer):  # HTTPServer would look up the name of the host
    def __init__(self, canary: Canary) -> None:
        super().__init__(("127.0.0.1", 0), functools.partial(_Handler, canary))
        self._canary = canary

    def get_request(self) -> tuple[socket.socket, Any]:
        connection = super().get_request()
        self._canary.connections += 1
        return connection

    def handle_error(self, _request: Any, _client: Any) -> None:
        """Whoever connects and breaks off has been counted already."""


class _Handler(BaseHTTPRequestHandler):
    timeout: ClassVar[float | None] = _REQUEST_SECONDS

    def __init__(self, canary: Canary, *about: Any) -> None:
        self._canary = canary
        super().__init__(*about)

    def do_GET(self) -> None:
        self._remember("")
        if self.path == _SCRIPT_PATH:
            self._answer(200, self._canary.script)
        else:
            self._answer(404, "")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "0")
        size = min(int(length), _MAX_BODY_BYTES) if length.isdigit() else 0
        self._remember(self.rfile.read(size).decode("utf-8", "replace"))
        self._answer(200, "thank you\n")

    def _remember(self, body: str) -> None:
        self._canary.visits.append(Visit(self.command, self.path, body))

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_message: Any) -> None:
        """What came is in `visits`; nothing is printed."""
