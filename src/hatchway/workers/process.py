"""One worker, as the server sees it: started, assigned once, asked, and ended.

Nothing of the server's is in it: no environment, no descriptor but its end of the channel and the
arena, no standard stream. It is a child of the thread that starts it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hatchway.core.errors import AdmissionError
from hatchway.core.isolation import LAYERS, Layer
from hatchway.core.untrusted import harmless
from hatchway.workers.channel import Arena, Channel, ChannelError, closing
from hatchway.workers.orders import Told

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hatchway.core.grant import Grant, GrantedDirectory
    from hatchway.core.surface import Compilation, Compiler, Surface

_LOG = logging.getLogger(__name__)

START_SECONDS = 30.0
"""Until a worker has imported everything and closed itself in; a busy machine takes seconds."""
_END_SECONDS = 1.0
_ADMISSION_CODE = re.compile(r"admission\.[a-z_]{1,40}")

BOOTSTRAP = """
import sys
count = int(sys.argv[1])
sys.path[:0] = sys.argv[2:2 + count]
from importlib import import_module
module, _, name = sys.argv[2 + count].partition(":")
sys.exit(getattr(import_module(module), name)(sys.argv[3 + count:]))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How a worker is started.

    Attributes:
        entry: What it runs, as `module:function`; called with the numbers of its two descriptors
            and the layers it is to have, by name.
        roots: Directories it may import from.
        layers: The walls that it puts around itself, as far as this machine has them.
        require: Those without which it is of no use.
    """

    entry: str
    roots: tuple[str, ...]
    layers: frozenset[Layer] = frozenset(LAYERS)
    require: frozenset[Layer] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Compiled code that a worker adopts."""

    digest: str
    pinned: Compiler | None
    surface: Surface
    compilation: Compilation
    descriptor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What a worker is for, once and for all.

    Attributes:
        pieces: The code, in the order in which it is to be adopted.
        directories: What it may open files in.
        port: Where it reaches the broker; None where it has nothing to say to it.
        memory_bytes: What it may use besides what it has.
        file_bytes: The largest file it may write.
        table_elements: The largest table of a guest.
    """

    pieces: tuple[Piece, ...]
    directories: tuple[GrantedDirectory, ...]
    port: int | None
    memory_bytes: int
    file_bytes: int
    table_elements: int


class Worker:
    """A process that runs guests.

    Attributes:
        channel: To it.
        told: What it knows of grants.
        layers: The walls it says it has.
        listener: A socket that listens in its own network, until somebody takes it; None where
            it has none of its own.
        port: That socket's.
        assignment: What it is for; None as long as it is for nobody.
        calls: How many it has answered.
        is_spoilt: It answers no further call.
        is_refused: The kernel has refused it something that a sound one never tries.
        is_frozen: Nothing runs in it.
        at_work: The grant of the call it is at or was at last, what it runs, and which call it is.
        idle_since: When it became idle, of the monotonic clock.
        holds: What is let go when it ends.
    """

    def __init__(self, child: subprocess.Popen[bytes], channel: Channel) -> None:
        self._child = child
        self.channel = channel
        self.told = Told()
        self.layers: frozenset[Layer] = frozenset()
        self.listener: socket.socket | None = None
        self.calls = 0
        self.port: int | None = None
        self.assignment: Assignment | None = None
        self.is_spoilt = self.is_refused = False
        self.at_work: tuple[Grant, str, str | None] | None = None
        self._handle: int | None = None
        self.is_frozen = False
        self.idle_since = time.monotonic()
        self.holds = contextlib.ExitStack()

    @classmethod
    def start(cls, how: Start) -> Worker:
        """Start one, and wait until it has closed itself in as far as is the same for all.

        Raises:
            ChannelError: It does not come up.
        """
        arena = Arena.new()
        ours, theirs = Channel.pair()
        channel = Channel(ours, arena)
        try:
            with theirs:
                child = _started(how, theirs.fileno(), arena.descriptor)
        except BaseException:
            channel.close()
            raise
        worker = cls(child, channel)
        try:
            worker._greet()
            worker._require(how.require)
            _tell_of_missing(how.layers - worker.layers)
        except BaseException:
            worker.end()
            raise
        return worker

    @property
    def pid(self) -> int:
        """Of the process that was started; the worker itself may be its only child."""
        return self._child.pid

    @property
    def is_assigned(self) -> bool:
        """Whether it is for somebody."""
        return self.assignment is not None

    def _greet(self) -> None:
        self.channel.settimeout(START_SECONDS)
        message = self.channel.receive(with_descriptors=True)
        if message is None:
            text = f"a worker does not come up within {START_SECONDS:g} s"
            raise ChannelError(text)
        with closing(message.descriptors) as stack:
            self.layers = _layers(_checked(message.value, "hello", 2)[1])
            if len(message.descriptors) > 1:
                text = "a worker says hello with too much"
                raise ChannelError(text)
            stack.pop_all()
        for descriptor in message.descriptors:
            self.listener = _listener(descriptor)
            self.port = int(self.listener.getsockname()[1])

    def _require(self, layers: frozenset[Layer]) -> None:
        if missing := layers - self.layers:
            text = f"the policy demands {', '.join(sorted(missing))}, which it does not have"
            raise ChannelError(text)

    def assign(self, assignment: Assignment, walled: Callable[[int], None]) -> None:
        """Give it what it is for; when this returns it has given up everything else.

        Args:
            assignment: What it is for.
            walled: Given the descriptor at which the kernel asks about what the worker may not
                do, as soon as there is one. Somebody must answer there, or close it: the worker
                waits.

        Raises:
            AdmissionError: The code does not fit.
            ChannelError: It ended, or cannot put up its walls.
        """
        pieces, directories = assignment.pieces, assignment.directories
        descriptors = [piece.descriptor for piece in pieces]
        descriptors += [granted.descriptor for granted in directories]
        self.channel.settimeout(START_SECONDS)
        self.channel.send(
            [
                "assign",
                [
                    [
                        piece.digest,
                        piece.pinned,
                        piece.surface.to_json(),
                        piece.compilation.compiler,
                        piece.compilation.given_up,
                    ]
                    for piece in pieces
                ],
                [granted.is_writable for granted in directories],
                assignment.port,
                assignment.memory_bytes,
                assignment.file_bytes,
                assignment.table_elements,
            ],
            descriptors,
        )
        for violations in self._heard("walled"):
            walled(violations)
        for descriptor in self._heard("ready"):
            os.close(descriptor)
        self.assignment = assignment
        self.channel.wipe()

    def _heard(self, kind: str) -> tuple[int, ...]:
        """The descriptors that come with the next message, which must be of this kind."""
        message = self.channel.receive(with_descriptors=True)
        if message is None:
            text = f"a worker does not get as far as {kind!r}"
            raise ChannelError(text)
        with closing(message.descriptors) as stack:
            if isinstance(message.value, list) and message.value[:1] == ["unfit"]:
                raise _unfit(message.value)
            _checked(message.value, kind, 1)
            if len(message.descriptors) > 1:
                text = f"a worker says {kind!r} with too much"
                raise ChannelError(text)
            stack.pop_all()
        return message.descriptors

    def freeze(self) -> None:
        """Let nothing run in it until its next call: what a call left behind does nothing more.

        The launcher goes on. It looks after the server, and would end a frozen worker as well.
        """
        if self._handle is None:
            self._handle = self._handle_of_inner()
            self.holds.callback(os.close, self._handle)
        self._send(signal.SIGSTOP)
        self.is_frozen = True

    def thaw(self) -> None:
        """Let it run again."""
        if self.is_frozen:
            self.is_frozen = False
            self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        assert self._handle is not None, "it was frozen before"
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, number)

    def _handle_of_inner(self) -> int:
        """A handle of the process that runs guests: the launcher's child, where there is one.

        Raises:
            ChannelError: It has ended, or the kernel does not say which it is.
        """
        own = self._child.pid
        try:
            inside = Path(f"/proc/{own}/task/{own}/children").read_text().split()
            return os.pidfd_open(int(inside[0]) if inside else own)
        except OSError as error:
            message = "the process that runs guests cannot be found"
            raise ChannelError(message) from error

    @property
    def is_alive(self) -> bool:
        """Whether it runs, as far as anybody knows."""
        return self._child.poll() is None

    def kill(self) -> None:
        """End it at once, whatever it does."""
        if self._child.returncode is not None:
            return  # its number may be somebody else's by now
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)

    def end(self) -> bool:
        """End it, and let go of everything that was its.

        False when it has not ended yet: the kernel waits with it for something, such as a file
        system that does not answer. Then it is to be asked again.
        """
        self.kill()
        try:
            self._child.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            return False
        # The worker itself is its child, and was killed with it. Whose child it is then is for
        # the system to say: ours, where we are the first process of a container.
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-self._child.pid, 0)
        self.holds.close()
        if self.listener is not None:
            self.listener.close()
        self.channel.close()
        return True

    def last_words(self, *, patience: bool) -> int | None:
        """The exit status of a worker that has ended, negative for a signal; None if it has not.

        With `patience` it is waited for: it has hung up, and is on its way out.
        """
        try:
            return self._child.wait(_END_SECONDS if patience else 0)
        except subprocess.TimeoutExpired:
            return None


@cache
def _tell_of_missing(layers: frozenset[Layer]) -> None:
    """Say once what no worker should be without, where nobody demands it."""
    if layers:
        _LOG.warning("a worker has no %s; `hatchway doctor` says why", ", ".join(sorted(layers)))


def _started(how: Start, *descriptors: int) -> subprocess.Popen[bytes]:
    arguments = [str(len(how.roots)), *how.roots, how.entry, *map(str, descriptors)]
    return subprocess.Popen(  # noqa: S603 - our own interpreter, fixed arguments
        # -I: no environment, no user site, and -P: nothing from the working directory.
        [sys.executable, "-I", "-P", "-c", BOOTSTRAP, *arguments, *sorted(how.layers)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
        close_fds=True,
        pass_fds=descriptors,
        start_new_session=True,
    )


def _listener(descriptor: int) -> socket.socket:
    try:
        found = socket.socket(fileno=descriptor)
    except OSError as error:
        os.close(descriptor)
        message = "a worker says hello with what is no socket"
        raise ChannelError(message) from error
    if found.family != socket.AF_INET:
        found.close()
        message = "a worker says hello with a socket that is of no use"
        raise ChannelError(message)
    return found


def _checked(value: object, kind: str, length: int) -> list[Any]:
    if not isinstance(value, list) or len(value) != length or value[0] != kind:
        message = f"a worker says something else than {kind!r}"
        raise ChannelError(message)
    return value


def _layers(value: object) -> frozenset[Layer]:
    if not isinstance(value, list) or not all(each in LAYERS for each in value):
        message = "a worker names walls that there are not"
        raise ChannelError(message)
    return frozenset(cast("Sequence[Layer]", value))


def _unfit(value: list[Any]) -> Exception:
    if len(value) != 3 or not all(isinstance(each, str) for each in value):
        message = "a worker refuses its code without saying why"
        return ChannelError(message)
    code = value[1] if _ADMISSION_CODE.fullmatch(value[1]) else AdmissionError.code
    return AdmissionError(harmless(value[2]), code=code)
