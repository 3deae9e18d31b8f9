"""The power fails while something is stored: what is there is the old state or the new."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hatchway.registry.descriptors import BUNDLE, Attachment
from hatchway.registry.store import ArtifactStore, digest_of

CHILD = """
import os, signal, sys
from pathlib import Path
from hatchway.registry.descriptors import BUNDLE, Attachment
from hatchway.registry.store import ArtifactStore

directory, what, fatal = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
done = 0

def counting(name):
    real = getattr(os, name)
    def counted(*arguments, **more):
        global done
        if done == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        done += 1
        return real(*arguments, **more)
    setattr(os, name, counted)

store = ArtifactStore(directory)
for name in ("mkdir", "open", "fchmod", "write", "fsync", "replace", "unlink", "utime"):
    counting(name)
if what == "put":
    store.put(b"new", attachments=(Attachment(media_type=BUNDLE, content=b"bundle"),))
else:
    store.collect({sys.argv[4]}, dry_run=False)
"""


def killed_at(step: int, directory: Path, what: str, *more: str) -> bool:
    """Whether the child was killed before that step; it was done before otherwise."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(directory), what, str(step), *more], check=False
    )
    assert done.returncode in (0, -signal.SIGKILL)
    return done.returncode != 0


def require_whole(directory: Path) -> None:
    """Everything that the index names is there, and is what it is named."""
    index = directory / "index.json"
    for entry in json.loads(index.read_bytes())["manifests"] if index.exists() else ():
        manifest = (directory / "blobs/sha256" / entry["digest"][7:]).read_bytes()
        assert digest_of(manifest) == entry["digest"]
        values = json.loads(manifest)
        for part in (values["config"], *values["layers"]):
            content = (directory / "blobs/sha256" / part["digest"][7:]).read_bytes()
            assert (digest_of(content), len(content)) == (part["digest"], part["size"])


def is_there(store: ArtifactStore, digest: str) -> bool:
    if digest not in store:
        return False
    store.get(digest)  # never a part of it
    return True


@pytest.mark.slow
@pytest.mark.claim("store.whole")
def test_killed_at_any_step_of_storing_nothing_is_half_there(tmp_path: Path) -> None:
    bundle = Attachment(media_type=BUNDLE, content=b"bundle")
    step = 0
    while True:
        directory = tmp_path / str(step)
        old = ArtifactStore(directory).put(b"old")

        killed = killed_at(step, directory, "put")

        store = ArtifactStore(directory)
        require_whole(directory)
        assert store.get(old) == b"old"
        if is_there(store, digest_of(b"new")):
            assert store.attachments(digest_of(b"new")) in ((), (bundle,))
        # Whoever comes next finishes what was begun.
        store.put(b"new", attachments=(bundle,))
        require_whole(directory)
        assert store.attachments(digest_of(b"new")) == (bundle,)
        if not killed:
            break
        step += 1
    assert step > 20


@pytest.mark.slow
@pytest.mark.claim("store.whole")
def test_killed_at_any_step_of_tidying_nothing_that_is_kept_is_lost(tmp_path: Path) -> None:
    import os

    step = 0
    while True:
        directory = tmp_path / str(step)
        store = ArtifactStore(directory)
        kept, gone = store.put(b"kept"), store.put(b"gone")
        for path in directory.rglob("*"):
            os.utime(path, (1_000_000_000, 1_000_000_000))

        killed = killed_at(step, directory, "collect", kept)

        require_whole(directory)
        assert store.get(kept) == b"kept"
        store.collect({kept}, dry_run=False)
        require_whole(directory)
        assert not is_there(store, gone)
        if not killed:
            break
        step += 1
    assert step > 8


RECORDER = """
import os, sys
from pathlib import Path
from hatchway.registry.store import ArtifactStore

def named(target):
    return os.readlink(f"/proc/self/fd/{target}") if isinstance(target, int) else str(target)

def telling(name):
    real = getattr(os, name)
    def told(*arguments, **more):
        print(name, *(named(each) for each in arguments), sep="\\t")
        return real(*arguments, **more)
    setattr(os, name, told)

for name in ("fsync", "replace"):
    telling(name)
ArtifactStore(Path(sys.argv[1])).put(b"artifact")
"""


def test_content_reaches_the_disk_before_its_name_and_every_blob_before_the_index(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RECORDER, str(tmp_path / "store")],
        capture_output=True,
        text=True,
        check=True,
    )
    steps = [line.split("\t") for line in done.stdout.splitlines()]

    synced: set[str] = set()
    unsynced_names: set[Path] = set()
    for step, *paths in steps:
        if step == "fsync":
            synced.add(paths[0])
            unsynced_names = {name for name in unsynced_names if str(name.parent) != paths[0]}
            continue
        old, new = paths
        assert old in synced, f"{new} was named before its content was on the disk"
        if Path(new).name == "index.json":
            assert not unsynced_names, "the index was named before what it names"
        unsynced_names.add(Path(new))
    assert not unsynced_names
    assert sum(step[0] == "replace" for step in steps) == 5


@pytest.mark.claim("store.whole")
def test_two_processes_that_store_different_things_both_end_up_in_the_index(
    tmp_path: Path,
) -> None:
    child = (
        "import sys; from pathlib import Path; from hatchway.registry.store import ArtifactStore\n"
        "store = ArtifactStore(Path(sys.argv[1])); sys.stdin.read()\n"
        "for number in range(15): store.put(f'{sys.argv[2]} {number}'.encode())"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", child, str(tmp_path / "store"), name], stdin=subprocess.PIPE
        )
        for name in ("one", "two", "three")
    ]
    for each in children:  # all wait for this
        assert each.stdin is not None
        each.stdin.close()
    assert [each.wait(timeout=120) for each in children] == [0, 0, 0]

    index = json.loads((tmp_path / "store" / "index.json").read_bytes())["manifests"]
    assert len({entry["digest"] for entry in index}) == len(index) == 45
    require_whole(tmp_path / "store")
