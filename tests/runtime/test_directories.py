"""Granted directories are opened once, and what is checked is what was opened."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import often

from hatchway.core.capability import Clock, FileAccess
from hatchway.core.errors import ConfigError
from hatchway.policy.document import Policy, ToolPolicy
from hatchway.runtime import places
from hatchway.runtime.directories import GrantedDirectories, open_granted, refuse_shared_writes
from hatchway.runtime.protected import Protected, protected
from hatchway.runtime.settings import Directories

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTHING = Protected(read=(), write=(), home=None)
Access = Literal["read", "write"]
ACCESSES: tuple[Access, ...] = ("read", "write")


@pytest.fixture(autouse=True)
def _no_descriptor_leaks() -> Iterator[None]:
    before = open_descriptors()
    yield
    assert open_descriptors() == before


def open_descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - iterdir keeps its own open


def access(path: Path | str | None, how: Access = "read", *, shared: bool = False) -> FileAccess:
    host = None if path is None else str(path)
    return FileAccess(access=how, guest_path="/in", host_path=host, is_shared=shared)


def policy(**allow: FileAccess | list[FileAccess]) -> Policy:
    """A policy that allows tools these directories."""
    return Policy(
        tools={
            name: ToolPolicy(
                name=name,
                source="./tool.wasm",
                allow=(Clock(), *(some if isinstance(some, list) else [some])),
            )
            for name, some in allow.items()
        }
    )


def made(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def own(base: Path) -> Directories:
    return Directories(
        config=base / "config" / "hatchway",
        data=base / "data" / "hatchway",
        state=base / "state" / "hatchway",
        cache=base / "cache" / "hatchway",
    )


def identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def opens(capability: FileAccess, places: Protected = NOTHING) -> tuple[int, int]:
    """Which directory was opened."""
    descriptor = open_granted(capability, places)
    try:
        found = os.fstat(descriptor)
        assert not os.get_inheritable(descriptor)
        return found.st_dev, found.st_ino
    finally:
        os.close(descriptor)


def complaint(capability: FileAccess, places: Protected = NOTHING) -> ConfigError:
    before = open_descriptors()
    with pytest.raises(ConfigError) as caught:
        open_granted(capability, places)
    assert open_descriptors() == before
    assert caught.value.hint
    return caught.value


def refusal(capability: FileAccess, places: Protected = NOTHING) -> str:
    error = complaint(capability, places)
    assert error.code == "config.directory_refused"
    assert str(capability) in error.message
    return error.message


# What may be granted


@pytest.mark.parametrize("how", ACCESSES)
def test_a_directory_that_nothing_speaks_against_is_opened(how: Access, tmp_path: Path) -> None:
    work = made(tmp_path / "work")
    places = protected(own(tmp_path / "own"), tmp_path / "home", [tmp_path / "hatchway.toml"])

    assert opens(access(work, how), places) == identity(work)


@pytest.mark.parametrize(
    "spelling", ["{}/", "{}//", "{}/.", "{}/x/..", "/..{}", "/proc/self/cwd{}"]
)
def test_however_a_directory_is_spelled_it_is_the_one_that_is_opened(
    spelling: str, tmp_path: Path
) -> None:
    work = made(tmp_path / "work" / "x").parent
    if "cwd" in spelling:
        spelling = "/proc/self/cwd/" + "../" * 40 + "{}"

    assert opens(access(spelling.format(work))) == identity(work)


def test_a_link_may_be_granted_when_what_it_leads_to_may_be(tmp_path: Path) -> None:
    work = made(tmp_path / "work")
    (tmp_path / "link").symlink_to(work)

    assert opens(access(tmp_path / "link")) == identity(work)


def test_a_place_that_is_only_beside_a_directory_is_no_objection(tmp_path: Path) -> None:
    work = made(tmp_path / "work")
    places = Protected(read=(tmp_path / "wor", tmp_path / "work2"), write=(), home=None)

    assert opens(access(work), places) == identity(work)


def test_reading_is_granted_where_only_writing_is_not(tmp_path: Path) -> None:
    work = made(tmp_path / "work")
    places = Protected(read=(), write=(work / "hatchway.toml",), home=None)

    assert opens(access(work), places) == identity(work)
    assert "contains" in refusal(access(work, "write"), places)


def test_a_directory_below_home_may_be_granted(tmp_path: Path) -> None:
    work = made(tmp_path / "me" / "work")
    places = Protected(read=(), write=(), home=tmp_path / "me")

    assert opens(access(work, "write"), places) == identity(work)


def test_a_directory_whose_name_ends_like_that_of_a_deleted_one_is_opened(tmp_path: Path) -> None:
    work = made(tmp_path / "work (deleted)")

    assert opens(access(work)) == identity(work)


# What cannot be opened


def test_what_does_not_exist_is_missing(tmp_path: Path) -> None:
    error = complaint(access(tmp_path / "no"))

    assert error.code == "config.directory_missing"
    assert error.message == f"'fs.read={tmp_path}/no:/in' cannot be opened: " + os.strerror(2)


@pytest.mark.parametrize("path", [None, "work", "", "/\0", "/\ud800"])
def test_what_can_be_no_directory_is_missing(path: str | None) -> None:
    assert complaint(access(path)).code == "config.directory_missing"


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("file")

    assert complaint(access(tmp_path / "file")).code == "config.directory_missing"
    assert complaint(access(tmp_path / "link")).code == "config.directory_missing"


def test_a_pipe_is_no_directory_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert complaint(access(tmp_path / "pipe")).code == "config.directory_missing"


def test_a_link_to_itself_is_missing(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("link")

    assert complaint(access(tmp_path / "link")).code == "config.directory_missing"


@contextlib.contextmanager
def as_an_ordinary_account() -> Iterator[None]:
    """Root may read everything, so it steps down for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_cannot_be_read_is_missing() -> None:
    # Not below tmp_path, which other accounts cannot enter.
    outer = Path(tempfile.mkdtemp())
    try:
        outer.chmod(0o755)
        made(outer / "closed").chmod(0)

        with as_an_ordinary_account():
            error = complaint(access(outer / "closed"))
    finally:
        shutil.rmtree(outer)

    assert error.code == "config.directory_missing"
    assert os.strerror(13) in error.message


def test_what_was_deleted_is_refused(tmp_path: Path) -> None:
    work = made(tmp_path / "work")
    descriptor = os.open(work, os.O_RDONLY)
    try:
        work.rmdir()

        message = refusal(access(f"/proc/self/fd/{descriptor}"))
    finally:
        os.close(descriptor)

    assert "it was moved or deleted" in message


def test_what_was_deleted_is_not_taken_for_a_directory_of_that_name(tmp_path: Path) -> None:
    work = made(tmp_path / "work")
    descriptor = os.open(work, os.O_RDONLY)
    try:
        work.rmdir()
        made(tmp_path / "work (deleted)")

        message = refusal(access(f"/proc/self/fd/{descriptor}"))
    finally:
        os.close(descriptor)

    assert "it was moved or deleted" in message


def test_what_lies_too_deep_to_be_looked_at_is_refused(tmp_path: Path) -> None:
    name = "d" * 250
    descriptor = os.open(made(tmp_path / "deep"), os.O_RDONLY)
    try:
        for _ in range(20):
            os.mkdir(name, dir_fd=descriptor)
            below = os.open(name, os.O_RDONLY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below

        message = refusal(access(f"/proc/self/fd/{descriptor}"))
    finally:
        os.close(descriptor)
        shutil.rmtree(tmp_path / "deep")

    assert "where it is cannot be found out" in message


# What is refused


def below(base: Path, relation: str) -> tuple[Path, Path]:
    """A directory to grant, and a place that it stands in this relation to."""
    directory = made(base / "a" / "b")
    return {
        "is": (directory, directory),
        "contains": (directory.parent, directory),
        "lies inside": (directory, directory.parent),
    }[relation]


RELATIONS = ["is", "contains", "lies inside"]


@pytest.mark.claim("files.refused")
@pytest.mark.parametrize("how", ACCESSES)
@pytest.mark.parametrize("relation", RELATIONS)
def test_what_overlaps_a_place_that_is_never_granted_is_refused(
    how: Access, relation: str, tmp_path: Path
) -> None:
    directory, place = below(tmp_path, relation)

    message = refusal(access(directory, how), Protected(read=(place,), write=(), home=None))

    assert message == (
        f"'{access(directory, how)}' is refused: it {relation} '{place}', which no tool may reach"
    )


@pytest.mark.parametrize("relation", RELATIONS)
def test_what_overlaps_a_place_that_is_never_written_is_refused_for_writing(
    relation: str, tmp_path: Path
) -> None:
    directory, place = below(tmp_path, relation)
    places = Protected(read=(), write=(place,), home=None)

    message = refusal(access(directory, "write"), places)

    assert f"it {relation} '{place}', which no tool may write to" in message


@pytest.mark.parametrize("how", ACCESSES)
def test_home_and_what_contains_it_are_refused(how: Access, tmp_path: Path) -> None:
    home = made(tmp_path / "users" / "me")
    places = Protected(read=(), write=(), home=home)

    assert f"it is '{home}'" in refusal(access(home, how), places)
    assert f"it contains '{home}'" in refusal(access(home.parent, how), places)


@pytest.mark.parametrize("path", ["/", "//", "/..", "/proc/self/root"])
def test_the_whole_machine_is_refused(path: str) -> None:
    assert "it is '/'" in refusal(access(path))


def test_a_link_to_a_protected_place_is_refused(tmp_path: Path) -> None:
    secret = made(tmp_path / "secret" / "deep")
    (tmp_path / "link").symlink_to(secret.parent)
    places = Protected(read=(secret.parent,), write=(), home=None)

    message = refusal(access(tmp_path / "link"), places)

    assert f", which leads to '{secret.parent}', is refused: it is" in message
    refusal(access(tmp_path / "link" / "deep"), places)
    refusal(access(f"{tmp_path}/link/deep/.."), places)
    refusal(access(f"{tmp_path}/link/deep/"), places)


def test_a_protected_place_is_known_by_what_it_links_to(tmp_path: Path) -> None:
    secret = made(tmp_path / "secret" / "deep").parent
    (tmp_path / "ssh").symlink_to("secret")
    places = Protected(read=(tmp_path / "ssh",), write=(), home=None)

    refusal(access(secret), places)
    refusal(access(secret / "deep"), places)


def test_a_directory_with_a_link_that_a_protected_place_depends_on_is_refused(
    tmp_path: Path,
) -> None:
    work, other = made(tmp_path / "work"), made(tmp_path / "other")
    (work / "link").symlink_to("../hop/link")
    (made(tmp_path / "hop") / "link").symlink_to(other)
    places = Protected(read=(), write=(work / "link" / "hatchway.toml",), home=None)

    assert "contains" in refusal(access(work, "write"), places)
    assert "contains" in refusal(access(tmp_path / "hop", "write"), places)
    assert "contains" in refusal(access(other, "write"), places)


def test_a_protected_link_that_leads_in_a_circle_protects_itself_only(tmp_path: Path) -> None:
    work, other = made(tmp_path / "work"), made(tmp_path / "other")
    (work / "link").symlink_to("link")
    places = Protected(read=(work / "link" / "x", Path("/\0")), write=(), home=None)

    assert "contains" in refusal(access(work), places)
    assert opens(access(other), places) == identity(other)


def test_a_place_that_does_not_exist_yet_is_protected(tmp_path: Path) -> None:
    work = made(tmp_path / "work")
    places = Protected(read=(), write=(work / "later" / "hatchway.lock",), home=None)

    assert "contains" in refusal(access(work, "write"), places)


def test_what_a_message_shows_cannot_move_a_cursor(tmp_path: Path) -> None:
    work = made(tmp_path / "a\x1b[2J\nb")
    (tmp_path / "link").symlink_to(work)
    places = Protected(read=(work,), write=(), home=None)

    message = refusal(access(tmp_path / "link"), places)

    assert message.isprintable()
    assert r"a\x1b[2J\x0ab" in message


# Time of check, time of use


def test_a_link_that_is_swapped_after_the_check_changes_nothing(tmp_path: Path) -> None:
    good, bad = made(tmp_path / "good"), made(tmp_path / "bad")
    (tmp_path / "link").symlink_to(good)
    places = Protected(read=(bad,), write=(), home=None)
    descriptor = open_granted(access(tmp_path / "link"), places)

    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to(bad)

    try:
        found = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    assert (found.st_dev, found.st_ino) == identity(good)
    refusal(access(tmp_path / "link"), places)


@pytest.mark.claim("files.refused")
def test_a_link_that_is_swapped_all_the_time_never_yields_the_protected_place(
    tmp_path: Path,
) -> None:
    good, bad = made(tmp_path / "good"), made(tmp_path / "bad" / "deep")
    places = Protected(read=(bad.parent,), write=(), home=None)
    link = tmp_path / "link"
    link.symlink_to(good)
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            for target in (bad, good):
                (tmp_path / "next").symlink_to(target)
                (tmp_path / "next").rename(link)

    swapping = threading.Thread(target=swap)
    swapping.start()
    outcomes: set[object] = set()
    try:
        for _ in range(5000):
            try:
                outcomes.add(opens(access(link), places))
            except ConfigError as error:
                outcomes.add(error.code)
            if len(outcomes) == 2:
                break
    finally:
        done.set()
        swapping.join()

    assert outcomes <= {identity(good), "config.directory_refused"}


# The same directory under another name


def in_a_private_mount_namespace(script: str, *arguments: Path) -> str:
    """What Python prints after `script` has mounted things that nobody else sees."""
    unshare = shutil.which("unshare")
    command = [unshare or "unshare", "--map-root-user", "--mount", "--propagation", "private"]
    able = (
        unshare
        and not subprocess.run([*command, "true"], capture_output=True, check=False).returncode
    )
    if not able:
        pytest.skip("this account may not mount anything, so bind mounts are not attacked")
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from hatchway.core.capability import FileAccess\n"
        "from hatchway.core.errors import ConfigError\n"
        "from hatchway.runtime.directories import open_granted\n"
        "from hatchway.runtime.protected import Protected\n"
        "for name in sys.argv[2:]:\n"
        "    granted = FileAccess(access='read', guest_path='/in', host_path=name)\n"
        "    try:\n"
        "        open_granted(granted, Protected(read=(Path(sys.argv[1]),), write=(), home=None))\n"
        "        print('opened')\n"
        "    except ConfigError as error:\n"
        "        print(error.message.partition(': ')[2] or error.message)\n"
    )
    shell = f'set -e; {script}; exec "$0" -c "$PROGRAM" "$@"'
    done = subprocess.run(
        [*command, "sh", "-c", shell, sys.executable, *map(str, arguments)],
        env={**os.environ, "PROGRAM": program, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_bind_mount_of_a_protected_place_is_refused(tmp_path: Path) -> None:
    secret = made(tmp_path / "secret" / "deep" / "deeper").parent.parent
    mount = made(tmp_path / "mnt" / "x y")

    said = in_a_private_mount_namespace(
        'mount --bind "$1" "$2"', secret, mount, mount / "deep", mount.parent
    )

    assert [line.partition(" '")[0] for line in said.splitlines()] == [
        "it is",
        "it lies inside",
        "it contains",
    ]


def test_a_bind_mount_of_what_lies_in_a_protected_place_is_refused(tmp_path: Path) -> None:
    secret = made(tmp_path / "secret" / "deep" / "deeper").parent.parent
    mount = made(tmp_path / "mnt" / "x")

    said = in_a_private_mount_namespace(
        'mount --bind "$1/deep" "$2"', secret, mount, mount / "deeper", mount.parent
    )

    assert [line.partition(" '")[0] for line in said.splitlines()] == [
        "it lies inside",
        "it lies inside",
        "it contains",
    ]


def test_a_bind_mount_of_what_contains_a_protected_place_is_refused(tmp_path: Path) -> None:
    outer = made(tmp_path / "outer" / "secret").parent
    harmless = made(outer / "harmless")
    mount = made(tmp_path / "mnt" / "x")

    said = in_a_private_mount_namespace(
        'mount --bind "$1/.." "$2"',
        *(outer / "secret", mount, mount.parent, mount / harmless.name, mount / "secret"),
    )

    assert [line.partition(" '")[0] for line in said.splitlines()] == [
        "it contains",
        "it contains",
        "opened",
        "it is",
    ]


def test_the_kernel_is_refused_wherever_it_is_mounted(tmp_path: Path) -> None:
    mount = made(tmp_path / "root" / "x" / "proc")

    said = in_a_private_mount_namespace(
        'mount --rbind /proc "$2"',
        *(tmp_path / "secret", mount, mount / "self", mount.parent, mount.parent.parent),
    )

    assert said.splitlines() == ["it belongs to or contains a 'proc' file system of the kernel"] * 4


@pytest.mark.parametrize("path", ["/proc", "/proc/self", "/proc/self/fd", "/sys"])
def test_the_kernel_is_refused_without_being_named(path: str) -> None:
    assert "file system of the kernel" in refusal(access(path))


def test_a_directory_is_known_by_its_identity_alone(tmp_path: Path) -> None:
    """As under a name that differs in case only, on a system that does not mind."""
    secret = made(tmp_path / "secret" / "deep").parent
    one, two = places.place_of((secret,), ()), places.place_of((secret / "deep",), ())
    renamed = made(tmp_path / "other")
    named = places.Where((renamed,), one.identity, one.lineage, ())

    assert places.relation_between(named, one) == "is"
    assert places.relation_between(places.Where((renamed,), *_rest(two)), one) == "lies inside"
    assert places.relation_between(named, two) == "contains"


def _rest(
    place: places.Where,
) -> tuple[tuple[int, int] | None, frozenset[tuple[int, int]], tuple[tuple[str, Path], ...]]:
    return place.identity, place.lineage, ()


def test_a_system_without_a_mount_table_has_no_mounts(tmp_path: Path) -> None:
    assert places.mounts_of_this_process(tmp_path / "no") == ()


def test_the_mount_table_is_read_as_the_kernel_writes_it(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_bytes(
        b"27 1 254:0 / / rw - ext4 /dev/vda rw\n"
        b"28 27 254:0 /a\\040b /x\\134y rw shared:1 master:2 - ext4 /dev/vda rw\n"
        b"29 27 0:3 / /x\\134y rw - tmpfs none rw\n"
        b"30 27 0:4 / /\xff\x0c\xe2\x80\xa8 rw - proc proc rw\n"
    )

    mounts = places.mounts_of_this_process(table)

    assert mounts[1] == places.Mount("254:0", Path("/a b"), Path("/x\\y"), "ext4")
    assert os.fsencode(mounts[3].point) == b"/\xff\x0c\xe2\x80\xa8"
    assert places._origin(Path("/x\\y/z"), mounts[:2]) == (("254:0", Path("/a b/z")),)
    assert places._origin(Path("/x\\y/z"), mounts) == (("0:3", Path("/z")),)


# git and the clients


@pytest.mark.parametrize("name", [".git", ".mcp.json", ".claude", ".codex", ".cursor", ".vscode"])
def test_nobody_writes_where_git_or_a_client_would_obey(name: str, tmp_path: Path) -> None:
    work = made(tmp_path / "work" / name / "hooks").parent.parent
    mark = work / name

    assert f"it contains '{mark}'" in refusal(access(work, "write"))
    assert f"it is '{mark}'" in refusal(access(mark, "write"))
    assert f"it lies inside '{mark}'" in refusal(access(mark / "hooks", "write"))
    assert opens(access(work)) == identity(work)


def test_a_file_or_a_link_called_git_counts_too(tmp_path: Path) -> None:
    file, link = made(tmp_path / "file"), made(tmp_path / "link")
    (file / ".git").write_text("gitdir: ../elsewhere\n")
    (link / ".git").symlink_to("nowhere")

    refusal(access(file, "write"))
    refusal(access(link, "write"))


def test_a_directory_in_a_working_tree_may_be_written(tmp_path: Path) -> None:
    made(tmp_path / "project" / ".git")
    out = made(tmp_path / "project" / "out")

    assert opens(access(out, "write")) == identity(out)


def test_what_git_leads_to_is_not_written(tmp_path: Path) -> None:
    out = made(tmp_path / "project" / "out" / "real").parent
    (tmp_path / "project" / ".git").symlink_to("out/real")

    assert "contains" in refusal(access(out, "write"))
    assert "is" in refusal(access(out / "real", "write"))


def test_a_repository_is_not_written_whatever_it_is_called(tmp_path: Path) -> None:
    bare = tmp_path / "project"
    for name in ("objects", "refs", "hooks"):
        made(bare / name)
    (bare / "HEAD").write_text("ref: refs/heads/main\n")

    message = f"'{bare}' is a git repository, which no tool may write to"
    assert message in refusal(access(bare, "write"))
    assert message in refusal(access(bare / "hooks", "write"))
    assert opens(access(bare)) == identity(bare)


# The list of places


def test_nothing_of_the_machine_or_of_hatchway_is_ever_granted(tmp_path: Path) -> None:
    mine = own(tmp_path / "own")
    places = protected(mine, None, [])

    for path in ("/etc", "/proc", "/sys", "/dev", "/run", "/var/run", "/boot"):
        assert Path(path) in places.read
    assert {mine.config, mine.data, mine.state, mine.cache} <= set(places.read)
    assert places.home is None
    for path in ("/etc", "/proc/self", "/dev", "/usr/.."):
        refusal(access(path), places)


@pytest.mark.claim("files.refused")
@pytest.mark.parametrize("name", [".ssh", ".gnupg", ".aws", ".config/gcloud", ".mozilla", ".netrc"])
def test_secrets_below_home_are_never_granted(name: str, tmp_path: Path) -> None:
    home = made(tmp_path / "me")
    secret = made(home / name)
    places = protected(own(tmp_path / "own"), home, [])

    assert f"it is '{secret}', which no tool may reach" in refusal(access(secret), places)
    assert "it lies inside" in refusal(access(made(secret / "x")), places)


def test_secrets_are_found_where_the_variables_of_xdg_put_them(tmp_path: Path) -> None:
    places = protected(own(tmp_path / "own"), tmp_path / "me", [])

    assert tmp_path / "own" / "config" / "gcloud" in places.read
    assert tmp_path / "own" / "data" / "keyrings" in places.read
    assert tmp_path / "own" / "config" / "Claude" in places.write
    assert len(set(places.read)) == len(places.read)


@pytest.mark.parametrize("name", [".cursor", ".config/Code/User", ".gemini", ".config/fish", "bin"])
def test_what_a_client_or_a_login_obeys_is_not_written(name: str, tmp_path: Path) -> None:
    home = made(tmp_path / "me")
    directory = made(home / name)
    places = protected(own(tmp_path / "own"), home, [])

    refusal(access(directory, "write"), places)
    assert opens(access(directory), places) == identity(directory)


def test_the_tokens_of_agents_are_not_read_but_their_transcripts_may_be(tmp_path: Path) -> None:
    home = made(tmp_path / "me")
    transcripts = made(home / ".claude" / "projects")
    places = protected(own(tmp_path / "own"), home, [])

    assert "contains" in refusal(access(transcripts.parent), places)
    assert opens(access(transcripts), places) == identity(transcripts)
    refusal(access(transcripts, "write"), places)


def test_start_files_kept_in_another_directory_are_not_written(tmp_path: Path) -> None:
    home, dotfiles = made(tmp_path / "me"), made(tmp_path / "me" / "dotfiles")
    (dotfiles / "bashrc").write_text("")
    (home / ".bashrc").symlink_to("dotfiles/bashrc")
    places = protected(own(tmp_path / "own"), home, [])

    assert f"it contains '{home}/.bashrc'" in refusal(access(dotfiles, "write"), places)


@pytest.mark.parametrize("name", ["hatchway.toml", "hatchway.lock", "a.tool.toml", "x/a.wasm"])
def test_the_files_of_the_project_are_not_written(name: str, tmp_path: Path) -> None:
    project = made(tmp_path / "project")
    places = protected(own(tmp_path / "own"), tmp_path / "me", [project / name])

    assert f"it contains '{project / name}'" in refusal(access(project, "write"), places)
    assert opens(access(project), places) == identity(project)


# Two tools that write


def writing(path: Path, *, shared: bool = False) -> FileAccess:
    return access(path, "write", shared=shared)


@pytest.mark.parametrize("relation", RELATIONS)
def test_two_tools_that_write_to_one_directory_are_both_refused(
    relation: str, tmp_path: Path
) -> None:
    one, two = below(tmp_path, relation)
    asked = policy(a=writing(one), b=writing(two))

    complaints = refuse_shared_writes(asked)

    assert set(complaints) == {"a", "b"}
    assert complaints["a"].code == "config.directory_refused"
    assert complaints["a"].hint
    assert complaints["a"].message == (
        f"'fs.write={one}:/in' is refused: it {relation} what 'b' may write to "
        f"with 'fs.write={two}:/in', and not both are shared"
    )


@pytest.mark.parametrize(("one", "two"), [(False, True), (True, False), (True, True)])
def test_two_tools_share_a_directory_only_if_both_say_so(
    one: bool, two: bool, tmp_path: Path
) -> None:
    asked = policy(
        a=writing(tmp_path / "x", shared=one), b=writing(tmp_path / "x" / "y", shared=two)
    )

    assert set(refuse_shared_writes(asked)) == (set() if one and two else {"a", "b"})


def test_those_who_only_read_are_nobody_s_business(tmp_path: Path) -> None:
    asked = policy(a=writing(tmp_path), b=access(tmp_path), c=access(None, "write"))

    assert refuse_shared_writes(asked) == {}


def test_one_tool_may_write_to_a_directory_under_two_names(tmp_path: Path) -> None:
    assert refuse_shared_writes(policy(a=[writing(tmp_path), writing(tmp_path / "x")])) == {}


def test_two_tools_that_write_to_one_directory_through_a_link_are_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(made(tmp_path / "real"))
    asked = policy(a=writing(tmp_path / "link"), b=writing(tmp_path / "real"))

    assert set(refuse_shared_writes(asked)) == {"a", "b"}


def test_only_the_first_complaint_about_a_tool_is_kept(tmp_path: Path) -> None:
    asked = policy(a=writing(tmp_path), b=writing(tmp_path / "b"), c=writing(tmp_path / "c"))

    complaints = refuse_shared_writes(asked)

    assert "'b'" in complaints["a"].message
    assert set(complaints) == {"a", "b", "c"}


NAMES = st.lists(st.sampled_from(["a", "b", "link"]), max_size=4).map(tuple)


@settings(max_examples=often(60))
@given(NAMES, NAMES)
def test_two_directories_overlap_exactly_when_one_leads_into_the_other(
    tmp_path_factory: pytest.TempPathFactory, one: tuple[str, ...], two: tuple[str, ...]
) -> None:
    base = tmp_path_factory.mktemp("base")
    (base / "link").symlink_to("a/b")
    paths = [base.joinpath(*names) for names in (one, two)]
    real = [path.resolve() for path in paths]

    complaints = refuse_shared_writes(policy(a=writing(paths[0]), b=writing(paths[1])))

    overlap = real[0].is_relative_to(real[1]) or real[1].is_relative_to(real[0])
    assert bool(complaints) == overlap


@settings(max_examples=often(60))
@given(NAMES, NAMES)
def test_a_directory_is_refused_exactly_when_it_overlaps_the_place(
    tmp_path_factory: pytest.TempPathFactory, one: tuple[str, ...], two: tuple[str, ...]
) -> None:
    base = tmp_path_factory.mktemp("base")
    made(base / "a" / "b")
    (base / "link").symlink_to("a/b")
    directory, place = base.joinpath(*one), base.joinpath(*two)
    if not directory.is_dir():
        assert complaint(access(directory)).code == "config.directory_missing"
        return
    # The link lies in the base, so whatever leads over it depends on the base.
    real, target = directory.resolve(), place.resolve()
    way = [target, *([base / "link"] if two[:1] == ("link",) else [])]
    expected = any(end.is_relative_to(real) for end in way) or real.is_relative_to(target)

    places = Protected(read=(place,), write=(), home=None)
    if expected:
        refusal(access(directory), places)
    else:
        assert opens(access(directory), places) == identity(real)


# All of a policy


def test_all_granted_directories_are_open_until_they_are_closed(tmp_path: Path) -> None:
    one, two = access(made(tmp_path / "1")), writing(made(tmp_path / "2"))
    before = open_descriptors()

    granted = GrantedDirectories(policy(a=[one, two], b=one), NOTHING)

    found = {capability: os.fstat(number) for capability, number in granted.descriptors.items()}
    assert set(found) == {one, two}
    assert os.path.samestat(found[one], (tmp_path / "1").stat())
    assert os.path.samestat(found[two], (tmp_path / "2").stat())
    assert granted.failures == {}
    assert len(open_descriptors()) == len(before) + 2
    granted.close()
    assert open_descriptors() == before
    assert granted.descriptors == {}
    granted.close()


def test_a_policy_that_grants_no_directory_opens_none(tmp_path: Path) -> None:
    granted = GrantedDirectories(policy(a=[]), Protected(read=(), write=(), home=tmp_path))

    assert (granted.descriptors, granted.failures) == ({}, {})
    granted.close()


def test_one_tool_s_failure_is_not_another_s(tmp_path: Path) -> None:
    good, missing = access(made(tmp_path / "good")), access(tmp_path / "no")
    bad = access(made(tmp_path / "bad"))
    places = Protected(read=(tmp_path / "bad",), write=(), home=None)

    granted = GrantedDirectories(
        policy(a=[good, missing, bad], b=[bad, missing], c=good, d=missing), places
    )
    granted.close()

    codes = {owner: error.code for owner, error in granted.failures.items()}
    assert codes == {
        "a": "config.directory_missing",
        "b": "config.directory_refused",
        "d": "config.directory_missing",
    }


def test_what_two_tools_write_to_unawares_is_a_failure_of_both(tmp_path: Path) -> None:
    outer = made(tmp_path / "x" / "y").parent
    (tmp_path / "link").symlink_to(outer / "y")
    asked = policy(
        a=writing(outer), b=writing(tmp_path / "link"), c=access(outer), d=writing(tmp_path / "no")
    )

    granted = GrantedDirectories(asked, NOTHING)
    granted.close()

    codes = {owner: error.code for owner, error in granted.failures.items()}
    assert codes == {
        "a": "config.directory_refused",
        "b": "config.directory_refused",
        "d": "config.directory_missing",
    }


def test_what_was_opened_is_closed_when_something_unforeseen_happens(tmp_path: Path) -> None:
    one = access(made(tmp_path / "1"))
    before = open_descriptors()
    asked = policy(a=one)
    broken = Policy(tools={**asked.tools, "b": None})  # type: ignore[dict-item]  # unforeseen

    with pytest.raises(AttributeError):
        GrantedDirectories(broken, NOTHING)

    assert open_descriptors() == before
