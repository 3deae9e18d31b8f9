"""What runs inside a worker that has fallen: any Python, in place of the guest, behind the walls.

`main` is a worker's entry, as `worker_process.main` is, with a hatch in it: a command whose first
argument is `hatch` runs its standard input as Python. That is the hole in the engine which nobody
knows yet. `liar` is a worker with no engine at all, which says whatever it is told to.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import socket
import sys
import threading
import time
from typing import Any

KEPT: dict[str, Any] = {}
"""What a call leaves for a later one in the same worker."""


def tried(function: Any, *arguments: Any) -> str:
    """What becomes of an attempt: "done", or the name of its error."""
    try:
        function(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, type(error).__name__)
    except Exception as error:
        return type(error).__name__
    return "done"


def main(arguments: list[str]) -> int:
    """A worker with a hatch."""
    import hatch_attempts

    from hatchway.core.call import Execution
    from hatchway.core.sandbox import CommandInvocation
    from hatchway.engine.sandbox import EngineSandbox
    from hatchway.runtime import worker_process

    as_before, answering = EngineSandbox.run, worker_process.Place.answer
    names: dict[str, Any] = {
        **vars(hatch_attempts), "kept": KEPT, "tried": tried, "threading": threading,
        "signal": signal, "socket": socket, "os": os, "ctypes": ctypes, "time": time,
    }  # fmt: skip

    def run(engine: Any, digest: str, invocation: Any, grant: Any, *rest: Any) -> Execution:
        if not isinstance(invocation, CommandInvocation) or invocation.arguments[:1] != (b"hatch",):
            return as_before(engine, digest, invocation, grant, *rest)
        held = [each.descriptor for each in grant.directories]
        names.update(grant=grant, directories=held, ticket=rest[1], tools=rest[2], answer=None)
        exec(invocation.stdin, names)  # noqa: S102 - the zero-day that is assumed
        return Execution(stdout=json.dumps(names["answer"]).encode())

    def answer(place: Any) -> None:
        names.update(channel=place._channel)
        answering(place)

    EngineSandbox.run = run  # type: ignore[assignment,method-assign]  # this is the hatch
    worker_process.Place.answer = answer  # type: ignore[assignment,method-assign]  # the same
    return worker_process.main(arguments)


def liar(arguments: list[str]) -> int:
    """A worker that runs what it is told, and nothing else."""
    from hatchway.workers.channel import Arena, Channel

    channel = Channel(socket.socket(fileno=int(arguments[0])), Arena(int(arguments[1])))
    for word in (["hello", []], ["walled"], ["ready"]):
        channel.send(word)
    assert channel.receive(with_descriptors=True) is not None  # what it is for
    names = {"channel": channel, "os": os, "sys": sys, "time": time, "result": result}
    while True:
        order = channel.receive()
        assert order is not None
        exec(order.value[2][2], names)  # noqa: S102 - what the test wants said


def result(words: bytes) -> list[Any]:
    """A sound answer with `words` in it."""
    usage = [1, 1, 1, 1]
    return ["result", None, words, b"", False, None, [], usage, [], 0, [0, 0, 0], {}, False]
