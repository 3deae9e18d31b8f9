"""The child that builds: it alone loads componentize-py, and then builds one component.

What goes into a component is a picture of CPython's memory, and with it everything that CPython
saw of the machine before: random numbers (the seed of its hashes, and so the order of its sets),
the time, and when files were made. So this process first takes these away from itself. On other
machines than Linux on x86-64 it cannot, and two builds differ.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import platform
import signal
import sys
from pathlib import Path
from typing import Any, ClassVar

_MAGIC = 0x68617463
_STATX = 332
_AUDIT_ARCH_X86_64 = 0xC000003E
_ALLOW, _TRAP = 0x7FFF0000, 0x00030000
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 38
_SECCOMP_MODE_FILTER = 2
_SA_SIGINFO, _SA_ONSTACK, _SA_NODEFER = 0x4, 0x08000000, 0x40000000
_EXECUTABLE = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC

_GETRANDOM = bytes.fromhex(
    "48 89 f1"  # mov rcx, rsi
    "b0 5a"  # mov al, 0x5a
    "f3 aa"  # rep stosb
    "48 89 f0"  # mov rax, rsi
    "c3"  # ret
)
"""`getrandom` that always gives the same bytes."""

_CLOCK_GETTIME = bytes.fromhex(
    "48 c7 06 80 43 6d 38"  # mov qword ptr [rsi], 946684800
    "48 c7 46 08 00 00 00 00"  # mov qword ptr [rsi+8], 0
    "31 c0"  # xor eax, eax
    "c3"  # ret
)
"""`clock_gettime` of a clock that stands still, at the first second of 2000."""

_STATX_WITHOUT_TIMES = bytes.fromhex(
    "53"  # push rbx
    "48 89 d3"  # mov rbx, rdx           the context of the system call
    "48 8b 7b 68"  # mov rdi, [rbx+104]  its arguments
    "48 8b 73 70"  # mov rsi, [rbx+112]
    "48 8b 93 88 00 00 00"  # mov rdx, [rbx+136]
    "4c 8b 53 38"  # mov r10, [rbx+56]
    "4c 8b 43 28"  # mov r8, [rbx+40]
    "41 b9 63 74 61 68"  # mov r9d, 0x68617463   the filter lets this one through
    "b8 4c 01 00 00"  # mov eax, 332
    "0f 05"  # syscall
    "48 89 83 90 00 00 00"  # mov [rbx+144], rax
    "48 85 c0"  # test rax, rax
    "75 1b"  # jnz over
    "48 8b 7b 28"  # mov rdi, [rbx+40]   struct statx
    "48 89 47 20"  # mov [rdi+32], rax   stx_ino
    "48 89 87 88 00 00 00"  # mov [rdi+136], rax   stx_dev_major, stx_dev_minor
    "48 83 c7 40"  # add rdi, 64         from stx_atime on
    "b9 08 00 00 00"  # mov ecx, 8       the four times
    "f3 48 ab"  # rep stosq
    "5b"  # pop rbx
    "c3"  # ret
)
"""A handler of SIGSYS that makes the refused call of `statx`, and takes the times away."""


class _Instruction(ctypes.Structure):
    """`struct sock_filter`."""

    _fields_: ClassVar[Any] = [
        ("code", ctypes.c_uint16),
        ("jt", ctypes.c_uint8),
        ("jf", ctypes.c_uint8),
        ("k", ctypes.c_uint32),
    ]


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_: ClassVar[Any] = [
        ("length", ctypes.c_uint16),
        ("filter", ctypes.POINTER(_Instruction)),
    ]


class _Action(ctypes.Structure):
    """`struct sigaction` of the C library."""

    _fields_: ClassVar[Any] = [
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_uint64 * 16),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    ]


def take_the_world_away() -> None:
    """From here on this process sees no random numbers, no time, and no times of files.

    Raises:
        OSError: The system does not let it be done.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    _replace(libc, "getrandom", _GETRANDOM)
    _replace(libc, "clock_gettime", _CLOCK_GETTIME)
    _handle_statx(libc)


def _replace(libc: ctypes.CDLL, name: str, code: bytes) -> None:
    """Put `code` where the C library's function begins."""
    at = ctypes.cast(getattr(libc, name), ctypes.c_void_p).value
    assert at is not None
    page = at & -mmap.PAGESIZE
    _checked(libc.mprotect(ctypes.c_void_p(page), at + len(code) - page, _EXECUTABLE))
    ctypes.memmove(at, code, len(code))


def _handle_statx(libc: ctypes.CDLL) -> None:
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=_EXECUTABLE)
    code.write(_STATX_WITHOUT_TIMES)
    _forever.append(code)
    action = _Action(
        handler=ctypes.addressof(ctypes.c_char.from_buffer(code)),
        flags=_SA_SIGINFO | _SA_ONSTACK | _SA_NODEFER,
    )
    _checked(libc.sigaction(int(signal.SIGSYS), ctypes.byref(action), None))
    # seccomp(2): the architecture and the call stand at 4 and 0, the sixth argument at 56.
    load, equal, answer = 0x20, 0x15, 0x06
    instructions = (
        (load, 0, 0, 4),
        (equal, 0, 5, _AUDIT_ARCH_X86_64),
        (load, 0, 0, 0),
        (equal, 0, 3, _STATX),
        (load, 0, 0, 56),
        (equal, 1, 0, _MAGIC),
        (answer, 0, 0, _TRAP),
        (answer, 0, 0, _ALLOW),
    )
    made = (_Instruction * len(instructions))(*(_Instruction(*each) for each in instructions))
    program = _Program(length=len(made), filter=made)
    _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program)))


_forever: list[mmap.mmap] = []


def _checked(status: int) -> None:
    if status != 0:
        raise OSError(ctypes.get_errno(), "this process cannot change itself")


def main() -> None:
    """Build what the second argument says, with the packages in the first."""
    sys.path.append(sys.argv[1])
    plan = json.loads(sys.argv[2])
    work = Path(plan["work"])
    import componentize_py  # type: ignore[import-untyped]  # it has no types

    if sys.platform == "linux" and platform.machine() == "x86_64":
        take_the_world_away()
    componentize_py.componentize(
        [work / "wit"],
        [plan["world"]],
        [],
        False,
        None,
        [str(work / "source")],
        [],
        plan["app"],
        work / "out.wasm",
        plan["stub_wasi"],
        [],
        [],
        False,
        None,
    )


if __name__ == "__main__":
    main()
