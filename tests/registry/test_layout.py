"""Artifacts in directories that somebody carried over."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from servers import sha256

from hatchway.core.errors import RegistryError
from hatchway.registry.descriptors import BUNDLE, INDEX, MANIFEST, Attachment, WasmConfig
from hatchway.registry.fetching import Fetched, fetch
from hatchway.registry.publishing import attach, push
from hatchway.registry.reference import LayoutReference
from hatchway.registry.settings import SourceSettings

if TYPE_CHECKING:
    from pathlib import Path

ARTIFACT = b"\0asm\1\0\0\0 good"
SETTINGS = SourceSettings()
CONFIG = WasmConfig(os="wasip1")


def pulled(directory: Path, name: str = "") -> Fetched:
    return fetch(
        f"oci-layout:{directory.name}{name}",
        base=directory.parent,
        limit_bytes=1000,
        settings=SETTINGS,
        network="refused",
    )


def refusal(directory: Path, name: str = "") -> RegistryError:
    with pytest.raises(RegistryError) as raised:
        pulled(directory, name)
    return raised.value


def published(directory: Path, artifact: bytes = ARTIFACT, tag: str | None = "1") -> str:
    reference = LayoutReference(directory=str(directory), tag=tag)
    return push(reference, artifact, CONFIG, settings=SETTINGS).manifest_digest


def index_of(directory: Path) -> Any:
    return json.loads((directory / "index.json").read_bytes())


def rewrite(directory: Path, *entries: object) -> None:
    document = {"schemaVersion": 2, "manifests": list(entries)}
    (directory / "index.json").write_text(json.dumps(document))


def blob(directory: Path, digest: str) -> Path:
    return directory / "blobs" / "sha256" / digest.removeprefix("sha256:")


def test_the_one_artifact_of_a_directory_needs_no_name(tmp_path: Path) -> None:
    directory = tmp_path / "layout"
    digest = published(directory)

    fetched = pulled(directory)

    assert fetched.artifact == ARTIFACT
    assert fetched.resolved == f"oci-layout:layout@{digest}"


def test_of_several_artifacts_one_is_named(tmp_path: Path) -> None:
    directory = tmp_path / "layout"
    one = published(directory)
    two = published(directory, b"\0asm\1\0\0\0 two", tag="2")

    error = refusal(directory)

    assert error.code == "registry.unsupported"
    assert "holds 2 artifacts" in error.message
    assert pulled(directory, ":1").manifest_digest == one
    assert pulled(directory, f"@{two}").artifact == b"\0asm\1\0\0\0 two"


def test_what_is_attached_is_not_another_artifact(tmp_path: Path) -> None:
    directory = tmp_path / "layout"
    digest = published(directory)
    bundle = Attachment(media_type=BUNDLE, content=b"a bundle")
    attach(LayoutReference(directory=str(directory), digest=digest), bundle, settings=SETTINGS)

    assert pulled(directory).attachments == (bundle,)


def test_what_other_tools_attach_under_the_fallback_tag_is_found(tmp_path: Path) -> None:
    directory = tmp_path / "layout"
    digest = published(directory)
    bundle = Attachment(media_type=BUNDLE, content=b"a bundle")
    attach(LayoutReference(directory=str(directory), digest=digest), bundle, settings=SETTINGS)
    image, attachment = index_of(directory)["manifests"]
    inner = json.dumps({"schemaVersion": 2, "manifests": [attachment]}).encode()
    blob(directory, sha256(inner)).write_bytes(inner)
    name = {"org.opencontainers.image.ref.name": digest.replace(":", "-")}
    outer = {"mediaType": INDEX, "digest": sha256(inner), "size": len(inner), "annotations": name}
    rewrite(directory, image, outer)

    assert pulled(directory, ":1").attachments == (bundle,)


@pytest.mark.parametrize("which", ["layer", "config", "manifest"])
def test_a_blob_that_was_changed_on_the_way_is_refused(which: str, tmp_path: Path) -> None:
    directory = tmp_path / "layout"
    digest = published(directory)
    manifest = json.loads(blob(directory, digest).read_bytes())
    parts = {
        "layer": manifest["layers"][0]["digest"],
        "config": manifest["config"]["digest"],
        "manifest": digest,
    }
    file = blob(directory, parts[which])
    file.write_bytes(file.read_bytes().replace(b"o", b"0", 1))

    assert refusal(directory).code in {"registry.digest_mismatch", "registry.corrupt"}


def test_a_directory_without_a_layout_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "layout").mkdir()

    assert refusal(tmp_path / "layout").code == "registry.unsupported"
    assert refusal(tmp_path / "layout", ":1").code == "registry.not_found"
    assert refusal(tmp_path / "layout", f"@{sha256(b'')}").code == "registry.missing"
    assert refusal(tmp_path / "nowhere").code == "registry.unsupported"


def test_two_artifacts_of_one_name_are_not_chosen_from(tmp_path: Path) -> None:
    directory = tmp_path / "layout"
    published(directory)
    published(directory, b"\0asm\1\0\0\0 two", tag="2")
    entries = index_of(directory)["manifests"]
    rewrite(directory, entries[0], entries[1] | {"annotations": entries[0]["annotations"]})

    assert refusal(directory, ":1").code == "registry.not_found"


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"schemaVersion": 2}', '{"schemaVersion": 2, "manifests": [7]}',
        '{"schemaVersion": 2, "manifests": [{"mediaType": "a", "digest": "../../x", "size": 1}]}',
        '{"schemaVersion": 2, "schemaVersion": 2, "manifests": []}',
    ],
)  # fmt: skip
def test_an_index_that_cannot_be_read_is_refused(text: str, tmp_path: Path) -> None:
    directory = tmp_path / "layout"
    published(directory)
    (directory / "index.json").write_text(text)

    assert refusal(directory).code == "registry.malformed"
    with pytest.raises(RegistryError):
        published(directory)
    assert (directory / "index.json").read_text() == text


def test_an_index_that_is_no_file_does_not_hold_anybody_up(tmp_path: Path) -> None:
    directory = tmp_path / "layout"
    published(directory)
    (directory / "index.json").unlink()
    os.mkfifo(directory / "index.json")

    assert refusal(directory).code == "registry.malformed"


def test_a_digest_leads_nowhere_but_to_its_blob(tmp_path: Path) -> None:
    directory = tmp_path / "layout"
    published(directory)
    rewrite(directory, {"mediaType": MANIFEST, "digest": sha256(b"x"), "size": 1})

    assert refusal(directory).code == "registry.missing"


def test_a_blob_that_is_a_link_to_elsewhere_shows_nothing_of_it(tmp_path: Path) -> None:
    directory = tmp_path / "layout"
    published(directory)
    file = blob(directory, sha256(ARTIFACT))
    file.unlink()
    (tmp_path / "secret").write_bytes(b"secret".ljust(len(ARTIFACT)))
    file.symlink_to(tmp_path / "secret")

    error = refusal(directory)

    assert error.code == "registry.digest_mismatch"
    assert "secret" not in error.message


def test_an_artifact_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    directory = tmp_path / "layout"
    published(directory, b"x" * 1001)

    assert refusal(directory).code == "registry.too_large"


def test_what_else_an_index_says_stays(tmp_path: Path) -> None:
    directory = tmp_path / "layout"
    published(directory)
    (directory / "index.json").write_text(
        json.dumps(index_of(directory) | {"annotations": {"theirs": "yes"}})
    )

    published(directory, b"\0asm\1\0\0\0 two", tag="2")

    assert index_of(directory)["annotations"] == {"theirs": "yes"}
    assert len(index_of(directory)["manifests"]) == 2
