"""The artifacts on this machine: found by what they are, and checked whenever they are read."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hatchway.core.errors import ConfigError, RegistryError
from hatchway.registry import store as store_module
from hatchway.registry.store import ArtifactStore, digest_of

if TYPE_CHECKING:
    from pathlib import Path

ABSENT = "sha256:" + "0" * 64


def blob(directory: Path, digest: str) -> Path:
    return directory / "blobs" / "sha256" / digest.removeprefix("sha256:")


def complaint(store: ArtifactStore, digest: str) -> RegistryError:
    with pytest.raises(RegistryError) as raised:
        store.get(digest)
    return raised.value


def test_a_digest_is_the_sha_256_of_the_bytes() -> None:
    assert digest_of(b"") == (
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(artifact=st.binary(max_size=1000))
def test_what_is_put_is_got_back_by_its_digest(tmp_path: Path, artifact: bytes) -> None:
    store = ArtifactStore(tmp_path / "store")

    digest = store.put(artifact)

    assert digest == digest_of(artifact)
    assert digest in store
    assert store.get(digest) == artifact


def test_putting_the_same_bytes_again_changes_nothing(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    digest = store.put(b"artifact")
    before = blob(tmp_path / "store", digest).stat()

    assert store.put(b"artifact") == digest

    after = blob(tmp_path / "store", digest).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_store_is_a_directory_in_the_layout_of_an_oci_image(tmp_path: Path) -> None:
    digest = ArtifactStore(tmp_path / "store").put(b"artifact")

    assert json.loads((tmp_path / "store" / "oci-layout").read_text()) == {
        "imageLayoutVersion": "1.0.0"
    }
    assert json.loads((tmp_path / "store" / "index.json").read_text()) == {
        "schemaVersion": 2,
        "manifests": [],
    }
    assert blob(tmp_path / "store", digest).read_bytes() == b"artifact"


def test_an_index_that_is_there_already_is_left_alone(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    store.put(b"one")
    (tmp_path / "store" / "index.json").write_text("mine")

    store.put(b"two")

    assert (tmp_path / "store" / "index.json").read_text() == "mine"


def test_an_artifact_is_for_its_owner_only(tmp_path: Path) -> None:
    digest = ArtifactStore(tmp_path / "store").put(b"artifact")

    assert blob(tmp_path / "store", digest).stat().st_mode & 0o077 == 0
    assert blob(tmp_path / "store", digest).parent.stat().st_mode & 0o077 == 0


def test_what_was_never_put_is_missing(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")

    error = complaint(store, ABSENT)

    assert error.code == "registry.missing"
    assert error.hint is not None
    assert "hatchway add" in error.hint
    assert ABSENT not in store


@pytest.mark.parametrize(
    "spoilt", [b"", b"artifac", b"artifact\n", b"Artifact", b"another one altogether"]
)
def test_bytes_that_were_changed_on_disk_are_not_handed_out(spoilt: bytes, tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    digest = store.put(b"artifact")
    blob(tmp_path / "store", digest).write_bytes(spoilt)

    error = complaint(store, digest)

    assert error.code == "registry.corrupt"
    assert error.message == f"the stored artifact {digest} was changed on disk"


def test_an_artifact_under_another_ones_name_is_not_handed_out(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    good, evil = store.put(b"good"), store.put(b"evil")
    blob(tmp_path / "store", evil).replace(blob(tmp_path / "store", good))

    assert complaint(store, good).code == "registry.corrupt"


def test_a_link_in_the_place_of_an_artifact_does_not_change_what_is_handed_out(
    tmp_path: Path,
) -> None:
    store = ArtifactStore(tmp_path / "store")
    digest = store.put(b"good")
    (tmp_path / "evil").write_bytes(b"evil")
    blob(tmp_path / "store", digest).unlink()
    blob(tmp_path / "store", digest).symlink_to(tmp_path / "evil")

    assert complaint(store, digest).code == "registry.corrupt"


def test_bytes_are_hashed_again_at_every_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ArtifactStore(tmp_path / "store")
    digest = store.put(b"artifact")
    hashed: list[bytes] = []

    def noted(artifact: bytes) -> str:
        hashed.append(artifact)
        return digest_of(artifact)

    monkeypatch.setattr(store_module, "digest_of", noted)
    for _ in range(3):
        store.get(digest)

    assert hashed == [b"artifact"] * 3


def test_a_changed_artifact_is_healed_by_putting_it_again(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    digest = store.put(b"artifact")
    blob(tmp_path / "store", digest).write_bytes(b"changed")

    store.put(b"artifact")

    assert store.get(digest) == b"artifact"


@pytest.mark.parametrize(
    "digest", ["sha256:../../secret", "../../../secret", "sha256:", "", "md5:0"]
)
def test_a_digest_that_is_none_hands_nothing_out(digest: str, tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    store.put(b"artifact")
    (tmp_path / "store" / "secret").write_bytes(b"secret")
    (tmp_path / "secret").write_bytes(b"secret")

    complaint(store, digest)


def test_a_store_that_cannot_be_made_is_the_operators_problem(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError) as raised:
        ArtifactStore(tmp_path / "file" / "store").put(b"artifact")

    assert raised.value.code == "config.unwritable"
    assert raised.value.hint == "point XDG_DATA_HOME at a directory you may write to"


def test_a_disk_that_is_full_leaves_no_half_artifact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    store = ArtifactStore(tmp_path / "store")
    store.put(b"first")
    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(ConfigError, match="No space left"):
        store.put(b"second")

    assert digest_of(b"second") not in store
    assert len(list((tmp_path / "store" / "blobs" / "sha256").iterdir())) == 1


PUT = """
import sys
from pathlib import Path
from hatchway.registry.store import ArtifactStore
store = ArtifactStore(Path(sys.argv[1]))
sys.stdin.read()
for number in range(20):
    print(store.put(bytes([number]) * 50_000))
"""


def test_two_processes_may_put_the_same_artifacts_at_once(tmp_path: Path) -> None:
    directory = tmp_path / "store"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", PUT, str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]

    for child in children:  # both wait for this
        assert child.stdin is not None
        child.stdin.close()
        child.stdin = None
    answers = [child.communicate(timeout=60)[0].split() for child in children]

    store = ArtifactStore(directory)
    expected = [digest_of(bytes([number]) * 50_000) for number in range(20)]
    assert answers == [expected, expected]
    assert all(digest_of(store.get(digest)) == digest for digest in expected)
    assert len(list(blob(directory, "").iterdir())) == 20


def test_threads_may_put_and_get_at_once(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for number in range(30):
                artifact = bytes([number]) * 10_000
                assert store.get(store.put(artifact)) == artifact
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert failures == []


def test_a_digest_does_not_depend_on_how_the_bytes_are_held() -> None:
    assert digest_of(bytes(bytearray(b"x"))) == f"sha256:{hashlib.sha256(b'x').hexdigest()}"
