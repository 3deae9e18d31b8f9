"""A small web server in a process of its own, so that what it does costs the others nothing.

    python bench/web_server.py

Prints its port. `/small` answers a few bytes, `/bytes/N` as many as are asked for, `/hold/N` when
N such requests are under way, or none has joined for two seconds, and `/peak` how many that were
at most. A body of any length is taken and thrown away.
"""

from __future__ import annotations

import asyncio
import sys

_BLOCK = bytes(1 << 16)
_PATIENCE_SECONDS = 2.0


class Held:
    """The requests that wait for each other."""

    def __init__(self) -> None:
        self.now = 0
        self.peak = 0
        self.joined = asyncio.Event()

    async def wait(self, wanted: int) -> None:
        """Until `wanted` wait, or no more come."""
        self.now += 1
        self.peak = max(self.peak, self.now)
        self.joined.set()
        self.joined = asyncio.Event()
        while self.now < wanted:
            try:
                await asyncio.wait_for(self.joined.wait(), _PATIENCE_SECONDS)
            except TimeoutError:
                break
        await asyncio.sleep(0.05)
        self.now -= 1


async def _converse(held: Held, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            await _take_body(head.lower(), reader)
            path = head.split(b" ", 2)[1].decode()
            await _answer(path, held, writer)
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def _take_body(head: bytes, reader: asyncio.StreamReader) -> None:
    if b"\r\ntransfer-encoding: chunked" in head:
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
        return
    left = int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0] or 0)
    while left:
        left -= len(await reader.read(min(left, 1 << 18)))


async def _answer(path: str, held: Held, writer: asyncio.StreamWriter) -> None:
    _, what, *count = path.split("/")
    body = b"a small answer"
    length = len(body)
    if what == "bytes":
        length = int(count[0])
    elif what == "hold":
        await held.wait(int(count[0]))
    elif what == "peak":
        body = str(held.peak).encode()
        length, held.peak = len(body), 0
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % length)
    while what == "bytes" and length:
        part = _BLOCK[: min(length, len(_BLOCK))]
        writer.write(part)
        await writer.drain()
        length -= len(part)
    if what != "bytes":
        writer.write(body)
    await writer.drain()


async def _main() -> None:
    held = Held()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _converse(held, reader, writer)

    server = await asyncio.start_server(handle, "127.0.0.1", 0, limit=1 << 18, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_main())
