"""Which system calls a worker may make, found by tracing what it really does.

A name that this processor does not have is left out: aarch64 has no `poll`, only `ppoll`.
`docs/decisions/0013-confinement.md` says how the list was found, and what is missing from it.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hatchway.workers.confinement.filters import ALLOW, Check, Rule, fails_with

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_Cases = tuple[tuple[Check, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the list depends on.

    Attributes:
        process: The number by which the process knows itself.
        has_files: Whether it was granted a directory.
        has_port: Whether it may connect.
    """

    process: int
    has_files: bool
    has_port: bool


_ALWAYS: Final = """
read write readv writev pread64 pwrite64 lseek close fstat newfstatat statx dup getcwd
poll ppoll select pselect6 epoll_create1 epoll_ctl epoll_wait epoll_pwait eventfd2
recvmsg recvfrom shutdown getsockname getpeername getsockopt
brk munmap mremap mprotect madvise membarrier
futex set_robust_list rseq sched_yield sched_getaffinity gettid getpid getppid exit exit_group
rt_sigaction rt_sigprocmask rt_sigreturn rt_sigtimedwait sigaltstack restart_syscall
timer_create timer_settime timer_gettime timer_getoverrun timer_delete
clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time
getrandom getuid geteuid getgid getegid getrlimit getrusage sysinfo uname
"""
"""`newfstatat` and `statx` take paths, but the C library asks them about descriptors, too."""

_WITH_FILES: Final = """
openat openat2 getdents64 readlinkat faccessat faccessat2 mkdirat unlinkat renameat renameat2
linkat symlinkat ftruncate fsync fdatasync fallocate fadvise64
"""

_NO_PATH: Final = (
    Check(argument=1, values=(0,)),
    Check(argument=1, values=(0,), is_high=True),
)
"""Of `utimensat`: the times of what is open. Landlock has no say about those of a path, and `..`
leads out of every directory that was granted."""

_WITH_PORT: Final = "connect"

# Callers know what to do without them, or ask for a thing they can do without.
_ABSENT: Final = "clone3 memfd_create pkey_alloc faccessat2"

_O_WRITES: Final = 0o3 | 0o100 | 0o1000 | 0o20000000
"""Writing, creating, truncating, and a file without a name."""

_PROT_EXEC: Final = 4
_MAP_TYPE: Final = 0x0F
_MAP_SHARED: Final = 1
_MAP_PRIVATE: Final = 2
_MAP_ANONYMOUS: Final = 0x20
# Memory that RLIMIT_DATA does not count, or that cannot be swapped.
_MAP_UNCOUNTED: Final = 0x00100 | 0x02000 | 0x40000

# VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, SETTLS, PARENT_SETTID and CHILD_CLEARTID: a thread.
_GLIBC_THREAD: Final = 0x003D0F00
_MUSL_THREAD: Final = 0x007D0F00

_FASTOPEN: Final = 0x20000000
"""A connection that is made by sending, past what Landlock checks."""

_AF_INET: Final = 2
_SOCK_STREAM: Final = 1
_SOCK_FLAGS: Final = 0o2000000 | 0o4000
_IPPROTO_TCP: Final = 6
_SOL_SOCKET: Final = 1


def rules(needs: Needs, numbers: Mapping[str, int], *, refused: int) -> list[Rule]:
    """The list, those with checks first; what a check does not let through is `refused`."""
    checked = _checked(needs)
    plain = _ALWAYS.split() + _named(needs)
    found = [
        Rule(number=numbers[name], verdict=ALLOW, cases=cases, otherwise=refused)
        for name, cases in checked.items()
        if name in numbers and name not in plain
    ]
    found += [
        Rule(number=numbers[name], verdict=ALLOW, otherwise=refused)
        for name in plain
        if name in numbers
    ]
    if needs.has_files and "utimensat" in numbers:
        # A sound worker tries it with links, which cannot be opened: that is nothing to tell of.
        denied = fails_with(errno.EPERM)
        number = numbers["utimensat"]
        found.append(Rule(number=number, verdict=ALLOW, cases=(_NO_PATH,), otherwise=denied))
    absent = fails_with(errno.ENOSYS)
    found += [
        Rule(number=numbers[name], verdict=absent, otherwise=absent)
        for name in _ABSENT.split()
        if name in numbers and name not in plain
    ]
    return found


def tighter(needs: Needs, numbers: Mapping[str, int]) -> list[Rule]:
    """What is taken away once the code is loaded.

    More code, and paths where none was granted. And descriptors in messages: those that are under
    way count for the server's user, so that one worker could keep it from starting any other.
    """
    denied = fails_with(errno.EPERM)
    no_code: _Cases = ((Check(argument=2, values=(0,), mask=_PROT_EXEC),),)
    found = [
        Rule(number=numbers[name], verdict=ALLOW, cases=no_code, otherwise=denied)
        for name in ("mmap", "mprotect")
    ]
    taken = ["seccomp", "sendmsg", "recvmsg"]
    if not needs.has_files:
        taken.append("openat")
    return found + [Rule(number=numbers[name], verdict=denied, otherwise=denied) for name in taken]


def _named(needs: Needs) -> list[str]:
    names = _WITH_FILES.split() if needs.has_files else []
    return names + (_WITH_PORT.split() if needs.has_port else [])


def _checked(needs: Needs) -> dict[str, _Cases]:
    own = ((Check(argument=0, values=(needs.process,)),),)
    itself = ((Check(argument=0, values=(0, needs.process)),),)
    found: dict[str, _Cases] = {
        "mmap": tuple(_mappings()),
        "clone": ((Check(argument=0, values=(_GLIBC_THREAD, _MUSL_THREAD)),),),
        "sendto": ((Check(argument=3, values=(0,), mask=_FASTOPEN),),),
        "sendmsg": ((Check(argument=2, values=(0,), mask=_FASTOPEN),),),
        # Get and set the flags, copy, read the seals.
        "fcntl": ((Check(argument=1, values=(1, 2, 3, 4, 1030, 1034)),),),
        # TCGETS, which asks whether this is a terminal; FIONBIO, FIONCLEX and FIOCLEX.
        "ioctl": ((Check(argument=1, values=(0x5401, 0x5421, 0x5450, 0x5451)),),),
        # The name of a thread, and the name of memory for whoever debugs.
        "prctl": ((Check(argument=0, values=(15, 16, 0x53564D41)),),),
        # Filters that make the list shorter, for all threads: `tighten`.
        "seccomp": ((Check(argument=0, values=(1,)), Check(argument=1, values=(1,))),),
        "tgkill": own,
        "prlimit64": itself,
        "openat": ((Check(argument=2, values=(0,), mask=_O_WRITES),),),
    }
    if needs.has_port:
        found |= {"socket": tuple(_sockets()), "setsockopt": tuple(_socket_options())}
    return found


def _mappings() -> Iterator[tuple[Check, ...]]:
    mask = _MAP_TYPE | _MAP_UNCOUNTED
    yield (Check(argument=3, values=(_MAP_PRIVATE,), mask=mask),)
    # Shared memory without a file counts towards no limit.
    yield (
        Check(argument=3, values=(_MAP_SHARED,), mask=mask | _MAP_ANONYMOUS),
        Check(argument=2, values=(0,), mask=_PROT_EXEC),
    )


def _sockets() -> Iterator[tuple[Check, ...]]:
    # MPTCP and SCTP are streams, too, and Landlock's ports are TCP's.
    yield (
        Check(argument=0, values=(_AF_INET,)),
        Check(argument=1, values=(_SOCK_STREAM,), mask=0xFFFFFFFF & ~_SOCK_FLAGS),
        Check(argument=2, values=(0, _IPPROTO_TCP)),
    )


def _socket_options() -> Iterator[tuple[Check, ...]]:
    # SO_REUSEADDR, SO_ERROR, SO_KEEPALIVE, SO_LINGER; TCP_NODELAY.
    yield Check(argument=1, values=(_SOL_SOCKET,)), Check(argument=2, values=(2, 4, 9, 13))
    yield Check(argument=1, values=(_IPPROTO_TCP,)), Check(argument=2, values=(1,))
