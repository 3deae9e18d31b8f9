"""Answers the kernel's questions about system calls that no worker may make.

A call that is not on a worker's list waits until the server says what becomes of it. It always
says EPERM, and tells whoever watches what was tried. See seccomp_unotify(2).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import select
import struct
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from hatchway.workers.confinement.numbers import name_of

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DISTINCT: Final = 32
"""System calls of different names that are reported of one worker."""
MAX_ANSWERS: Final = 4096
"""Questions answered for one worker. Afterwards its kernel refuses without asking: whoever asks
without end costs the server nothing any more."""

_RECV: Final = 0xC0502100
_SEND: Final = 0xC0182101
# struct seccomp_notif: id, pid, flags, then seccomp_data: nr, arch, address, six arguments.
_QUESTION: Final = struct.Struct("<QIIiIQ6Q")
# struct seccomp_notif_resp after its id: val, error, flags.
_ANSWER: Final = struct.Struct("<qiI")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A system call that a process tried to make and may not.

    Attributes:
        syscall: Its name.
        arguments: All six registers; what the call does not take is whatever was there.
    """

    syscall: str
    arguments: tuple[int, ...]


@dataclass(slots=True, kw_only=True)
class _Watched:
    on_violation: Callable[[Violation], None]
    reported: set[str]
    answers: int = 0


class Watcher:
    """One thread that answers for any number of workers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[int, _Watched] = {}
        self._epoll: select.epoll | None = None
        self._wake = -1
        self._is_closed = False

    def watch(
        self, descriptor: int, on_violation: Callable[[Violation], None]
    ) -> Callable[[], None]:
        """Answer at `descriptor`, which belongs to the watcher from now on.

        `on_violation` is called in the watcher's thread, once for each name of a system call and
        at most `MAX_DISTINCT` times. The call in question waits until it returns.

        Returns:
            What ends it, and closes the descriptor unless that has happened already. What a
            process still asks there is refused.
        """
        watched = _Watched(on_violation=on_violation, reported=set())
        forget = partial(self._forget, descriptor, watched)
        with self._lock:
            if self._is_closed:
                os.close(descriptor)
                return forget
            if self._epoll is None:
                self._epoll = select.epoll()
                self._wake = os.eventfd(0)
                self._epoll.register(self._wake, select.EPOLLIN)
                threading.Thread(
                    target=self._run, args=(self._epoll,), name="hatchway-watcher", daemon=True
                ).start()
            self._epoll.register(descriptor, select.EPOLLIN)
            self._watched[descriptor] = watched
        return forget

    def _forget(self, descriptor: int, watched: _Watched) -> None:
        """Close `descriptor`, unless its number is another worker's by now."""
        with self._lock:
            if self._watched.get(descriptor) is watched and self._epoll is not None:
                del self._watched[descriptor]
                self._epoll.unregister(descriptor)
                os.close(descriptor)
                self._end_with_the_last()

    def close(self) -> None:
        """Watch nobody else, and end with the last one that is watched."""
        with self._lock:
            self._is_closed = True
            self._end_with_the_last()

    def _end_with_the_last(self) -> None:
        """Have the thread end, if there is nobody left for it. Called with the lock held."""
        if self._is_closed and not self._watched and self._wake >= 0:
            os.eventfd_write(self._wake, 1)

    def _run(self, epoll: select.epoll) -> None:
        while True:
            for descriptor, _ in epoll.poll():
                if descriptor == self._wake:
                    with self._lock:
                        os.close(self._wake)
                        self._wake, self._epoll = -1, None
                        epoll.close()
                    return
                watched = self._watched.get(descriptor)
                if watched is not None and not self._answer(descriptor, watched):
                    self._forget(descriptor, watched)

    def _answer(self, descriptor: int, watched: _Watched) -> bool:
        """Answer one question there, if there is one; False if there are no further ones."""
        question = bytearray(_QUESTION.size)
        with self._lock:
            # The number may be another worker's by now, who asks nothing, and reading would wait.
            events = _events_at(descriptor) if self._watched.get(descriptor) is watched else 0
            if not events & select.POLLIN:
                return not events & select.POLLHUP
            try:
                fcntl.ioctl(descriptor, _RECV, question)
            except OSError:
                return True  # whoever asked is dead
        number, *arguments = _question(question)
        _report(watched, number, tuple(arguments))
        identity = question[:8]
        answer = bytearray(identity + _ANSWER.pack(0, -errno.EPERM, 0))
        # It may have died, or have been forgotten, while it was reported.
        with contextlib.suppress(OSError):
            fcntl.ioctl(descriptor, _SEND, answer)
        watched.answers += 1
        return watched.answers < MAX_ANSWERS


def _question(question: bytearray) -> tuple[int, ...]:
    """The number of the system call, and its arguments."""
    _, _, _, number, _, _, *arguments = _QUESTION.unpack(question)
    return number, *arguments


def _events_at(descriptor: int) -> int:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return sum(events for _, events in poll.poll(0))


def _report(watched: _Watched, number: int, arguments: tuple[int, ...]) -> None:
    name = name_of(number)
    if name in watched.reported or len(watched.reported) >= MAX_DISTINCT:
        return
    watched.reported.add(name)
    try:
        watched.on_violation(Violation(syscall=name, arguments=arguments))
    except Exception:  # noqa: BLE001 - said in the next line
        # One listener's mistake must not leave every worker without an answer.
        _log.exception("a violation could not be reported")
