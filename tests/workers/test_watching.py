"""The server answers for system calls that nobody may make, and is told of them."""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hatchway
from hatchway.workers.watching import MAX_ANSWERS, Violation, Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")

ROOT = str(Path(hatchway.__path__[0]).parent)
SECONDS = 60.0
INSIDE = """
import errno, json, os, socket, sys
sys.path.insert(0, sys.argv[1])
from hatchway.workers.confinement import capabilities, seccomp
channel = socket.socket(fileno=int(sys.argv[2]))
program = compile(sys.argv[3], "<inside>", "exec")
def tried(function, *arguments):
    try:
        function(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"
capabilities.drop()
needs = seccomp.Needs(process=os.getpid(), has_files=False, has_port=False)
asked = seccomp.restrict(needs)
socket.send_fds(channel, [b"ready"], [asked])
os.close(asked)
assert channel.recv(2) == b"go"
answer = None
exec(program)
channel.send(json.dumps(answer).encode())
os._exit(0)
"""


class Worker:
    """A process that is restricted to the list, and waits before it tries anything."""

    def __init__(self, code: str) -> None:
        self.channel, theirs = socket.socketpair()
        self.channel.settimeout(SECONDS)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-P", "-c", INSIDE, ROOT, str(theirs.fileno()), code],
                stdin=subprocess.DEVNULL, env={}, cwd="/", pass_fds=[theirs.fileno()],
            )  # fmt: skip
        _, (self.asked,), _, _ = socket.recv_fds(self.channel, 16, 1)

    def go(self) -> None:
        self.channel.send(b"go")

    def answer(self) -> Any:
        return json.loads(self.channel.recv(4096))


@contextmanager
def worker(code: str) -> Iterator[Worker]:
    started = Worker(code)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.wait()
        started.channel.close()


def test_what_was_refused_is_told_once_by_name_with_its_arguments() -> None:
    told: queue.Queue[Violation] = queue.Queue()
    code = "answer = [tried(socket.socket), tried(socket.socket), tried(os.kill, 1, 9)]"
    with worker(code) as inside:
        Watcher().watch(inside.asked, told.put)

        inside.go()

        assert inside.answer() == ["EPERM", "EPERM", "EPERM"]
    found = [told.get(timeout=SECONDS) for _ in range(told.qsize())]
    assert [each.syscall for each in found] == ["socket", "kill"]
    assert found[0].arguments[:2] == (socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    assert found[1].arguments[:2] == (1, 9)


def test_whoever_asks_without_end_is_refused_without_being_asked_any_more() -> None:
    code = f"""
answer = sorted({{tried(os.kill, 1, 9) for _ in range({MAX_ANSWERS} + 10)}})
answer += [tried(os.fork)]
"""
    told: queue.Queue[Violation] = queue.Queue()
    with worker(code) as inside:
        Watcher().watch(inside.asked, told.put)

        inside.go()

        assert inside.answer() == ["ENOSYS", "EPERM", "ENOSYS"]
    assert [told.get_nowait().syscall, told.empty()] == ["kill", True]


def test_a_listener_that_fails_keeps_no_worker_waiting() -> None:
    def failing(_violation: Violation) -> None:
        message = "a listener's mistake"
        raise RuntimeError(message)

    watcher = Watcher()
    with worker("answer = tried(os.fork)") as one, worker("answer = tried(os.fork)") as other:
        watcher.watch(one.asked, failing)
        watcher.watch(other.asked, failing)

        one.go()
        other.go()

        assert [one.answer(), other.answer()] == ["EPERM", "EPERM"]


def test_a_worker_that_dies_while_it_asks_is_forgotten() -> None:
    watcher = Watcher()
    asking: queue.Queue[Violation] = queue.Queue()
    dead: queue.Queue[None] = queue.Queue()

    def wait_for_its_end(violation: Violation) -> None:
        asking.put(violation)
        dead.get(timeout=SECONDS)

    with worker("os.fork()") as first, worker("answer = tried(os.fork)") as second:
        forget = watcher.watch(first.asked, wait_for_its_end)
        watcher.watch(second.asked, asking.put)
        first.go()
        asking.get(timeout=SECONDS)

        first.process.kill()
        first.process.wait()
        dead.put(None)
        second.go()

        assert second.answer() == "EPERM"
        forget()  # nothing happens, whether it is gone already or not


def test_who_is_forgotten_is_refused_and_never_told_of() -> None:
    watcher = Watcher()
    told: queue.Queue[Violation] = queue.Queue()
    with worker("answer = tried(os.fork)") as inside:
        forget = watcher.watch(inside.asked, told.put)
        forget()

        inside.go()

        assert inside.answer() == "ENOSYS"
    assert told.empty()


def test_forgetting_a_worker_twice_forgets_none_that_has_its_number_by_now() -> None:
    watcher = Watcher()
    told: queue.Queue[Violation] = queue.Queue()
    with worker("os.fork()") as first, worker("answer = tried(os.fork)") as second:
        number = first.asked
        forget = watcher.watch(number, told.put)
        forget()
        os.dup2(second.asked, number, inheritable=False)
        os.close(second.asked)
        watcher.watch(number, told.put)

        forget()
        second.go()

        assert second.answer() == "EPERM"
    assert told.get(timeout=SECONDS).syscall == "clone"
