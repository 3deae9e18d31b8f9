"""Nothing outside a granted directory is reached, and nothing inside beyond the grant."""

from __future__ import annotations

import os
import resource
import socket
import stat
import subprocess
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hatchway.engine.files.host import beneath, directory, listing
from hatchway.engine.files.host.beneath import is_available
from hatchway.engine.files.host.descriptors import reopened
from hatchway.engine.files.host.directory import HostDirectory
from hatchway.engine.files.host.usage import used_bytes
from hatchway.engine.files.nodes import NOW, Directory, Errno, File, FileFault, Kind, Wish
from hatchway.engine.files.nothing import NoFiles
from hatchway.engine.files.quota import BYTES_PER_NAME, Quota

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CANARY = b"the canary"
READ = Wish()
WRITE = Wish(writes=True)
MAKE = Wish(writes=True, create=True)
NAME = BYTES_PER_NAME + 1
"""What a name of one byte costs."""


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    """The directory that is granted, with a canary beside it."""
    path = tmp_path / "granted"
    path.mkdir()
    (tmp_path / "canary").write_bytes(CANARY)
    return path


@contextmanager
def granted(
    path: Path, *, writable: bool = True, quota: Quota | None = None
) -> Iterator[HostDirectory]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield HostDirectory(descriptor, b"/data", is_writable=writable, quota=quota)
    finally:
        os.close(descriptor)


@pytest.fixture
def no_leak(tmp_path: Path) -> Iterator[None]:
    """Nothing of the granted directory or around it is open afterwards."""
    yield
    assert held(tmp_path) == []


def held(path: Path) -> list[str]:
    """What this process has open below a directory."""
    found = []
    for item in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists them
            found.append(str(item.readlink()))
    return [name for name in found if name.startswith(str(path))]


def refused(operation: Callable[[], object]) -> Errno:
    with pytest.raises(FileFault) as caught:
        operation()
    return caught.value.errno


def answer(operation: Callable[[], object]) -> Errno | None:
    """The error number of an operation that may also go well."""
    try:
        operation()
    except FileFault as fault:
        return fault.errno
    return None


def opened(directory: Directory, path: bytes, wish: Wish = READ) -> File:
    node = directory.open(path, wish)
    assert isinstance(node, File)
    return node


def folder(directory: Directory, path: bytes) -> Directory:
    node = directory.open(path, READ)
    assert isinstance(node, Directory)
    return node


def left(quota: Quota) -> int:
    count = quota._left
    assert count is not None
    return count


# Ways out

WAYS_OUT = [
    b"..",
    b"../canary",
    b"d/../../canary",
    b"/etc/passwd",
    b"//etc/passwd",
    b"absolute",
    b"relative",
    b"relative/",
    b"root",
    b"root/etc/passwd",
    b"descriptors/0",
    b"self",
    b"chain",
    b"d/deep/../../../canary",
    b"d/up/../canary",
    b"through/canary",
]


@pytest.fixture
def riddled(inside: Path) -> Path:
    """A directory whose owner left links to everywhere in it."""
    outside = inside.parent
    (inside / "d" / "deep").mkdir(parents=True)
    for name, target in {
        "absolute": str(outside / "canary"),
        "relative": "../canary",
        "through": "..",
        "root": "/proc/self/root",
        "descriptors": "/proc/self/fd",
        "self": "/proc/self/cwd",
        "chain": "chain1",
        "chain1": "d/chain2",
        "d/chain2": "deep/chain3",
        "d/deep/chain3": "../../../canary",
        "d/up": "..",
    }.items():
        (inside / name).symlink_to(target)
    return inside


@pytest.mark.claim("files.beneath")
@pytest.mark.usefixtures("no_leak")
@pytest.mark.parametrize("path", WAYS_OUT)
def test_no_path_leads_out(riddled: Path, path: bytes) -> None:
    with granted(riddled) as root:
        for operation in (
            lambda: root.open(path, READ),
            lambda: root.open(path, WRITE),
            lambda: root.open(path, READ._replace(directory=True)),
            lambda: root.status_at(path, follow=True),
            lambda: root.set_times_at(path, NOW, NOW, follow=True),
        ):
            assert refused(operation) == Errno.NOTCAPABLE
        for operation in (
            lambda: root.open(path, MAKE),
            lambda: root.open(path + b"/x", MAKE),
            lambda: root.make_directory(path + b"/x"),
            lambda: root.make_link(path + b"/x", b"y"),
            lambda: root.unlink(path + b"/x"),
            lambda: root.rename(b"d", root, path + b"/x"),
            lambda: root.link(b"d/up", root, path + b"/x"),
        ):
            assert refused(operation) in {Errno.NOTCAPABLE, Errno.ISDIR}

    assert (riddled.parent / "canary").read_bytes() == CANARY
    assert sorted(item.name for item in riddled.parent.iterdir()) == ["canary", "granted", "home"]


@pytest.mark.claim("files.beneath")
def test_nothing_is_made_where_a_dangling_link_leads_out(inside: Path) -> None:
    (inside / "l").symlink_to("../new")
    (inside / "m").symlink_to(inside.parent / "new")
    (inside / "n").symlink_to("o")
    (inside / "o").symlink_to("../new")
    with granted(inside) as root:
        for path in (b"l", b"m", b"n"):
            assert refused(lambda path=path: root.open(path, MAKE)) == Errno.NOTCAPABLE  # type: ignore[misc]  # bound now

    assert not (inside.parent / "new").exists()


def test_a_file_is_made_where_a_link_inside_leads(inside: Path) -> None:
    (inside / "d").mkdir()
    (inside / "d" / "l").symlink_to("../new")
    with granted(inside) as root:
        opened(root, b"d/l", MAKE).close()

    assert (inside / "new").is_file()


@pytest.mark.claim("files.beneath")
def test_a_directory_that_is_swapped_for_a_link_is_never_followed_out(inside: Path) -> None:
    outside = inside.parent / "outside"
    outside.mkdir()
    (outside / "f").write_bytes(CANARY)
    (inside / "d").mkdir()
    (inside / "d" / "f").write_bytes(b"ours")
    (inside / "l").symlink_to("../outside")
    done = threading.Event()
    swaps = 0

    def swap() -> None:
        nonlocal swaps
        while not done.is_set():
            for old, new in (("d", "x"), ("l", "d"), ("d", "l"), ("x", "d")):
                (inside / old).rename(inside / new)
            swaps += 1

    seen, answers = set(), set()
    with granted(inside) as root:
        thread = threading.Thread(target=swap)
        thread.start()
        try:
            for number in range(20_000):
                try:
                    file = opened(root, b"d/f", WRITE if number % 2 else READ)
                    seen.add(file.read(0, 100))
                    file.close()
                    root.status_at(b"d/f", follow=True)
                except FileFault as fault:
                    answers.add(fault.errno)
        finally:
            done.set()
            thread.join()

    assert swaps
    assert seen == {b"ours"}
    assert answers <= {Errno.NOENT, Errno.NOTCAPABLE, Errno.AGAIN}
    assert held(inside.parent) == []


@pytest.mark.claim("files.beneath")
@pytest.mark.usefixtures("no_leak")
def test_nothing_goes_from_one_grant_to_another(inside: Path) -> None:
    second = inside.parent / "second"
    second.mkdir()
    (inside / "f").write_bytes(b"data")
    (inside / "d").mkdir()
    with (
        granted(inside) as root,
        granted(second) as other,
        granted(second, writable=False) as shown,
    ):
        for operation in (root.rename, root.link):
            for name in (b"f", b"d"):
                assert refused(lambda a=operation, n=name: a(n, other, b"x")) == Errno.XDEV  # type: ignore[misc]  # bound now
                assert refused(lambda a=operation, n=name: a(n, shown, b"x")) == Errno.NOTCAPABLE  # type: ignore[misc]  # bound now
                assert refused(lambda a=operation, n=name: a(n, NoFiles(), b"x")) == Errno.XDEV  # type: ignore[misc]  # bound now
        assert refused(lambda: shown.rename(b"f", root, b"x")) == Errno.NOTCAPABLE
        assert refused(lambda: shown.link(b"f", root, b"x")) == Errno.NOTCAPABLE

    assert list(second.iterdir()) == []


# Links that a guest makes

OUTWARD = [
    (b"l", b"../canary"),
    (b"l", b"/etc/passwd"),
    (b"l", b"d/../../canary"),
    (b"d/l", b"../../canary"),
    (b"d/../l", b"../canary"),
    (b"here/here/here/l", b"../canary"),
    (b"l", b"here/../canary"),
    (b"l", b"here/here/../../../canary"),
]


@pytest.mark.usefixtures("no_leak")
@pytest.mark.parametrize(("path", "target"), OUTWARD)
def test_no_guest_makes_a_link_that_leads_out(inside: Path, path: bytes, target: bytes) -> None:
    (inside / "d").mkdir()
    with granted(inside) as root:
        root.make_link(b"here", b".")

        assert refused(lambda: root.make_link(path, target)) == Errno.NOTCAPABLE
        below = folder(root, b"here/here/d/..")
        assert refused(lambda: below.make_link(path, target)) == Errno.NOTCAPABLE
        below.close()

    assert sorted(item.name for item in inside.rglob("*")) == ["d", "here"]


@pytest.mark.usefixtures("no_leak")
def test_a_link_may_lead_up_as_far_as_the_grant_goes(inside: Path) -> None:
    (inside / "d" / "e").mkdir(parents=True)
    with granted(inside) as root:
        root.make_link(b"d/e/l", b"../../f")
        below = folder(root, b"d/e")
        below.make_link(b"m", b"../../f")
        below.close()
        opened(root, b"d/e/l", MAKE).close()

    assert (inside / "f").samefile(inside / "d" / "e" / "m")


def test_a_link_is_not_brought_to_where_it_leads_out(inside: Path) -> None:
    (inside / "d").mkdir()
    with granted(inside) as root:
        root.make_link(b"d/l", b"../canary")

        assert refused(lambda: root.rename(b"d/l", root, b"l")) == Errno.NOTCAPABLE
        assert refused(lambda: root.link(b"d/l", root, b"l")) == Errno.NOTCAPABLE
        root.rename(b"d/l", root, b"d/m")
        root.link(b"d/m", root, b"d/n")

    assert sorted(item.name for item in inside.iterdir()) == ["d"]


def test_a_directory_that_was_moved_away_takes_no_upward_link(inside: Path) -> None:
    (inside / "d" / "e").mkdir(parents=True)
    with granted(inside) as root:
        below = folder(root, b"d/e")
        (inside / "d" / "e").rename(inside.parent / "e")

        assert refused(lambda: below.make_link(b"l", b"../canary")) == Errno.NOTCAPABLE
        below.close()


# What is no file


@pytest.mark.claim("files.plain")
@pytest.mark.usefixtures("no_leak")
def test_pipes_sockets_and_devices_are_seen_and_never_opened(inside: Path) -> None:
    os.mkfifo(inside / "pipe")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(inside / "socket"))
    kinds = {b"pipe": Kind.UNKNOWN, b"socket": Kind.SOCKET}
    if os.geteuid() == 0:
        os.mknod(inside / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        kinds[b"null"] = Kind.CHARACTER_DEVICE
    with granted(inside) as root:
        assert {entry.name: entry.kind for entry in root.entries()} == kinds
        for name, kind in kinds.items():
            for wish in (
                READ,
                WRITE,
                MAKE,
                READ._replace(truncate=True),
                Wish(reads=False, writes=True),
            ):
                assert refused(lambda n=name, w=wish: root.open(n, w)) == Errno.NOTCAPABLE  # type: ignore[misc]  # bound now
            assert root.status_at(name, follow=True).kind == kind
            root.set_times_at(name, 1, 2, follow=True)
            root.unlink(name)
    listening.close()


# Names


@pytest.mark.usefixtures("no_leak")
@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (b"\xff\xfe", Errno.ILSEQ),
        (b"a\xc3", Errno.ILSEQ),
        (b"x" * 256, Errno.NAMETOOLONG),
        (b"x/" * 2500, Errno.NAMETOOLONG),
        (b"f\0", Errno.INVAL),
        (b"\0", Errno.INVAL),
        (b"", Errno.NOENT),
    ],
    ids=["bytes", "cut", "long name", "long path", "behind NUL", "NUL", "empty"],
)
def test_names_that_are_none_are_refused_by_every_operation(
    inside: Path, path: bytes, answer: Errno
) -> None:
    (inside / "f").write_bytes(b"data")
    with granted(inside) as root:
        for operation in (
            lambda: root.open(path, READ),
            lambda: root.open(path, MAKE),
            lambda: root.status_at(path, follow=False),
            lambda: root.set_times_at(path, 1, 1, follow=False),
            lambda: root.read_link(path),
            lambda: root.make_directory(path),
            lambda: root.make_link(path, b"f"),
            lambda: root.unlink(path),
            lambda: root.remove_directory(path),
            lambda: root.rename(path, root, b"x"),
            lambda: root.rename(b"f", root, path),
            lambda: root.link(path, root, b"x"),
            lambda: root.link(b"f", root, path),
        ):
            assert refused(operation) == answer

    assert [item.name for item in inside.iterdir()] == ["f"]


def test_a_name_a_guest_cannot_spell_is_not_listed(inside: Path) -> None:
    (inside / "f").touch()
    os.close(os.open(os.fsencode(inside) + b"/\xff", os.O_CREAT))
    with granted(inside) as root:
        assert [entry.name for entry in root.entries()] == [b"f"]


def test_a_directory_with_too_many_names_is_not_listed(
    inside: Path, monkeypatch: pytest.MonkeyPatch, no_leak: None
) -> None:
    monkeypatch.setattr(listing, "_MAX_ENTRIES", 2)
    for name in "abc":
        (inside / name).touch()
    with granted(inside) as root:
        assert refused(root.entries) == Errno.OVERFLOW


# Read-only


@pytest.mark.claim("files.read-only")
@pytest.mark.usefixtures("no_leak")
def test_in_a_read_only_grant_nothing_can_be_changed(inside: Path) -> None:
    (inside / "f").write_bytes(b"data")
    (inside / "l").symlink_to("f")
    (inside / "d").mkdir()
    before = {item.name: item.lstat()[:7] for item in inside.iterdir()}
    with granted(inside, writable=False) as root:
        file, below = opened(root, b"f"), folder(root, b"d")
        for operation in (
            lambda: root.open(b"f", WRITE),
            lambda: root.open(b"f", Wish(reads=False, writes=True)),
            lambda: root.open(b"f", READ._replace(truncate=True)),
            lambda: root.open(b"f", READ._replace(create=True)),
            lambda: root.open(b"x", MAKE),
            lambda: root.open(b"x", MAKE._replace(exclusive=True)),
            lambda: root.open(b"x/", MAKE),
            lambda: root.set_times(NOW, NOW),
            lambda: root.set_times_at(b"f", 1, 1, follow=True),
            lambda: root.set_times_at(b"l", 1, 1, follow=False),
            lambda: file.set_times(1, 1),
            lambda: root.make_directory(b"x"),
            lambda: root.make_link(b"x", b"f"),
            lambda: root.make_link(b"x/", b"f"),
            lambda: root.unlink(b"f"),
            lambda: root.remove_directory(b"d"),
            lambda: root.rename(b"f", root, b"x"),
            lambda: root.rename(b"f", below, b"x"),
            lambda: root.link(b"f", root, b"x"),
            lambda: root.link(b"f", root, b"x/"),
            lambda: below.make_directory(b"x"),
            lambda: below.set_times(1, 1),
        ):
            assert refused(operation) == Errno.NOTCAPABLE
        assert not file.writes
        assert refused(lambda: file.write(0, b"x")) == Errno.BADF
        assert refused(lambda: file.set_size(0)) in {Errno.BADF, Errno.INVAL}
        assert file.read(0, 10) == b"data"
        assert not below.is_writable
        file.close()
        below.close()

    assert {item.name: item.lstat()[:7] for item in inside.iterdir()} == before


def test_times_are_set_where_they_may_be(inside: Path) -> None:
    (inside / "f").touch()
    (inside / "l").symlink_to("f")
    with granted(inside) as root:
        root.set_times_at(b"l", 1_000, None, follow=False)
        assert root.status_at(b"l", follow=False).accessed_ns == 1_000
        root.set_times_at(b"l", 2_000, 3_000, follow=True)
        root.set_times(None, 4_000)
        file = opened(root, b"f")
        assert file.status()[4:6] == (2_000, 3_000)
        file.set_times(NOW, 5_000)
        file.close()

        assert root.status_at(b"f", follow=True).accessed_ns > 10**18
        assert root.status().modified_ns == 4_000


# Quotas


@pytest.mark.claim("files.quota")
@pytest.mark.usefixtures("no_leak")
def test_a_quota_holds_for_names_writes_holes_and_sizes(inside: Path) -> None:
    quota = Quota(3 * NAME + 1000)
    with granted(inside, quota=quota) as root:
        file = opened(root, b"f", MAKE)
        assert file.write(0, b"x" * 900) == 900
        assert file.write(2 * NAME + 999, b"xx") == 1
        assert refused(lambda: file.write(2 * NAME + 1000, b"x")) == Errno.DQUOT
        assert refused(lambda: root.make_directory(b"d")) == Errno.DQUOT
        assert refused(lambda: root.make_link(b"l", b"f")) == Errno.DQUOT
        assert refused(lambda: root.link(b"f", root, b"g")) == Errno.DQUOT
        assert refused(lambda: root.open(b"g", MAKE)) == Errno.DQUOT
        assert refused(lambda: file.set_size(2 * NAME + 1001)) == Errno.DQUOT
        assert left(quota) == 0
        file.set_size(0)
        assert file.write(1500, b"") == 0
        assert refused(lambda: file.write((1 << 63) - 1, b"x")) == Errno.INVAL
        assert refused(lambda: file.set_size((1 << 63) - 1)) == Errno.DQUOT
        assert left(quota) == 2 * NAME + 1000
        file.close()

    assert [item.name for item in inside.iterdir()] == ["f"]


@pytest.mark.claim("files.quota")
@pytest.mark.usefixtures("no_leak")
def test_a_quota_gets_everything_back(inside: Path) -> None:
    limit = 100_000
    quota = Quota(limit)
    with granted(inside, quota=quota) as root:
        for name in (b"a", b"b"):
            file = opened(root, name, MAKE)
            file.write(0, b"x" * 1000)
            file.close()
        root.make_directory(b"d")
        root.make_directory(b"e")
        root.make_link(b"l", b"a/b/c")
        root.make_link(b"m", b"a")
        root.link(b"a", root, b"second")
        descriptor = os.open(inside, os.O_RDONLY)
        assert used_bytes(descriptor) == limit - left(quota)

        root.rename(b"second", root, b"a")  # two names of one file: nothing happens
        root.rename(b"a", root, b"a")
        assert used_bytes(descriptor) == limit - left(quota)
        root.rename(b"b", root, b"a-longer-name")
        root.rename(b"a", root, b"a-longer-name")
        root.rename(b"d", root, b"e")
        root.rename(b"m", root, b"l")
        assert used_bytes(descriptor) == limit - left(quota)
        open_file = opened(root, b"second")
        for name in (b"second", b"a-longer-name", b"l"):
            root.unlink(name)
        root.remove_directory(b"e")
        assert left(quota) == limit - 1000
        root.open(b"x", MAKE).close()
        root.rename(b"x", root, b"y")
        root.unlink(b"y")
        open_file.close()
        open_file.close()
        assert left(quota) == limit
        os.close(descriptor)


@pytest.mark.usefixtures("no_leak")
def test_what_fails_costs_nothing(inside: Path) -> None:
    (inside / "f").write_bytes(b"data")
    (inside / "d").mkdir()
    (inside / "d" / "x").touch()
    (inside / "l").symlink_to("l")
    quota = Quota(100_000)
    with granted(inside, quota=quota) as root:
        file = opened(root, b"f")
        for operation in (
            lambda: root.open(b"no/f", MAKE),
            lambda: root.open(b"f", MAKE._replace(exclusive=True)),
            lambda: root.open(b"d", MAKE),
            lambda: root.open(b"l", MAKE),
            lambda: root.open(b"l", WRITE._replace(follow=False)),
            lambda: root.open(b"f", READ._replace(directory=True)),
            lambda: root.open(b"f/", READ),
            lambda: root.open(b"x/", MAKE),
            lambda: root.open(b"./", MAKE),
            lambda: root.open(b"x", MAKE._replace(directory=True)),
            lambda: root.make_directory(b"f"),
            lambda: root.make_link(b"f", b"x"),
            lambda: root.make_link(b"x", b"/x"),
            lambda: root.unlink(b"d"),
            lambda: root.unlink(b"f/"),
            lambda: root.remove_directory(b"d"),
            lambda: root.remove_directory(b"f"),
            lambda: root.remove_directory(b"."),
            lambda: root.rename(b"no", root, b"x"),
            lambda: root.rename(b"f", root, b"d"),
            lambda: root.rename(b"f", root, b"longer/"),
            lambda: root.rename(b"d", root, b"d/longer"),
            lambda: root.link(b"no", root, b"x"),
            lambda: root.link(b"d", root, b"x"),
            lambda: root.link(b"f", root, b"d"),
            lambda: root.link(b"f/", root, b"x"),
            lambda: root.read_link(b"f"),
            lambda: file.write(0, b"x"),
            lambda: file.write(50, b"x"),
            lambda: file.set_size(50),
            lambda: file.set_size(0),
        ):
            refused(operation)
            assert left(quota) == 100_000
        file.close()


@pytest.mark.claim("files.quota")
def test_a_quota_holds_under_two_threads(inside: Path) -> None:
    limit = 20_000
    quota = Quota(limit)
    problems: list[BaseException] = []
    with granted(inside, quota=quota) as root:

        def churn(own: bytes) -> None:
            try:
                for number in range(400):
                    _churn(root, own, number)
            except BaseException as problem:
                problems.append(problem)

        threads = [threading.Thread(target=churn, args=(name,)) for name in (b"a", b"b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        descriptor = os.open(inside, os.O_RDONLY)
        assert problems == []
        assert used_bytes(descriptor) == limit - left(quota) <= limit
        os.close(descriptor)
        for entry in root.entries():
            root.unlink(entry.name)
        assert left(quota) == limit


def _churn(root: HostDirectory, own: bytes, number: int) -> None:
    """Everything that counts, on names that another thread uses too."""
    steps: list[Callable[[], object]] = [
        lambda: _written(root, b"shared", number * 37 % 9000),
        lambda: _written(root, own, number * 91 % 9000),
        lambda: root.rename(own, root, b"shared"),
        lambda: root.link(b"shared", root, own + b"2"),
        lambda: root.unlink(b"shared"),
        lambda: root.unlink(own + b"2"),
    ]
    for step in steps[number % 3 :] + steps[: number % 3]:
        assert answer(step) in {None, Errno.DQUOT, Errno.NOENT, Errno.EXIST}


def _written(root: HostDirectory, name: bytes, size: int) -> None:
    file = opened(root, name, MAKE._replace(truncate=size % 2 == 0))
    try:
        file.write(size // 2, b"x" * (size // 2))
        file.set_size(size // 3)
    finally:
        file.close()


@pytest.mark.parametrize("room", [0, 5000])
def test_a_file_whose_name_goes_while_it_is_opened_is_paid_for(
    inside: Path, room: int, monkeypatch: pytest.MonkeyPatch, no_leak: None
) -> None:
    (inside / "f").write_bytes(b"x" * 1000)
    quota = Quota(room)
    with granted(inside, quota=quota) as root:

        def raced(pinned: int, wish: Wish) -> int:
            root.unlink(b"f")
            assert left(quota) == room + 1000 + NAME
            quota.take(1000 + NAME)  # somebody else has used it already
            return reopened(pinned, wish)

        monkeypatch.setattr(directory, "reopened", raced)
        if room == 0:
            assert refused(lambda: root.open(b"f", WRITE)) == Errno.DQUOT
            return
        file = opened(root, b"f", WRITE._replace(truncate=True))
        assert left(quota) == room
        file.close()
        assert left(quota) == room


def test_hard_links_are_counted_once(inside: Path) -> None:
    (inside / "d").mkdir()
    (inside / "f").write_bytes(b"x" * 1000)
    (inside / "d" / "g").hardlink_to(inside / "f")
    (inside / "l").symlink_to("/somewhere")
    descriptor = os.open(inside, os.O_RDONLY)

    assert used_bytes(descriptor) == 4 * NAME + 1000 + len("/somewhere")
    os.close(descriptor)


@pytest.mark.usefixtures("no_leak")
def test_a_tree_deeper_than_any_path_is_measured(inside: Path) -> None:
    levels = 3000
    quota = Quota(None)
    with granted(inside, quota=quota) as root:
        here: Directory = root
        for _ in range(levels):
            here.make_directory(b"dd")
            below = folder(here, b"dd")
            here.close()
            here = below
        opened(here, b"f", MAKE).close()
        here.close()
        descriptor = os.open(inside, os.O_RDONLY)

        try:
            assert used_bytes(descriptor) == levels * (NAME + 1) + NAME
        finally:
            os.close(descriptor)
            subprocess.run(["rm", "-r", inside / "dd"], check=True)  # too deep for shutil


# Descriptors


@pytest.mark.usefixtures("no_leak")
def test_closing_twice_closes_nobody_elses_file(inside: Path) -> None:
    (inside / "f").write_bytes(b"data")
    (inside / "d").mkdir()
    with granted(inside, quota=Quota(1000)) as root:
        for path in (b"f", b"d"):
            node = root.open(path, READ)
            copy = node.again() if isinstance(node, File) else folder(node, b".")
            node.close()
            pipe = os.pipe()
            node.close()
            for descriptor in pipe:
                os.fstat(descriptor)
                os.close(descriptor)
            assert refused(node.status) == Errno.BADF
            copy.close()
        root.close()
        root.close()


@pytest.mark.usefixtures("no_leak")
def test_without_descriptors_left_the_guest_is_told_and_nothing_breaks(inside: Path) -> None:
    import resource

    (inside / "f").write_bytes(b"data")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with granted(inside) as root:
        free = os.open(inside, os.O_RDONLY)
        os.close(free)
        try:
            for more in range(3):
                resource.setrlimit(resource.RLIMIT_NOFILE, (free + more, hard))
                before = held(inside) if more else None
                for operation in (
                    lambda: root.open(b"f", READ).close(),
                    lambda: root.open(b"new", MAKE).close(),
                    lambda: root.open(b".", READ).close(),
                    root.entries,
                    lambda: used_bytes(root._descriptor),
                ):
                    assert answer(operation) in {None, Errno.MFILE, Errno.NFILE}
                assert before is None or held(inside) == before
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_guests_leave_the_server_descriptors_of_its_own(inside: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    (inside / "many").write_text("x")
    mine: list[File | Directory] = []
    with granted(inside) as top:
        taken = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
        resource.setrlimit(resource.RLIMIT_NOFILE, (taken + 600, limits[1]))
        try:
            with pytest.raises(FileFault) as fault:
                mine.extend(top.open(b"many", READ) for _ in range(1000))
            left = [os.dup(0) for _ in range(200)]
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            for item in mine:
                item.close()
        for descriptor in left:
            os.close(descriptor)

    assert fault.value.errno is Errno.NFILE
    assert len(mine) > 100


def test_this_system_can_keep_a_guest_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_available()

    monkeypatch.setattr(beneath, "_OPENAT2", 100_000)
    assert not is_available()
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    assert not is_available()
