"""A workspace holds no byte more than its limit, and gives all of them back."""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import often

from hatchway.engine.files.nodes import NOW, Directory, Errno, File, FileFault, Kind, Wish
from hatchway.engine.files.nothing import NoFiles
from hatchway.engine.files.quota import BYTES_PER_NAME
from hatchway.engine.files.workspace.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

LAST = (1 << 63) - 1
MAKE = Wish(writes=True, create=True)


def workspace(limit: int) -> tuple[Workspace, Directory]:
    space = Workspace(limit, lambda: 7)
    return space, space.root(b"/work")


def made(directory: Directory, path: bytes, data: bytes = b"") -> File:
    node = directory.open(path, MAKE)
    assert isinstance(node, File)
    if data:
        assert node.write(0, data) == len(data)
    return node


def folder(directory: Directory, path: bytes) -> Directory:
    node = directory.open(path, Wish())
    assert isinstance(node, Directory)
    return node


def refused(operation: Callable[[], object]) -> Errno:
    with pytest.raises(FileFault) as caught:
        operation()
    return caught.value.errno


def left(space: Workspace) -> int:
    """What of the budget is not spent."""
    count = space.quota._left
    assert count is not None
    return count


def held(space: Workspace, open_files: list[Any]) -> int:
    """What a workspace holds, counted anew from what can be reached."""
    total: int = 0
    contents: dict[int, Any] = {id(file._content): file._content for file in open_files}
    waiting: list[Any] = [space._root]
    links: dict[int, Any] = {}
    while waiting:
        for name, inode in waiting.pop().names.items():
            total += BYTES_PER_NAME + len(name)
            if inode.kind == Kind.DIRECTORY:
                waiting.append(inode)
            elif inode.kind == Kind.SYMBOLIC_LINK:
                links[id(inode)] = inode
            else:
                contents[id(inode)] = inode
    return total + sum(int(inode.size) for inode in (*links.values(), *contents.values()))


names = st.sampled_from([b"a", b"b", b"longer-name", b"d/a", b"d/b", b"d"])
sizes = st.one_of(st.integers(0, 900), st.sampled_from([1 << 40, LAST, 1 << 63, (1 << 64) - 1]))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("open"), names, st.booleans()),
        st.tuples(st.just("close"), st.integers(0, 3)),
        st.tuples(st.just("write"), st.integers(0, 3), sizes, st.binary(max_size=400)),
        st.tuples(st.just("set_size"), st.integers(0, 3), sizes),
        st.tuples(st.just("unlink"), names),
        st.tuples(st.just("rename"), names, names),
        st.tuples(st.just("link"), names, names),
        st.tuples(st.just("make_link"), names, names),
        st.tuples(st.just("make_directory"), names),
        st.tuples(st.just("remove_directory"), names),
    ),
    max_size=40,
)


@pytest.mark.claim("files.quota")
@settings(max_examples=often(400), deadline=None)
@given(limit=st.integers(0, 6000), steps=steps)
def test_the_budget_is_exact_whatever_is_done(limit: int, steps: list[tuple[Any, ...]]) -> None:
    space, root = workspace(limit)
    files: list[Any] = []

    for name, *arguments in steps:
        with contextlib.suppress(FileFault):  # what was refused has changed nothing
            _act(root, files, name, arguments)
        assert held(space, files) == limit - left(space) <= limit

    for file in files:
        file.close()
    _emptied(root)
    assert left(space) == limit


def _act(root: Directory, files: list[Any], name: str, arguments: list[Any]) -> None:
    if name == "open":
        node = root.open(arguments[0], MAKE._replace(truncate=arguments[1]))
        files.append(node)
    elif name in {"close", "write", "set_size"}:
        if files:
            file = files[arguments[0] % len(files)]
            getattr(file, name)(*arguments[1:])
            if name == "close":
                files.remove(file)
    elif name in {"rename", "link"}:
        getattr(root, name)(arguments[0], root, arguments[1])
    else:
        getattr(root, name)(*arguments)


def _emptied(directory: Directory) -> None:
    for entry in directory.entries():
        if entry.kind == Kind.DIRECTORY:
            _emptied(folder(directory, entry.name))
            directory.remove_directory(entry.name)
        else:
            directory.unlink(entry.name)


def test_a_file_with_a_hole_costs_what_it_claims_to_hold() -> None:
    space, root = workspace(10_000)
    file = made(root, b"f")

    assert file.write(5000, b"x") == 1

    assert left(space) == 10_000 - BYTES_PER_NAME - 1 - 5001
    assert file.read(0, 9000) == bytes(5000) + b"x"


def test_a_write_behind_a_gap_that_fills_the_rest_changes_nothing() -> None:
    space, root = workspace(BYTES_PER_NAME + 1 + 100)
    file = made(root, b"f")

    assert refused(lambda: file.write(100, b"x")) == Errno.DQUOT

    assert (file.size(), left(space)) == (0, 100)
    assert file.write(99, b"xyz") == 1
    assert refused(lambda: file.write(100, b"x")) == Errno.DQUOT
    assert space.quota.was_exceeded


def test_writing_nothing_makes_no_gap() -> None:
    space, root = workspace(10_000)
    file = made(root, b"f")
    before = left(space)

    assert file.write(5000, b"") == 0

    assert (file.size(), left(space)) == (0, before)


@pytest.mark.parametrize("offset", [LAST, 1 << 63, (1 << 64) - 1, 1 << 80])
def test_offsets_beyond_every_file_are_invalid_and_cost_nothing(offset: int) -> None:
    space, root = workspace(10_000)
    file = made(root, b"f", b"data")
    before = left(space)

    assert refused(lambda: file.write(offset, b"x")) in {Errno.INVAL, Errno.DQUOT}
    assert refused(lambda: file.set_size(offset)) in {Errno.INVAL, Errno.DQUOT}
    assert refused(lambda: file.read(offset, 1)) == Errno.INVAL

    assert (file.size(), left(space)) == (4, before)


def test_a_file_that_was_cut_off_grows_with_zeroes() -> None:
    space, root = workspace(10_000)
    file = made(root, b"f", b"secret")

    file.set_size(1)
    file.set_size(6)

    assert file.read(0, 10) == b"s" + bytes(5)
    assert left(space) == 10_000 - BYTES_PER_NAME - 1 - 6


def test_a_file_without_a_name_is_held_until_its_last_handle_is_closed() -> None:
    space, root = workspace(10_000)
    file = made(root, b"f", b"x" * 4000)
    second = file.again()

    root.unlink(b"f")

    assert left(space) == 6000
    assert second.read(0, 2) == b"xx"
    assert file.status().links == 0
    file.close()
    file.close()  # once too often: nothing more is given back
    assert left(space) == 6000
    second.close()
    assert left(space) == 10_000


def test_a_second_name_costs_a_name_and_the_bytes_go_with_the_last() -> None:
    space, root = workspace(10_000)
    made(root, b"f", b"x" * 4000).close()

    root.link(b"f", root, b"g")

    assert left(space) == 6000 - 2 * (BYTES_PER_NAME + 1)
    root.unlink(b"f")
    assert root.status_at(b"g", follow=True)[1:4] == (Kind.REGULAR_FILE, 1, 4000)
    root.unlink(b"g")
    assert left(space) == 10_000


def test_in_a_full_workspace_a_name_can_be_changed_but_not_made_longer() -> None:
    limit = 2 * BYTES_PER_NAME + 2
    space, root = workspace(limit)
    made(root, b"a").close()
    made(root, b"b").close()

    root.rename(b"a", root, b"c")
    assert refused(lambda: root.rename(b"c", root, b"cc")) == Errno.DQUOT
    assert [entry.name for entry in root.entries()] == [b"b", b"c"]
    root.rename(b"c", root, b"b")

    assert left(space) == BYTES_PER_NAME + 1
    root.unlink(b"b")
    assert left(space) == limit


def test_many_tiny_names_are_no_way_around_the_limit() -> None:
    space, root = workspace(100 * (BYTES_PER_NAME + 3))

    for number in range(99):
        root.make_directory(b"%03d" % number)
    root.make_link(b"l", b"xy")

    assert refused(lambda: made(root, b"one-more")) == Errno.DQUOT
    assert refused(lambda: root.make_link(b"one-more", b"x" * 400)) == Errno.DQUOT
    assert refused(lambda: root.make_directory(b"one-more")) == Errno.DQUOT
    _emptied(root)
    assert left(space) == 100 * (BYTES_PER_NAME + 3)


def test_a_workspace_without_room_holds_nothing() -> None:
    _, root = workspace(0)

    assert refused(lambda: made(root, b"f")) == Errno.DQUOT
    assert root.entries() == []


def test_a_chain_of_a_hundred_thousand_directories_is_only_a_chain() -> None:
    levels = 100_000
    space, root = workspace(levels * (BYTES_PER_NAME + 1))
    deepest = _dug(root, levels)

    assert refused(lambda: deepest.make_directory(b"d")) == Errno.DQUOT
    assert len(deepest.guest_path) <= 4096
    assert refused(lambda: root.rename(b"d", deepest, b"d")) == Errno.INVAL
    assert list(space.matching("*", most=10)) == []


def test_a_deep_chain_can_be_forgotten() -> None:
    space, root = workspace(1 << 30)
    _dug(root, 100_000)

    del space, root

    assert gc.collect() > 100_000


def _dug(here: Directory, levels: int) -> Directory:
    for _ in range(levels):
        here.make_directory(b"d")
        here = folder(here, b"d")
    return here


def test_links_are_followed_as_far_as_linux_follows_them() -> None:
    _, root = workspace(1 << 20)
    made(root, b"0", b"end").close()
    for number in range(41):
        root.make_link(b"%d" % (number + 1), b"%d" % number)
    root.make_link(b"self", b"self")
    root.make_link(b"ping", b"pong")
    root.make_link(b"pong", b"./ping")

    assert root.status_at(b"40", follow=True).size == 3
    for path in (b"41", b"self", b"ping", b"self/x", b"pong/"):
        assert refused(lambda path=path: root.status_at(path, follow=True)) == Errno.LOOP  # type: ignore[misc]  # bound now
    assert refused(lambda: root.open(b"self", Wish(follow=False))) == Errno.LOOP


def test_no_link_and_no_dots_lead_out() -> None:
    _, root = workspace(1 << 20)
    root.make_directory(b"d")
    root.make_link(b"d/up", b"..")
    root.make_link(b"out", b"d/../..")
    below = folder(root, b"d")

    assert refused(lambda: root.make_link(b"l", b"/etc")) == Errno.NOTCAPABLE
    assert refused(lambda: root.open(b"..", Wish())) == Errno.NOTCAPABLE
    assert refused(lambda: root.open(b"out", Wish())) == Errno.NOTCAPABLE
    assert refused(lambda: below.open(b"up", Wish())) == Errno.NOTCAPABLE
    assert root.status_at(b"d/up", follow=True).inode == root.status().inode


def test_what_is_put_is_found_by_its_pattern() -> None:
    space, root = workspace(1 << 20)
    for path, data in ((b"a/b/one.txt", b"1"), (b"a/b/two.txt", b"2"), (b"a/c/one.txt", b"3")):
        space.put(path, data)
    root.make_link(b"a/b/link.txt", b"one.txt")
    root.make_link(b"l", b"a")

    def found(pattern: str) -> list[tuple[str, bytes]]:
        return list(space.matching(pattern, most=10))

    assert found("a/*/one.txt") == [("a/b/one.txt", b"1"), ("a/c/one.txt", b"3")]
    assert found("a/b/*.txt") == [("a/b/one.txt", b"1"), ("a/b/two.txt", b"2")]
    assert found("*/b/[ot]*") == found("a/b/*.txt")
    assert found("l/b/*") == found("a") == found("a/b/one.txt/*") == []
    with pytest.raises(FileFault):
        list(space.matching("a/b/*", most=2))


def test_what_is_put_does_not_fit_or_replaces_what_was_there() -> None:
    space, root = workspace(2000)

    space.put(b"d/f", b"long content")
    space.put(b"d/f", b"new")

    assert list(space.matching("d/f", most=1)) == [("d/f", b"new")]
    with pytest.raises(FileFault):
        space.put(b"d/g", b"x" * 2000)
    with pytest.raises(FileFault):
        space.put(b"e/e/e/g", b"x")
    _emptied(root)
    assert left(space) == 2000


def test_a_file_with_many_names_is_not_copied_once_for_each() -> None:
    space, root = workspace(1 << 24)
    made(root, b"0", bytes(1 << 22)).close()
    for number in range(1, 10_000):
        root.link(b"0", root, b"%d" % number)

    # All at once they would be forty gigabytes; the caller counts what it is handed.
    copies = space.matching("*", most=20_000)

    assert next(copies) == ("0", bytes(1 << 22))
    assert next(copies)[0] == "1"


def test_times_are_the_guests_own() -> None:
    _, root = workspace(10_000)
    file = made(root, b"f")
    root.make_link(b"l", b"f")

    file.set_times(1, None)
    root.set_times(2, 3)
    root.set_times_at(b"l", None, NOW, follow=False)

    assert file.status()[4:] == (1, 7, 7)
    assert root.status()[4:] == (2, 3, 7)
    assert root.status_at(b"l", follow=False)[4:] == (7, 7, 7)
    file.sync()


def test_nothing_crosses_into_another_workspace_or_into_no_files() -> None:
    _, root = workspace(10_000)
    made(root, b"f").close()

    for operation in (root.rename, root.link):
        assert refused(lambda act=operation: act(b"f", NoFiles(), b"f")) == Errno.XDEV  # type: ignore[misc]  # bound now


def test_the_other_workspace_is_another_file_system() -> None:
    _, root = workspace(10_000)
    other, target = workspace(10_000)
    made(root, b"f", b"data").close()

    assert refused(lambda: root.rename(b"f", target, b"f")) == Errno.XDEV
    assert refused(lambda: root.link(b"f", target, b"f")) == Errno.XDEV
    assert left(other) == 10_000


def test_a_removed_directory_takes_nothing_any_more() -> None:
    space, root = workspace(10_000)
    root.make_directory(b"d")
    made(root, b"f").close()
    gone = folder(root, b"d")
    root.remove_directory(b"d")
    before = left(space)

    for operation in (
        lambda: gone.make_directory(b"x"),
        lambda: made(gone, b"x"),
        lambda: gone.make_link(b"x", b"y"),
        lambda: root.rename(b"f", gone, b"x"),
        lambda: root.link(b"f", gone, b"x"),
        lambda: gone.open(b"x" * 256, Wish()),
    ):
        assert refused(operation) == Errno.NOENT
    assert gone.entries() == []
    assert left(space) == before
    gone.close()


def test_without_files_everything_is_refused() -> None:
    none = NoFiles()

    for operation in (
        lambda: none.open(b"x", Wish()),
        none.entries,
        lambda: none.set_times(1, 1),
        lambda: none.status_at(b"x", follow=True),
        lambda: none.set_times_at(b"x", 1, 1, follow=True),
        lambda: none.read_link(b"x"),
        lambda: none.make_directory(b"x"),
        lambda: none.make_link(b"x", b"y"),
        lambda: none.unlink(b"x"),
        lambda: none.remove_directory(b"x"),
        lambda: none.rename(b"x", none, b"y"),
        lambda: none.link(b"x", none, b"y"),
    ):
        assert refused(operation) == Errno.NOTCAPABLE
    assert not none.is_writable
    assert none.status().kind == Kind.DIRECTORY
    none.close()


def test_nothing_is_replaced_by_what_it_is_not_nor_by_what_is_in_it() -> None:
    space, root = workspace(100_000)
    for path in (b"full/in", b"f"):
        space.put(path, b"data")
    root.make_directory(b"empty")
    before = left(space)

    for path, new_path, errno in (
        (b"empty", b"full", Errno.NOTEMPTY),
        (b"empty", b"f", Errno.NOTDIR),
        (b"f", b"empty", Errno.ISDIR),
        (b"full/in", b"full", Errno.NOTEMPTY),
        (b"full", b"full/x", Errno.INVAL),
        (b"f", b"x/", Errno.NOTDIR),
    ):
        assert refused(lambda old=path, new=new_path: root.rename(old, root, new)) == errno  # type: ignore[misc]  # bound now
    assert refused(lambda: root.open(b"f", Wish(directory=True))) == Errno.NOTDIR
    assert refused(lambda: root.read_link(b"f")) == Errno.INVAL
    assert left(space) == before
