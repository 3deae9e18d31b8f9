"""MCP over standard input and output.

The first thing that happens is that descriptor 1 is moved aside and pointed at stderr:
from then on nothing but the protocol reaches the client, whatever prints.

Lines are read and written on the event loop itself. The SDK's own transport takes a trip
through a worker thread for every read, write and flush, which costs more than a call.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import stat
import sys
from typing import TYPE_CHECKING, Any

from mcp import types
from mcp.server.stdio import stdio_server

if TYPE_CHECKING:
    from mcp.server import Server

MAX_LINE_BYTES = 16 << 20
"""The longest message a client may send."""

_READ_BYTES = 1 << 16
_WRITE_BYTES = 4096
"""What a pipe takes without blocking once it is writable (PIPE_BUF on Linux)."""


class Wire:
    """The client's end of standard input and output, taken away from everybody else."""

    def __init__(self) -> None:
        """Take both descriptors; stray output goes to stderr from now on."""
        self.input = os.dup(0)
        self.output = os.dup(1)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)
        sys.stdout = sys.stderr


async def serve_stdio(server: Server[dict[str, Any]], wire: Wire) -> None:
    """Serve until the client closes its end."""
    reader = LineReader(wire.input)
    writer = LineWriter(wire.output)
    lines = SoundLines(reader, writer)
    # The SDK asks for anyio files; what it uses of them is iteration, write and flush.
    async with stdio_server(stdin=lines, stdout=writer) as streams:  # type: ignore[arg-type]
        await server.run(streams[0], streams[1], server.create_initialization_options())


class SoundLines:
    """Lines for the SDK. A request that it would drop without a word is answered here.

    JSON can spell half of a surrogate pair, which is no character and cannot be encoded. The SDK
    reads no message that holds one, and its client would wait for the answer forever.
    """

    def __init__(self, lines: LineReader, writer: LineWriter) -> None:
        self._lines = lines
        self._writer = writer

    def __aiter__(self) -> SoundLines:
        return self

    async def __anext__(self) -> str:
        while True:
            line = await self._lines.__anext__()
            refusal = _refusal(line)
            if refusal is None:
                return line
            await self._writer.write(refusal)
            await self._writer.flush()


def _refusal(line: str) -> str | None:
    """The answer to a request that holds half of a surrogate pair; None for all other lines."""
    if "\\ud" not in line and "\\uD" not in line:
        return None
    try:
        message = json.loads(line)
        if not _is_torn(message):
            return None
        number = message["id"]
    except (ValueError, RecursionError, LookupError, TypeError):
        return None  # no JSON, or no request: nobody waits for an answer
    if not isinstance(number, int | str) or _is_torn(number):
        number = None
    error = {"code": types.PARSE_ERROR, "message": "the message contains a lone surrogate"}
    return json.dumps({"jsonrpc": "2.0", "id": number, "error": error}) + "\n"


def _is_torn(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


class LineReader:
    """Lines from a descriptor, as text, each of bounded length."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is_regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._buffer = bytearray()
        self._searched = 0
        self._is_at_end = False

    def __aiter__(self) -> LineReader:
        return self

    async def __anext__(self) -> str:
        while True:
            end = self._buffer.find(b"\n", self._searched)
            if end >= 0:
                return self._take(end + 1)
            self._searched = len(self._buffer)
            if self._is_at_end:
                if not self._buffer:
                    raise StopAsyncIteration
                return self._take(len(self._buffer))
            await self._fill()

    def _take(self, count: int) -> str:
        line = bytes(self._buffer[:count])
        del self._buffer[:count]
        self._searched = 0
        return line.decode("utf-8", "replace")

    async def _fill(self) -> None:
        if not self._is_regular:
            await _wait(self._descriptor, for_reading=True)
        data = os.read(self._descriptor, _READ_BYTES)
        self._is_at_end = not data
        self._buffer += data
        if len(self._buffer) > MAX_LINE_BYTES and b"\n" not in data:
            # Whoever sends this is not speaking the protocol. What is kept of it cannot be
            # parsed, so the client gets an error instead of our memory.
            del self._buffer[1:]
            self._searched = 0


class LineWriter:
    """Text to a descriptor, without ever blocking the event loop."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is_regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._pending = b""
        self._turn = asyncio.Lock()
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)

    async def write(self, text: str) -> None:
        """Take `text`; it is sent by `flush`."""
        self._pending += text.encode()

    async def flush(self) -> None:
        """Send everything that was written, whole lines of one task after those of another."""
        async with self._turn:
            data, self._pending = memoryview(self._pending), b""
            while data:
                if not self._is_regular and not self._poll.poll(0):
                    await _wait(self._descriptor, for_reading=False)
                data = data[os.write(self._descriptor, data[:_WRITE_BYTES]) :]


async def _wait(descriptor: int, *, for_reading: bool) -> None:
    """Until `descriptor` can be read or written."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    add = loop.add_reader if for_reading else loop.add_writer
    remove = loop.remove_reader if for_reading else loop.remove_writer
    try:
        add(descriptor, wake)
    except PermissionError:  # what epoll refuses is always ready: /dev/null, say
        return
    try:
        await ready
    finally:
        remove(descriptor)
