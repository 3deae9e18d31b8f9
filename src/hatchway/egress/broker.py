"""The outside half of egress: what a call may do on the network happens here, or not at all.

One broker serves all calls of a process. It listens on loopback, where the inside half of a call
shows its ticket and says what a guest asks for. From there on nothing of the guest is believed.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

from hatchway.core.egress import Ticket
from hatchway.core.errors import InternalError
from hatchway.egress.tickets import Admission, Admissions

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from hatchway.core.call import ToolCall
    from hatchway.core.egress import EgressGrant
    from hatchway.core.secret import Secret
    from hatchway.core.tool import Tool
    from hatchway.core.traces import Traces
    from hatchway.egress.entrances import Entrance
    from hatchway.egress.listening import Listener
    from hatchway.egress.outside import Outside
    from hatchway.egress.recording import EventSink
    from hatchway.egress.resolving import Resolve

_END_SECONDS = 5.0
"""For what is under way when its call ends; it only has to be cancelled."""


class Broker:
    """Lets calls onto the network, as far as each was granted it.

    It begins to listen with the first call, and keeps its port until it is closed.

    Args:
        events: Where every request is recorded.
        resolve: Instead of the system's resolver.
    """

    def __init__(self, events: EventSink, *, resolve: Resolve | None = None) -> None:
        self._events = events
        self._resolve = resolve
        self._admissions = Admissions()
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._listener: Listener | None = None
        self._outside: Outside | None = None
        self._port = 0
        self._is_closed = False

    @contextlib.contextmanager
    def admit(
        self, call: ToolCall, tool: Tool, grant: EgressGrant, traces: Traces | None = None
    ) -> Iterator[Ticket]:
        """A ticket for one call; on exit it is void, and what was under way is over and recorded.

        Raises:
            InternalError: The broker cannot listen, or something of it failed.
            HatchwayError: What happened could not be recorded.
        """
        self.start()
        admission = Admission(call, tool, grant, traces)
        token = self._admissions.add(admission)
        try:
            yield Ticket(port=self._port, token=token)
        finally:
            self._end(token, admission)
        admission.require_sound()

    def start(self) -> None:
        """Listen, unless it does already.

        Raises:
            InternalError: It cannot.
        """
        if os.getpid() != self._process:
            message = "a broker cannot be used after fork: its thread is not there"
            raise InternalError(message)
        with self._lock:
            if self._is_closed:
                message = "the broker is closed"
                raise InternalError(message)
            if self._listener is None:
                try:
                    self._listen()
                except OSError as error:
                    message = f"the broker cannot listen on loopback: {error.strerror or error}"
                    raise InternalError(message) from error

    def listen_at(self, given: socket.socket) -> Entrance:
        """Answer at this socket as well: a worker opened it in a network namespace of its own.

        Whoever gives it has it no more, also where it is refused. No copy of it may remain. A
        ticket is good at any port of the broker.

        Raises:
            ValueError: It is no TCP socket that listens on 127.0.0.1.
            InternalError: The broker cannot listen, or is closed.
        """
        from hatchway.egress.entrances import listening_socket

        listening = listening_socket(given)
        try:
            self.start()
            listener = self._listener
            assert listener is not None, "it has just started"
            return listener.open_at(listening)
        except (InternalError, RuntimeError) as error:
            listening.close()
            message = f"the broker cannot answer at another socket: {error}"
            raise InternalError(message) from error

    def close(self) -> None:
        """End every exchange, and listen no more. Calls that are admitted lose their network."""
        with self._lock:
            self._is_closed = True
            listener, self._listener = self._listener, None
        if listener is None or self._outside is None or os.getpid() != self._process:
            return
        with contextlib.suppress(TimeoutError):
            listener.finish(self._admissions.end_all(), _END_SECONDS)
        listener.stop(self._outside.close)

    def _listen(self) -> None:
        # Server, loop and TLS take a tenth of a second to import, and most processes need none.
        from hatchway.egress.door import Door
        from hatchway.egress.listening import Listener, open_socket
        from hatchway.egress.outside import Outside
        from hatchway.egress.quotas import Quotas

        listening = open_socket()
        self._port = listening.getsockname()[1]
        outside = Outside(self._events, own_port=self._port, resolve=self._resolve)
        door = Door(
            admissions=self._admissions,
            outside=outside,
            quotas=Quotas(time.monotonic),
        )
        listener = Listener(listening, door)
        listener.start()
        self._outside, self._listener = outside, listener

    def _end(self, token: Secret, admission: Admission) -> None:
        """Void a ticket; what is under way is cancelled, and its events are written."""
        is_busy = self._admissions.end(token)
        listener = self._listener
        if is_busy and listener is not None and os.getpid() == self._process:
            try:
                listener.finish([admission], _END_SECONDS)
            except TimeoutError:
                message = "a request outlives its call"
                raise InternalError(message) from None
        if admission.unlisted:
            from hatchway.egress.recording import record_unlisted

            record_unlisted(self._events, admission)
