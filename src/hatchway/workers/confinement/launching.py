"""The process that stays outside of the namespaces, and ends as its only child ends."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from typing import Final

from hatchway.workers.confinement import capabilities
from hatchway.workers.confinement.calling import PR_SET_DUMPABLE, PR_SET_PDEATHSIG, control
from hatchway.workers.confinement.descriptors import close_all_but

_LOST: Final = 70


def fork_inside() -> None:
    """Go on as a child; this process waits for its end and ends in the same way.

    Neither outlives the other, and neither outlives the process that started this one.
    """
    server = _pidfd(os.getppid())
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        # Held until this process ends, which is what the child looks at.
        _mirror(child, server, writing)
    if server is not None:
        os.close(server)
    os.close(writing)
    control(PR_SET_PDEATHSIG, signal.SIGKILL)
    # A launcher that ended before the line above sends no signal any more.
    poll = select.poll()
    poll.register(reading, 0)
    is_alone = poll.poll(0) != []
    os.close(reading)
    if is_alone:
        os._exit(_LOST)


def _mirror(child: int, server: int | None, held: int) -> None:
    """Wait for `child`, and end exactly as it does; kill it when `server` is no more."""
    status = _LOST << 8
    try:
        mine = _pidfd(child)
        # This process needs nothing but what it waits for.
        close_all_but(each for each in (server, mine, held) if each is not None)
        _give_up()
        if server is not None and mine is not None:
            _wait_for_either(child, mine, server)
        _, status = os.waitpid(child, 0)
    finally:
        _end_like(status)


def _give_up() -> None:
    with contextlib.suppress(OSError):
        capabilities.drop()
        control(PR_SET_DUMPABLE, 0)


def _wait_for_either(child: int, mine: int, server: int) -> None:
    poll = select.poll()
    poll.register(mine, select.POLLIN)
    poll.register(server, select.POLLIN)
    ended = {descriptor for descriptor, _ in poll.poll()}
    if mine not in ended:
        os.kill(child, signal.SIGKILL)


def _end_like(status: int) -> None:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        with contextlib.suppress(OSError):
            signal.signal(number, signal.SIG_DFL)
        with contextlib.suppress(OSError, AttributeError):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _pidfd(process: int) -> int | None:
    """A descriptor that becomes readable when `process` ends; None where there is no such thing."""
    with contextlib.suppress(OSError, AttributeError):
        return os.pidfd_open(process)
    return None
