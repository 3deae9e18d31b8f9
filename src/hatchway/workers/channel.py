"""Whole messages between the server and one worker, with descriptors where there are any.

A socket pair keeps the bounds of messages. What is too large for one packet lies in the arena, a
memory file that both map: the server makes it and seals its size, so that neither can make the
other fault on it. The two take turns, so there is never more than one message in it.

Messages are msgpack. The server copies a message out of the arena before it looks at it.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import mmap
import os
import select
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import msgpack

from hatchway.core.errors import HatchwayError
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

PACKET_BYTES = 48 * 1024
"""What goes through the socket itself."""
ARENA_BYTES = 256 << 20
"""Of one message, the largest; it uses memory only where something was written."""
MAX_DESCRIPTORS = 250
"""That come with one message; Linux itself takes no more than 253."""

_LOG = logging.getLogger(__name__)

_HEAD_BYTES = 4096
"""At the beginning of the arena, for what is no message."""
_CANCELLED_AT = 0
_INTEGER = 1
_MAX_DIGITS = 4096
_PATIENCE = struct.pack("@ll", 1, 0)
_UNCOUNTED_BYTES = 1 << 20
_MAX_PARTS = 4 << 20
_BYTES_OF_A_PART = 16
"""Of a large message, on average. One of many small parts takes far more memory than bytes."""
_IS_CUT = int(socket.MSG_TRUNC | socket.MSG_CTRUNC)
_IN_ARENA = b"\xc1"
"""A byte that no msgpack begins with: the rest says how much lies in the arena."""


class ChannelError(HatchwayError):
    """The other side is gone, or says what it never says; there is no going on with it.

    Attributes:
        is_end: It is gone.
    """

    code = "guest.worker_failed"

    def __init__(self, message: str, *, is_end: bool = False) -> None:
        super().__init__(message)
        self.is_end = is_end


class Message(NamedTuple):
    """What came: the value, and the descriptors, which are the receiver's to close."""

    value: Any
    descriptors: tuple[int, ...] = ()


def packed(value: object) -> bytes:
    """`value` as msgpack.

    Raises:
        ValueError: It cannot be said in msgpack: nested too deep, or of a strange type.
    """
    try:
        found: bytes = msgpack.packb(value, default=_spelled, unicode_errors="surrogatepass")
    except (TypeError, OverflowError, UnicodeError) as error:
        raise ValueError(str(error)) from error
    return found


def unpacked(data: bytes, most_parts: int = _MAX_PARTS) -> Any:
    """The value that msgpack says; a large one has no more than so many parts.

    Raises:
        ChannelError: It is not msgpack, or says what no message says.
    """
    bounds = {} if len(data) <= _UNCOUNTED_BYTES else _counting(most_parts)
    try:
        return msgpack.unpackb(
            data, ext_hook=_read, unicode_errors="surrogatepass", strict_map_key=True, **bounds
        )
    except (ValueError, TypeError, msgpack.UnpackException, RecursionError, MemoryError) as error:
        message = "a message is not msgpack"
        raise ChannelError(message) from error


def _counting(most: int) -> dict[str, Any]:
    """What ends the reading of a message with too many parts.

    Nothing is one byte of a message, and a pointer in memory; two letters are three, and 59. And
    nobody else in this process runs while they are read.
    """
    left = most

    def counted(found: Any) -> Any:
        nonlocal left
        left -= 1 + len(found)
        if left < 0:
            message = "a message has more parts than any may have"
            raise ValueError(message)
        return found

    return {
        "list_hook": counted,
        "object_hook": counted,
        "max_array_len": most,
        "max_map_len": most,
    }


def _spelled(value: object) -> Any:
    """What msgpack has no words for: numbers of more than 64 bits."""
    if isinstance(value, int):
        return msgpack.ExtType(_INTEGER, str(value).encode())
    message = f"a {type(value).__name__} has no place in a message"
    raise TypeError(message)


def _read(kind: int, data: bytes) -> int:
    if kind != _INTEGER or len(data) > _MAX_DIGITS:
        message = "an extension that nobody sends"
        raise ValueError(message)
    return int(data)


class Arena:
    """Memory that both sides see."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._map = mmap.mmap(descriptor, _HEAD_BYTES + ARENA_BYTES)

    @classmethod
    def new(cls) -> Arena:
        """An arena whose size nobody can change any more."""
        if sys.platform != "linux":
            message = "workers need sealed memory files, which only Linux has"
            raise ChannelError(message)
        descriptor = os.memfd_create("hatchway-arena", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(descriptor, _HEAD_BYTES + ARENA_BYTES)
            seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
            return cls(descriptor)
        except BaseException:
            os.close(descriptor)
            raise

    @property
    def is_cancelled(self) -> bool:
        """Whether the call that runs is to end."""
        return self._map[_CANCELLED_AT] != 0

    def cancel(self, *, wanted: bool) -> None:
        """Say whether the call that runs is to end."""
        self._map[_CANCELLED_AT] = wanted

    def put(self, data: bytes) -> None:
        """Write a message."""
        self._map[_HEAD_BYTES : _HEAD_BYTES + len(data)] = data

    def take(self, length: int) -> bytes:
        """A copy of a message."""
        return self._map[_HEAD_BYTES : _HEAD_BYTES + length]

    def wipe(self) -> None:
        """Forget every message, and give its memory back."""
        with contextlib.suppress(OSError):
            self._map.madvise(mmap.MADV_REMOVE, _HEAD_BYTES, ARENA_BYTES)

    def close(self) -> None:
        """Let it go."""
        self._map.close()
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class Channel:
    """One end of the socket pair, and the arena.

    Attributes:
        is_stained: A message was put into the arena since it was wiped last.
        largest_bytes: Of what comes, the most that is read.
    """

    def __init__(self, end: socket.socket, arena: Arena) -> None:
        self._socket = end
        self.arena = arena
        self.is_stained = False
        self.largest_bytes = ARENA_BYTES
        self._seconds: float | None = None
        self._sounds = select.poll()
        self._sounds.register(end, select.POLLIN)

    @staticmethod
    def pair() -> tuple[socket.socket, socket.socket]:
        """Two ends. Packets keep their bounds, and a closed end is noticed at the other."""
        return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def fileno(self) -> int:
        """The descriptor of this end."""
        return self._socket.fileno()

    def send(self, value: object, descriptors: Sequence[int] = ()) -> None:
        """Say `value`.

        Raises:
            ChannelError: The other side is gone.
            ValueError: It cannot be said, or is larger than the arena.
        """
        data = packed(value)
        if len(data) > PACKET_BYTES:
            if len(data) > ARENA_BYTES:
                message = f"a message of {len(data)} bytes is larger than any may be"
                raise ValueError(message)
            self.is_stained = True
            self.arena.put(data)
            data = _IN_ARENA + len(data).to_bytes(8, "little")
        try:
            if descriptors:
                socket.send_fds(self._socket, [data], descriptors)
            else:
                self._socket.send(data)
        except OSError as error:
            message = "the other side is gone"
            raise ChannelError(message, is_end=True) from error

    def receive(self, *, with_descriptors: bool = False) -> Message | None:
        """The next message; None when the time of `settimeout` passes without one.

        Raises:
            ChannelError: The other side is gone, or what came is no message.
        """
        try:
            if with_descriptors:
                data, found, flags, _ = socket.recv_fds(
                    self._socket, PACKET_BYTES + 1, MAX_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
                )
                descriptors = tuple(found)
            else:
                # Descriptors that nobody asked for do not even come into being.
                data, descriptors = self._socket.recv(PACKET_BYTES + 1), ()
                flags = 0
        except BlockingIOError:
            return None
        except OSError as error:
            message = "the other side is gone"
            raise ChannelError(message, is_end=True) from error
        try:
            return Message(_sound(self._value(data, flags)), descriptors)
        except BaseException:
            for descriptor in descriptors:
                os.close(descriptor)
            raise

    def _value(self, data: bytes, flags: int) -> Any:
        if not data:
            message = "the other side is gone"
            raise ChannelError(message, is_end=True)
        if len(data) > PACKET_BYTES or flags & _IS_CUT:
            message = "a message is larger than any may be"
            raise ChannelError(message)
        if data[:1] == _IN_ARENA:
            length = int.from_bytes(data[1:], "little")
            largest = min(self.largest_bytes, ARENA_BYTES)
            if len(data) != 9 or length > largest:
                message = "a message is larger than any may be"
                raise ChannelError(message)
            self.is_stained = True
            data = self.arena.take(length)
            return unpacked(data, max(_MAX_PARTS, largest // _BYTES_OF_A_PART))
        return unpacked(data)

    def settimeout(self, seconds: float) -> None:
        """How long `receive` waits from now on; without this, for ever.

        The kernel keeps the time: Python's own way costs a system call for every message.
        """
        if seconds != self._seconds:
            whole, part = divmod(round(seconds * 1e6), 1_000_000)
            wait = struct.pack("@ll", whole, part)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, wait)
            # One that asks and reads no answer fills the queue, and must not keep us waiting.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _PATIENCE)
            self._seconds = seconds

    def require_silence(self) -> None:
        """Refuse to go on with one that has said something that nobody asked for.

        Raises:
            ChannelError: It has, or is gone.
        """
        if not self._sounds.poll(0):
            return
        try:
            data = self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except OSError:
            data = b""
        message = "it speaks without being asked" if data else "the other side is gone"
        raise ChannelError(message, is_end=not data)

    def wipe(self) -> None:
        """Forget the messages of the call that is over."""
        if self.is_stained:
            self.arena.wipe()
            self.is_stained = False

    def close(self) -> None:
        """Hang up."""
        self._socket.close()
        self.arena.close()


def _sound(value: Any) -> Any:
    """`value`, unless it is the last thing that a worker says.

    Raises:
        ChannelError: It broke. What it says about that is for the log.
    """
    if isinstance(value, list) and len(value) == 2 and value[0] == "broken":
        _LOG.warning("a worker broke: %s", printable(str(value[1]), limit=4000))
        message = "it broke"
        raise ChannelError(message, is_end=True)
    return value


def closing(descriptors: Sequence[int]) -> contextlib.ExitStack:
    """What closes all of `descriptors`."""
    stack = contextlib.ExitStack()
    for descriptor in descriptors:
        stack.callback(os.close, descriptor)
    return stack
