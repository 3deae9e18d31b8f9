"""A granted directory and a workspace answer alike, whatever a guest does with them.

The deliberate differences, each kept out of the comparison by what `answer` returns or by what
the strategies make:

* Sizes and link counts of directories, inode numbers and times: every file system has its own.
* Sizes beyond what there is room for: a host without a quota says `FBIG` or makes a file with
  holes, a workspace counts holes and says `DQUOT`.
* Links that lead out: a host directory refuses to make or to move one, because programs outside
  would follow it; a workspace has no outside, and refuses only to follow it.
* A file is made through a link that leads to nothing yet and ends in a slash: `ISDIR` by the
  kernel, `NOENT` in a workspace, where such a slash is a name of its own.
* Names that are not UTF-8: the host can have them, a guest of either cannot spell them.
* Paths that grow beyond 4096 bytes while links are followed: the kernel stops there.
"""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any, TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import often

from hatchway.engine.files.host.directory import HostDirectory
from hatchway.engine.files.nodes import Directory, Errno, File, FileFault, Kind, Status, Wish
from hatchway.engine.files.workspace.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

Operation: TypeAlias = tuple[str, tuple[Any, ...]]

_ROOM = 1 << 20

names = st.sampled_from([b"a", b"b", b"c", b"l"])
parts = st.one_of(names, names, names, st.sampled_from([b".", b"..", b"", b"n" * 255, b"n" * 256]))
paths = st.one_of(
    names,
    st.builds(lambda items, end: b"/".join(items) + end, st.lists(parts, min_size=1, max_size=4),
              st.sampled_from([b"", b"", b"", b"/", b"//", b"/."])),
    st.sampled_from([b"", b"/a", b"a\0b", b"\xff", b".", b"..", b"/", b"x" * 4097]),
)  # fmt: skip
# What leads down, or nowhere, or round in circles, but not out.
targets = st.one_of(
    names,
    st.builds(lambda items, end: b"/".join(items) + end,
              st.lists(st.one_of(names, st.just(b".")), min_size=1, max_size=3),
              st.sampled_from([b"", b"", b"/", b"/."])),
    st.sampled_from([b"", b"/a", b"a\0b", b"\xff"]),
)  # fmt: skip
wishes = st.builds(Wish, *[st.booleans()] * 7)
handles = st.integers(0, 5)
offsets = st.one_of(
    st.integers(0, 40), st.sampled_from([1000, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
)
small = st.one_of(st.integers(0, 40), st.sampled_from([1 << 63, (1 << 64) - 1]))
chunks = st.binary(max_size=30)

operations: st.SearchStrategy[Operation] = st.one_of(
    st.tuples(st.just("open"), st.tuples(handles, paths, wishes)),
    st.tuples(st.just("open"), st.tuples(handles, names, st.just(Wish()))),
    st.tuples(st.just("open"), st.tuples(handles, paths, st.just(Wish(writes=True, create=True)))),
    st.tuples(st.just("again"), st.tuples(handles)),
    st.tuples(st.just("close"), st.tuples(handles)),
    st.tuples(st.just("read"), st.tuples(handles, offsets, st.integers(0, 100))),
    st.tuples(st.just("write"), st.tuples(handles, small, chunks)),
    st.tuples(st.just("set_size"), st.tuples(handles, small)),
    st.tuples(st.just("status"), st.tuples(handles)),
    st.tuples(st.just("entries"), st.tuples(handles)),
    st.tuples(st.just("status_at"), st.tuples(handles, paths, st.booleans())),
    st.tuples(st.just("set_times_at"), st.tuples(handles, paths, st.booleans())),
    st.tuples(st.just("make_directory"), st.tuples(handles, paths)),
    st.tuples(st.just("make_directory"), st.tuples(handles, names)),
    st.tuples(st.just("make_link"), st.tuples(handles, paths, targets)),
    st.tuples(st.just("make_link"), st.tuples(handles, names, targets)),
    st.tuples(st.just("read_link"), st.tuples(handles, paths)),
    st.tuples(st.just("unlink"), st.tuples(handles, paths)),
    st.tuples(st.just("remove_directory"), st.tuples(handles, paths)),
    st.tuples(st.just("rename"), st.tuples(handles, paths, handles, paths)),
    st.tuples(st.just("link"), st.tuples(handles, paths, handles, paths)),
)


FURNISHED: list[Operation] = [
    ("make_directory", (0, b"a")),
    ("make_directory", (0, b"a/b")),
    ("make_directory", (0, b"b")),
    ("open", (0, b"c", Wish(writes=True, create=True))),
    ("make_link", (0, b"l", b"a")),
    ("open", (0, b"a", Wish())),
]
"""What every world begins with: a few names that something can happen to."""


class World:
    """One of the two, and what is open in it."""

    def __init__(self, root: Directory) -> None:
        self.directories = [root]
        self.files: list[File] = []

    def directory(self, number: int) -> Directory:
        return self.directories[number % len(self.directories)]

    def act(self, name: str, arguments: tuple[Any, ...]) -> object:
        """What the guest is told: an answer that can be compared, or an error number."""
        try:
            return self._answer(name, arguments)
        except FileFault as fault:
            return fault.errno

    def _answer(self, name: str, arguments: tuple[Any, ...]) -> object:
        number, *rest = arguments
        if name in {"again", "close", "read", "write", "set_size"}:
            return self._on_file(name, number, rest)
        directory = self.directory(number)
        if name == "open":
            return self._opened(directory, *rest)
        if name == "status":
            return told(directory.status())
        if name == "status_at":
            return told(directory.status_at(rest[0], follow=rest[1]))
        if name == "set_times_at":
            return directory.set_times_at(rest[0], 5, None, follow=rest[1])
        if name == "entries":
            return [(entry.name, entry.kind) for entry in directory.entries()]
        if name in {"rename", "link"}:
            rest[1] = self.directory(rest[1])
        act: Callable[..., object] = getattr(directory, name)
        return act(*rest)

    def _opened(self, directory: Directory, path: bytes, wish: Wish) -> object:
        try:
            return self._keep(directory.open(path, wish))
        except FileFault as fault:
            leads_to_slash = fault.errno == Errno.ISDIR and _is_link_to_nothing(directory, path)
            if wish.create and wish.follow and leads_to_slash:
                return Errno.NOENT
            raise

    def _keep(self, node: File | Directory) -> object:
        if isinstance(node, Directory):
            self.directories.append(node)
            return Kind.DIRECTORY
        self.files.append(node)
        return Kind.REGULAR_FILE

    def _on_file(self, name: str, number: int, rest: list[Any]) -> object:
        if not self.files:
            return None
        file = self.files[number % len(self.files)]
        if name == "close":
            self.files.remove(file)
            return file.close()
        if name == "again":
            return self._keep(file.again())
        if name == "read":
            return (file.read(*rest), file.size(), told(file.status())) if file.reads else None
        act: Callable[..., object] = getattr(file, name)
        return act(*rest) if file.writes else None

    def tree(self) -> object:
        return tree(self.directories[0])

    def close(self) -> None:
        for node in (*self.files, *self.directories):
            node.close()


def _is_link_to_nothing(directory: Directory, path: bytes) -> bool:
    try:
        directory.read_link(path)
        directory.status_at(path, follow=True)
    except FileFault as fault:
        return fault.errno == Errno.NOENT
    return False


def told(status: Status) -> object:
    """What is the same in every file system."""
    is_directory = status.kind == Kind.DIRECTORY
    return status.kind, *(() if is_directory else (status.links, status.size))


def tree(directory: Directory) -> dict[bytes, object]:
    found: dict[bytes, object] = {}
    for entry in directory.entries():
        if entry.kind == Kind.SYMBOLIC_LINK:
            found[entry.name] = directory.read_link(entry.name)
            continue
        node = directory.open(entry.name, Wish())
        found[entry.name] = tree(node) if isinstance(node, Directory) else content(node)
        node.close()
    return found


def content(node: File | Directory) -> object:
    assert isinstance(node, File)
    return node.read(0, 1 << 16), told(node.status())


@settings(
    max_examples=often(500),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(operations, min_size=5, max_size=40))
def test_a_host_directory_and_a_workspace_answer_alike(steps: list[Operation]) -> None:
    with tempfile.TemporaryDirectory() as path:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        host = World(HostDirectory(descriptor, b"/work", is_writable=True))
        work = World(Workspace(_ROOM, lambda: 0).root(b"/work"))
        try:
            for name, arguments in (*FURNISHED, *steps):
                assert (name, arguments, host.act(name, arguments)) == (
                    name,
                    arguments,
                    work.act(name, arguments),
                )
            assert host.tree() == work.tree()
        finally:
            host.close()
            work.close()
            os.close(descriptor)
