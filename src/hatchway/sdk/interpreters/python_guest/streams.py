"""What the code prints: sent early enough to survive a sudden end, in blocks once there is much.

Sending costs a call into the host, of which there are so many. The first thousand lines go out
one by one. From then on a line waits for others, for so many as one in a thousand of those that
went out already, sixty-four at most; so never more than a thousandth of the lines is lost when a
limit ends the call.
"""

from __future__ import annotations

import builtins
import io
import os

# What the code does to the built-in names is its own affair.
globals()["__builtins__"] = vars(builtins).copy()

_ONE_BY_ONE = 1000
_MOST_LINES = 64
_MOST_BYTES = 8192
_LIKE_A_LINE = 512
_PIECE_BYTES = 1 << 16
"""What is too much for the output limit is lost as a whole."""

_write = os.write


class Output(io.RawIOBase):
    """The lower half of `sys.stdout` or `sys.stderr`."""

    def __init__(self, descriptor: int, name: str) -> None:
        self.name = name
        self.mode = "wb"
        self._descriptor = descriptor
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._lines = 0
        self._may_wait = 0
        self._sent = 0

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Take `data`, and send it when it is time."""
        data = bytes(data)
        self._waiting.append(data)
        self._bytes += len(data)
        if data.endswith(b"\n") or self._bytes >= _LIKE_A_LINE * (self._lines + 1):
            self._lines += 1
            if self._lines > self._may_wait or self._bytes >= _MOST_BYTES:
                self.flush()
        return len(data)

    def flush(self) -> None:
        """Send all that waits."""
        waiting = memoryview(b"".join(self._waiting))
        self._waiting.clear()
        self._sent += self._lines
        self._may_wait = min(self._sent // _ONE_BY_ONE, _MOST_LINES)
        self._bytes = self._lines = 0
        try:
            while waiting:
                waiting = waiting[_write(self._descriptor, waiting[:_PIECE_BYTES]) :]
        except OSError:  # the code has closed it
            return

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """It is not, and no call of the host has to find out."""
        return False


def text_over(output: Output) -> io.TextIOWrapper:
    """The upper half: what is no text any more is spelled out."""
    return io.TextIOWrapper(output, "utf-8", "backslashreplace", "\n", write_through=True)


STDOUT, STDERR = Output(1, "<stdout>"), Output(2, "<stderr>")
