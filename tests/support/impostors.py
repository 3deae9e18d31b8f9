"""Processes that pose as workers. `scripted` says hello and does what each call tells it to."""

from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING, Any

from hatchway.workers.channel import Arena, Channel

if TYPE_CHECKING:
    from collections.abc import Sequence


def _channel(arguments: Sequence[str]) -> Channel:
    return Channel(socket.socket(fileno=int(arguments[0])), Arena(int(arguments[1])))


def result(**facts: Any) -> list[Any]:
    """A result as a sound worker says it, but for `facts`."""
    words: dict[str, Any] = {
        "value": None, "stdout": b"", "stderr": b"", "failed": False, "stop": None, "frames": [],
        "usage": [1, 1, None, 0], "denials": [], "unlisted": 0, "gated": [0] * 3, "files": {},
        "has_read": False,
    }  # fmt: skip
    return ["result", *(words | facts).values()]


def ends_at_once(_arguments: Sequence[str]) -> int:
    """Ends before it says anything."""
    return 3


def says_nothing(_arguments: Sequence[str]) -> int:
    """Waits for ever."""
    signal.pause()
    return 0


def scripted(arguments: Sequence[str]) -> int:
    """Is assigned, and then does what the standard input of each call says, in Python.

    It sees `channel`, `words` (the call), `result`, and what it binds itself.
    """
    channel = _channel(arguments)
    channel.send(["hello", []])
    channel.receive(with_descriptors=True)
    channel.send(["walled"])
    channel.send(["ready"])
    names: dict[str, Any] = {"channel": channel, "os": os, "signal": signal, "result": result}
    while True:
        message = channel.receive()
        assert message is not None
        names["words"] = message.value
        exec(message.value[2][2], names)  # noqa: S102 - the test's own words


def refuses(arguments: Sequence[str]) -> int:
    """Is assigned, and says that the code does not fit."""
    channel = _channel(arguments)
    channel.send(["hello", []])
    channel.receive(with_descriptors=True)
    channel.send(["walled"])
    channel.send(["unfit", "admission.invalid", "it is not for this engine"])
    signal.pause()
    return 0


def dies_when_assigned(arguments: Sequence[str]) -> int:
    """Ends when it hears what it is for."""
    channel = _channel(arguments)
    channel.send(["hello", []])
    channel.receive(with_descriptors=True)
    os.kill(os.getpid(), signal.SIGKILL)
    return 0
