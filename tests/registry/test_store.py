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
from hatchway.registry.descriptors import (
    BUNDLE,
    INDEX,
    MANIFEST,
    Attachment,
    WasmConfig,
    build_image,
)
from hatchway.registry.fetching import fetch
from hatchway.registry.settings import SourceSettings
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


def test_putting_the_same_bytes_again_writes_nothing(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    digest = store.put(b"artifact")
    before = blob(tmp_path / "store", digest).stat().st_ino
    index = (tmp_path / "store" / "index.json").stat().st_ino

    assert store.put(b"artifact") == digest

    assert blob(tmp_path / "store", digest).stat().st_ino == before
    assert (tmp_path / "store" / "index.json").stat().st_ino == index


def test_a_store_is_a_directory_in_the_layout_of_an_oci_image(tmp_path: Path) -> None:
    digest = ArtifactStore(tmp_path / "store").put(b"artifact")

    assert json.loads((tmp_path / "store" / "oci-layout").read_text()) == {
        "imageLayoutVersion": "1.0.0"
    }
    index = json.loads((tmp_path / "store" / "index.json").read_text())
    (entry,) = index.pop("manifests")
    manifest = json.loads(blob(tmp_path / "store", entry["digest"]).read_bytes())
    config = json.loads(blob(tmp_path / "store", manifest["config"]["digest"]).read_bytes())
    assert index == {"schemaVersion": 2, "mediaType": INDEX}
    assert entry["mediaType"] == manifest["mediaType"] == MANIFEST
    assert [layer["digest"] for layer in manifest["layers"]] == [digest]
    assert config["layerDigests"] == [digest]
    assert blob(tmp_path / "store", digest).read_bytes() == b"artifact"


@pytest.mark.parametrize(
    ("artifact", "expected"), [(b"\0asm\1\0\0\0", "wasip1"), (b"\0asm\x0d\0\1\0", "wasip2")]
)
def test_a_stored_artifact_can_be_read_by_whoever_reads_layouts(
    artifact: bytes, expected: str, tmp_path: Path
) -> None:
    ArtifactStore(tmp_path / "store").put(artifact)

    fetched = fetch(
        f"oci-layout:{tmp_path}/store",
        base=tmp_path,
        limit_bytes=100,
        settings=SourceSettings(),
        network="refused",
    )

    assert fetched.artifact == artifact
    assert fetched.image is not None
    assert json.loads(fetched.image.config)["os"] == expected


def test_an_index_that_is_damaged_is_left_alone_and_complained_about(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    digest = store.put(b"one")
    (tmp_path / "store" / "index.json").write_text("mine")

    with pytest.raises(RegistryError) as raised:
        store.put(b"two")

    assert raised.value.code == "registry.malformed"
    assert (tmp_path / "store" / "index.json").read_text() == "mine"
    assert store.get(digest) == b"one"


def test_a_layout_of_an_earlier_version_keeps_working(tmp_path: Path) -> None:
    old = digest_of(b"old")
    blob(tmp_path, old).parent.mkdir(parents=True)
    blob(tmp_path, old).write_bytes(b"old")
    (tmp_path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (tmp_path / "index.json").write_text('{"schemaVersion": 2, "manifests": []}')
    store = ArtifactStore(tmp_path)

    new = store.put(b"new")

    assert (store.get(old), store.get(new)) == (b"old", b"new")
    assert old in store
    assert store.attachments(old) == ()
    assert store.put(b"old") == old
    assert len(json.loads((tmp_path / "index.json").read_text())["manifests"]) == 2


# What was published about an artifact


def bundle(text: str) -> Attachment:
    return Attachment(media_type=BUNDLE, content=text.encode())


def test_what_was_published_is_kept_byte_for_byte(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    image = build_image(b"artifact", WasmConfig(os="wasip1"), {"theirs": "yes"})

    digest = store.put(b"artifact", image=image, attachments=(bundle("a"), bundle("b")))

    assert blob(tmp_path / "store", image.digest).read_bytes() == image.manifest
    assert set(store.attachments(digest)) == {bundle("a"), bundle("b")}
    assert store.attachments(image.digest) == store.attachments(digest)


def test_attachments_add_up_and_are_listed_once(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    other = store.put(b"other")

    digest = store.put(b"artifact", attachments=(bundle("a"),))
    store.put(b"artifact", attachments=(bundle("b"), bundle("a")))

    assert set(store.attachments(digest)) == {bundle("a"), bundle("b")}
    assert store.attachments(other) == ()


def test_an_attachment_that_was_changed_on_disk_is_not_handed_out(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    digest = store.put(b"artifact", attachments=(bundle("a"),))
    blob(tmp_path / "store", digest_of(b"a")).write_bytes(b"b")

    with pytest.raises(RegistryError) as raised:
        store.attachments(digest)

    assert raised.value.code == "registry.digest_mismatch"


def test_documents_of_another_artifact_are_refused(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")

    with pytest.raises(RegistryError, match="is about another artifact"):
        store.put(b"evil", image=build_image(b"good", WasmConfig(os="wasip1")))

    assert digest_of(b"evil") not in store


# Tidying up


def age(directory: Path) -> None:
    """As if everything had been stored yesterday."""
    for path in directory.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))


def test_what_is_not_kept_goes_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    kept = store.put(b"kept", attachments=(bundle("a"),))
    gone = store.put(b"gone", attachments=(bundle("b"),))
    age(tmp_path)

    removed = store.collect({kept}, dry_run=False)

    assert [item.kind for item in removed if item.name == gone] == ["artifact"]
    assert sorted(item.kind for item in removed) == ["artifact"] + ["record"] * 4
    assert gone not in store
    assert store.get(kept) == b"kept"
    assert store.attachments(kept) == (bundle("a"),)
    assert len(json.loads((tmp_path / "store" / "index.json").read_text())["manifests"]) == 2
    assert store.collect({kept}, dry_run=False) == ()


def test_a_plan_removes_nothing(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    digest = store.put(b"artifact")
    age(tmp_path)

    planned = store.collect(set(), dry_run=True)

    assert store.get(digest) == b"artifact"
    assert store.collect(set(), dry_run=False) == planned
    assert digest not in store


def test_what_was_stored_just_now_stays_though_nothing_pins_it_yet(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path / "store")
    store.put(b"artifact", attachments=(bundle("a"),))
    age(tmp_path)
    digest = store.put(b"artifact")

    assert store.collect(set(), dry_run=False) == ()
    assert store.get(digest) == b"artifact"
    assert store.attachments(digest) == (bundle("a"),)


def test_artifacts_of_an_earlier_version_are_kept_and_collected_by_their_digests(
    tmp_path: Path,
) -> None:
    store = ArtifactStore(tmp_path)
    blob(tmp_path, "").mkdir(parents=True)
    for text in (b"kept", b"gone"):
        blob(tmp_path, digest_of(text)).write_bytes(text)
    age(tmp_path)

    (removed,) = store.collect({digest_of(b"kept")}, dry_run=False)

    assert (removed.name, removed.size, removed.kind) == (digest_of(b"gone"), 4, "artifact")
    assert store.get(digest_of(b"kept")) == b"kept"


def test_what_an_interrupted_write_left_is_removed(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    digest = store.put(b"artifact")
    (tmp_path / ".index.json.abc").write_text("half")
    (blob(tmp_path, "") / ".def.ghi").write_text("half")
    age(tmp_path)

    removed = store.collect({digest}, dry_run=False)

    assert [(item.name, item.kind) for item in removed] == [
        (".def.ghi", "leftover"), (".index.json.abc", "leftover"),
    ]  # fmt: skip
    assert not (tmp_path / ".index.json.abc").exists()
    assert store.get(digest) == b"artifact"


def test_an_entry_whose_documents_are_damaged_goes_and_takes_nothing_along(
    tmp_path: Path,
) -> None:
    store = ArtifactStore(tmp_path)
    digest = store.put(b"artifact")
    (entry,) = json.loads((tmp_path / "index.json").read_text())["manifests"]
    blob(tmp_path, entry["digest"]).write_bytes(b"{}")
    age(tmp_path)

    store.collect({digest}, dry_run=False)

    assert store.get(digest) == b"artifact"
    assert json.loads((tmp_path / "index.json").read_text())["manifests"] == []


def test_a_store_that_was_never_made_has_nothing_to_collect(tmp_path: Path) -> None:
    assert ArtifactStore(tmp_path / "nowhere").collect(set(), dry_run=False) == ()


def test_a_store_with_a_damaged_index_is_not_collected(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    digest = store.put(b"artifact")
    (tmp_path / "index.json").write_text("mine")
    age(tmp_path)

    with pytest.raises(RegistryError):
        store.collect(set(), dry_run=False)

    assert store.get(digest) == b"artifact"


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
    assert len(list((tmp_path / "store" / "blobs" / "sha256").iterdir())) == 3


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
    assert len(list(blob(directory, "").iterdir())) == 60
    index = json.loads((directory / "index.json").read_text())["manifests"]
    assert len({entry["digest"] for entry in index}) == len(index) == 20


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
