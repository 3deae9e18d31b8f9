"""What real guests of preview 1 can do with files, and what is left when they are gone."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import os
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest
from guests import command, grant, run, stop_code, wasi
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import often

from hatchway.core.grant import GrantedDirectory
from hatchway.core.limits import Limits
from hatchway.engine.files.nodes import Errno
from hatchway.engine.preview1.binding import SIGNATURES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.core.call import Execution
    from hatchway.core.grant import Grant

Argument: TypeAlias = int | bytes
Step: TypeAlias = tuple[str, tuple[Argument, ...]]

DATA, WORK, ROOT, FIRST = 3, 4, 5, 6
"""The descriptors: a granted directory, the workspace, the empty root, and the first opened."""
LOG, ROOM = 1024, 32_768
READ, WRITE, ALL = 1 << 1, 1 << 6, (1 << 29) - 1
CREATE, DIRECTORY, EXCLUSIVE, TRUNCATE = 1, 2, 4, 8
_WIDTH = {"i": "i32", "I": "i64"}


def _import(name: str) -> str:
    kinds = " ".join(_WIDTH[kind] for kind in SIGNATURES[name])
    return wasi(name, kinds, result=name != "proc_exit")


def script(*steps: Step, end: str = "") -> str:
    """A guest that takes these steps, and writes their error numbers and its room to stdout.

    A text among the arguments of a step stands for its address and its length.
    """
    data, calls, place = "", "", 8192
    for index, (name, arguments) in enumerate(steps):
        numbers: list[int] = []
        for argument in arguments:
            if isinstance(argument, bytes):
                escaped = "".join(f"\\{byte:02x}" for byte in argument)
                data += f'(data (i32.const {place}) "{escaped}")'
                numbers += [place, len(argument)]
                place += len(argument)
            else:
                numbers.append(argument)
        kinds = SIGNATURES[name]
        assert len(numbers) == len(kinds), name
        listed = " ".join(
            f"({_WIDTH[kind]}.const {number})" for kind, number in zip(kinds, numbers, strict=True)
        )
        calls += f"(i32.store (i32.const {LOG + 4 * index}) (call ${name} {listed}))"
    wanted = dict.fromkeys((*(name for name, _ in steps), "fd_write"))
    return command(
        f"""{calls}
        (i32.store (i32.const 0) (i32.const {LOG}))
        (i32.store (i32.const 4) (i32.const {4 * len(steps)}))
        (i32.store (i32.const 8) (i32.const {ROOM})) (i32.store (i32.const 12) (i32.const 4096))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 2) (i32.const 16)))
        {end}""",
        imports="".join(_import(name) for name in wanted),
        declarations=data,
    )


def told(execution: Execution) -> tuple[list[int], bytes]:
    """The error numbers of the steps, and the guest's room."""
    numbers = len(execution.stdout) // 4 - 1024
    return list(struct.unpack(f"<{numbers}I", execution.stdout[: 4 * numbers])), execution.stdout[
        4 * numbers :
    ]


def path_open(
    fd: int, path: bytes, *, how: int = 0, rights: int = READ, at: int = ROOM, flags: int = 0
) -> Step:
    return "path_open", (fd, 1, path, how, rights, ALL, flags, at)


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    path = tmp_path / "granted"
    (path / "d").mkdir(parents=True)
    (path / "f").write_bytes(b"from the host")
    (path / "out").symlink_to("../canary")
    (tmp_path / "canary").write_bytes(b"the canary")
    return path


@pytest.fixture
def descriptor(inside: Path) -> Iterator[int]:
    """The granted directory; no call may leave another descriptor behind."""
    number = os.open(inside, os.O_RDONLY | os.O_DIRECTORY)
    yield number
    assert held(inside) == [str(inside)]
    os.close(number)


def held(inside: Path) -> list[str]:
    """What this process has open of the directory or below it."""
    found = []
    for item in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the one that lists them
            found.append(str(item.readlink()))
    return [path for path in found if path.startswith(str(inside))]


def files(
    descriptor: int,
    *,
    writable: bool = False,
    limits: Limits | None = None,
    quota: int | None = None,
) -> Grant:
    given_directory = GrantedDirectory(
        guest_path="/data", descriptor=descriptor, is_writable=writable, quota_bytes=quota
    )
    limits = limits or Limits(scratch_bytes=1 << 20)
    return dataclasses.replace(
        grant(limits=limits), directories=(given_directory,), workspace="/work"
    )


def denials(execution: Execution) -> list[tuple[str, str, str]]:
    return [
        (item.capability, item.attempted, item.function.rpartition(".")[2])
        for item in execution.denials
    ]


@pytest.mark.claim("isolation.recorded")
def test_what_is_refused_is_recorded_with_its_path_and_function(
    descriptor: int, inside: Path
) -> None:
    steps: list[tuple[Step, str, str]] = [
        (path_open(DATA, b"../canary"), "fs.read", "/data/../canary"),
        (path_open(DATA, b"out"), "fs.read", "/data/out"),
        (path_open(DATA, b"/etc/passwd"), "fs.read", "/etc/passwd"),
        (path_open(ROOT, b"etc/shadow"), "fs.read", "/etc/shadow"),
        (path_open(DATA, b"f", rights=WRITE), "fs.write", "/data/f"),
        (path_open(DATA, b"new", how=CREATE), "fs.write", "/data/new"),
        (path_open(DATA, b"g", how=TRUNCATE), "fs.write", "/data/g"),
        (path_open(WORK, b"../x", how=CREATE, rights=WRITE), "fs.write", "/work/../x"),
        (("path_filestat_get", (DATA, 1, b"../s", ROOM)), "fs.read", "/data/../s"),
        (("path_filestat_set_times", (DATA, 1, b"f", 1, 1, 5)), "fs.write", "/data/f"),
        (("path_readlink", (DATA, b"../l", ROOM, 10, ROOM)), "fs.read", "/data/../l"),
        (("path_create_directory", (DATA, b"x")), "fs.write", "/data/x"),
        (("path_remove_directory", (DATA, b"d")), "fs.write", "/data/d"),
        (("path_unlink_file", (DATA, b"f")), "fs.write", "/data/f"),
        (("path_symlink", (b"f", DATA, b"l")), "fs.write", "/data/l"),
        (("path_link", (DATA, 0, b"f", DATA, b"g")), "fs.write", "/data/f"),
        (("path_rename", (DATA, b"f", WORK, b"f")), "fs.write", "/data/f"),
        (("path_rename", (WORK, b"../a", WORK, b"b")), "fs.write", "/work/../a"),
        (("fd_readdir", (ROOT, ROOM, 100, 0, ROOM)), "fs.read", "/"),
    ]

    execution = run(script(*(step for step, _, _ in steps)), granted=files(descriptor))

    errors, _ = told(execution)
    assert set(errors) == {Errno.NOTCAPABLE}
    listed = [(wanted, path, step[0]) for step, wanted, path in steps]
    # An operation on two paths where neither directory is to blame names both.
    both = ("fs.write", "/data/g", "path_link"), ("fs.write", "/work/b", "path_rename")
    assert [item for item in denials(execution) if item not in both] == listed
    assert (inside / "f").read_bytes() == b"from the host"
    assert sorted(item.name for item in inside.iterdir()) == ["d", "f", "out"]


@pytest.mark.claim("isolation.recorded")
def test_a_rename_into_a_read_only_directory_is_recorded_where_it_goes(
    descriptor: int, tmp_path: Path
) -> None:
    (tmp_path / "second").mkdir()
    second = os.open(tmp_path / "second", os.O_RDONLY)
    granted = files(descriptor, writable=True)
    shown = GrantedDirectory(guest_path="/shown", descriptor=second, is_writable=False)
    granted = dataclasses.replace(granted, directories=(*granted.directories, shown))

    execution = run(script(("path_rename", (3, b"f", 4, b"x"))), granted=granted)
    os.close(second)

    assert told(execution)[0] == [Errno.NOTCAPABLE]
    assert denials(execution) == [("fs.write", "/shown/x", "path_rename")]


@pytest.mark.claim("files.read-only")
def test_a_read_only_directory_is_read_and_not_written(descriptor: int, inside: Path) -> None:
    execution = run(
        script(
            path_open(DATA, b"f", rights=READ),
            ("fd_pread", (FIRST, 8000, 1, 5, 64)),
            ("fd_write", (FIRST, 8000, 1, 64)),
            ("fd_pwrite", (FIRST, 8000, 1, 0, 64)),
            ("fd_allocate", (FIRST, 0, 100)),
            ("fd_filestat_set_size", (FIRST, 0)),
            ("fd_filestat_set_times", (FIRST, 1, 1, 5)),
            ("fd_filestat_set_times", (DATA, 1, 1, 5)),
            ("fd_close", (FIRST,)),
        ),
        granted=files(descriptor),
    )

    errors, _ = told(execution)
    assert errors == [0, 0, *[Errno.BADF] * 4, Errno.NOTCAPABLE, Errno.NOTCAPABLE, 0]
    assert (inside / "f").read_bytes() == b"from the host"


OPEN_BOTH = (
    path_open(DATA, b"f"),
    path_open(DATA, b"d", how=DIRECTORY),
    path_open(DATA, b"new", how=CREATE, rights=READ | WRITE),
    path_open(WORK, b"new", how=CREATE, rights=READ | WRITE),
)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("", None),
        ("unreachable", "guest.trapped"),
        ("(loop $l (br $l))", "guest.deadline_exceeded"),
        (
            "(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 2) (i32.const 70000)))",
            None,
        ),
    ],
    ids=["end", "trap", "deadline", "fault"],
)
def test_whatever_ends_a_run_its_descriptors_are_closed(
    descriptor: int, end: str, code: str | None
) -> None:
    limits = Limits(scratch_bytes=1 << 20, deadline_seconds=0.3, fuel=1 << 50)

    execution = run(
        script(*OPEN_BOTH, end=end), granted=files(descriptor, writable=True, limits=limits)
    )

    assert stop_code(execution) == code
    assert told(execution)[0] == [0, 0, 0, 0]


@pytest.mark.parametrize("fd", [DATA, WORK])
def test_a_guest_holds_at_most_256_descriptors(descriptor: int, fd: int) -> None:
    steps = [path_open(fd, b".", how=DIRECTORY)] * 252

    execution = run(script(*steps, ("fd_close", (100,)), steps[0]), granted=files(descriptor))

    errors, _ = told(execution)
    assert errors == [0] * 250 + [Errno.MFILE] * 2 + [0, 0]


def _listing(room: int, rounds: int, fd: int = DATA) -> list[Step]:
    """Read a directory in pieces of `room` bytes, always from the next whole entry."""
    return [("fd_readdir", (fd, ROOM, room, cookie, 64)) for cookie in range(rounds)]


def test_a_directory_is_read_in_small_pieces(descriptor: int) -> None:
    execution = run(
        script(*_listing(4096, 1), ("fd_readdir", (DATA, 8000, 24, 2, 64))),
        granted=files(descriptor),
    )
    _, room = told(execution)
    names, at = [], 0
    while room[at : at + 8] != bytes(8):
        cookie, _inode, length, kind = struct.unpack_from("<QQIB3x", room, at)
        names.append((cookie, room[at + 24 : at + 24 + length], kind))
        at += 24 + length
    assert names == [(1, b".", 3), (2, b"..", 3), (3, b"d", 3), (4, b"f", 4), (5, b"out", 7)]


@pytest.mark.parametrize("size", [0, 1, 23, 24, 25, 4096])
@pytest.mark.parametrize("cookie", [0, 1, 4, 5, 6, 1 << 31, 1 << 32, (1 << 64) - 1])
def test_no_cookie_and_no_buffer_size_is_too_much(descriptor: int, size: int, cookie: int) -> None:
    stdin = struct.pack("<5Q", FIRST + 1, ROOM, size, cookie, 64)

    errno, used = _fuzzed("fd_readdir", stdin, files(descriptor))

    assert errno == 0
    assert used is None


FUZZED = sorted(name for name in SIGNATURES if name.startswith(("fd_", "path_")))
_EDGES = [0, 1, 8, 64, 65528, 65532, 65535, 65536, 65537, 1 << 31, (1 << 32) - 8, (1 << 32) - 1]
numbers = st.one_of(
    st.integers(0, 9),
    st.integers(0, 9),
    st.sampled_from([*_EDGES, 1 << 63, (1 << 63) - 1, (1 << 64) - 1]),
    st.integers(0, 70_000),
    st.integers(0, (1 << 64) - 1),
)


@functools.cache
def _calling() -> str:
    """A guest with two files and a directory open that reads which function to call, and how."""
    choices = ""
    for number, name in enumerate(FUZZED):
        arguments = " ".join(
            f"({_WIDTH[kind]}.load (i32.const {136 + 8 * index}))"
            for index, kind in enumerate(SIGNATURES[name])
        )
        choices += f"""(if (i32.eq (i32.load (i32.const 128)) (i32.const {number}))
          (then (call $proc_exit (call ${name} {arguments}))))"""
    opening = (
        (WORK, 640, 1, CREATE, READ | WRITE),
        (DATA, 642, 1, DIRECTORY, READ),
        (DATA, 640, 1, 0, READ | WRITE),
    )
    calls = "".join(
        f"(drop (call $path_open (i32.const {fd}) (i32.const 1) (i32.const {at}) (i32.const {size})"
        f"(i32.const {how}) (i64.const {rights}) (i64.const {ALL}) (i32.const 0) (i32.const 16)))"
        for fd, at, size, how, rights in opening
    )
    return command(
        f"""{calls}
        (i32.store (i32.const 0) (i32.const 128)) (i32.store (i32.const 4) (i32.const 128))
        (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
        {choices} unreachable""",
        imports="".join(_import(name) for name in (*FUZZED, "proc_exit")),
        declarations='(data (i32.const 640) "f d")',
    )


def _fuzzed(name: str, stdin: bytes, granted: Grant) -> tuple[int, str | None]:
    chosen = struct.pack("<Q", FUZZED.index(name))
    execution = run(_calling(), stdin=chosen + stdin, granted=granted)
    if execution.stop is None:
        return 0, None
    if execution.stop.code == "guest.exited":
        return int(str(execution.stop.details["exit_code"])), None
    return -1, execution.stop.code


@pytest.mark.claim("isolation.memory")
@pytest.mark.parametrize("name", FUZZED)
@settings(
    max_examples=often(50),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(values=st.lists(numbers, min_size=9, max_size=9))
def test_no_argument_of_a_function_on_files_reaches_outside_the_guest(
    name: str, values: list[int], descriptor: int, inside: Path
) -> None:
    granted = files(descriptor, writable=True, quota=1 << 20)

    errno, stop = _fuzzed(name, struct.pack("<9Q", *values), granted)

    # An error number of preview 1 or a limit: no crash, and no exception of our own.
    assert 0 <= errno <= 76 or stop in {"guest.output_too_large", "guest.scratch_exceeded"}
    assert (inside.parent / "canary").read_bytes() == b"the canary"


def test_what_was_written_before_a_quota_was_reached_is_told(descriptor: int) -> None:
    limits = Limits(scratch_bytes=513 + 100)

    execution = run(
        command(
            """
            (drop (call $path_open (i32.const 4) (i32.const 1) (i32.const 640) (i32.const 1)
              (i32.const 1) (i64.const 66) (i64.const 0) (i32.const 0) (i32.const 16)))
            (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 100))
            (i32.store (i32.const 8) (i32.const 1024)) (i32.store (i32.const 12) (i32.const 100))
            (i32.store (i32.const 40)
              (call $fd_write (i32.const 6) (i32.const 0) (i32.const 2) (i32.const 44)))
            (i32.store (i32.const 48)
              (call $fd_write (i32.const 6) (i32.const 0) (i32.const 2) (i32.const 52)))
            (drop (call $fd_tell (i32.const 6) (i32.const 56)))
            (i32.store (i32.const 0) (i32.const 40)) (i32.store (i32.const 4) (i32.const 24))
            (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))""",
            imports=_import("path_open") + _import("fd_write") + _import("fd_tell"),
            declarations='(data (i32.const 640) "f")',
        ),
        granted=files(descriptor, limits=limits),
    )

    errno, written, again, _, place = struct.unpack("<IIIIQ", execution.stdout)
    assert (errno, written, again, place) == (0, 100, Errno.DQUOT, 100)


def test_listings_of_many_descriptors_do_not_add_up(
    descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hatchway.engine.preview1 import table

    monkeypatch.setattr(table, "MAX_LISTED", 7)
    steps = [path_open(DATA, b".", how=DIRECTORY)] * 3
    listings = [("fd_readdir", (FIRST + number, ROOM, 4096, 0, 64)) for number in range(3)]
    later = [("fd_readdir", (FIRST + number, ROOM, 4096, 4, 64)) for number in range(3)]

    execution = run(script(*steps, *listings, *later), granted=files(descriptor))

    errors, room = told(execution)
    assert errors == [0] * 9
    assert struct.unpack_from("<QQIB3x3s", room)[::2] == (5, 3, b"out")


def test_calls_with_scratch_space_leave_nothing_behind(descriptor: int, inside: Path) -> None:
    guest = script(
        *OPEN_BOTH,
        ("path_create_directory", (WORK, b"d")),
        ("fd_filestat_set_size", (FIRST + 3, 1 << 20)),
    )
    granted = files(descriptor, writable=True, limits=Limits(scratch_bytes=1 << 21))

    def calls(count: int) -> None:
        for _ in range(count):
            assert stop_code(run(guest, granted=granted)) is None
        gc.collect()

    calls(50)
    blocks, resident = sys.getallocatedblocks(), resident_bytes()
    calls(2000)

    # Each of them had a mebibyte in its workspace.
    assert sys.getallocatedblocks() - blocks < 2000
    assert resident_bytes() - resident < 100 << 20
    assert held(inside) == [str(inside)]


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
