"""What others published and an interpreter is built from is fetched, checked and kept."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from servers import Asked, Reply, Server, serving, sha256

from hatchway.core.errors import RegistryError
from hatchway.runtime.interpreters import ready
from hatchway.runtime.settings import directories
from hatchway.sdk.interpreters import javascript

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENGINE = b"\0asm\1\0\0\0 an engine"
NAMED = "npm:acme-engine@1.0.0#engine.wasm"


class _Recipe:
    """An interpreter that is its engine with a word before it."""

    language = "javascript"
    needs = (f"{NAMED}@{sha256(ENGINE)}",)

    def __init__(self, version: str = "1") -> None:
        self.version = version

    def missing(self) -> str | None:
        return None

    def build(self, tell: Callable[[str], None], *needed: bytes) -> bytes:
        tell("building")
        return b"".join((b"around ", *needed))


def npm(content: bytes = ENGINE) -> Callable[[Asked], Reply]:
    """A registry that has the package, with `content` for an engine."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        info = tarfile.TarInfo("package/engine.wasm")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    package = stream.getvalue()
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(package).digest()).decode()

    def answer(asked: Asked) -> Reply:
        if asked.path == "/t.tgz":
            return Reply(package)
        dist = {"tarball": "/t.tgz", "integrity": integrity}
        document = {"name": "acme-engine", "version": "1.0.0", "dist": dist}
        return Reply(json.dumps(document).encode())

    return answer


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Makes the interpreter, from a registry and with a recipe; what was told meanwhile."""

    def make(server: Server | None, recipe: Any = None) -> list[str]:
        monkeypatch.setattr(javascript, "RECIPE", recipe or _Recipe())
        origin = "http://127.0.0.1:9" if server is None else server.origin
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", origin)
        told: list[str] = []
        made = ready("javascript", directories=directories(), tell=told.append)
        assert made.read_bytes() == b"around " + ENGINE
        return told

    return make


def kept() -> Path:
    return directories().interpreters / sha256(ENGINE).replace(":", "-")


def test_what_is_needed_comes_from_the_users_registry_before_the_build(
    use: Callable[..., list[str]],
) -> None:
    with serving(npm()) as server:
        told = use(server)

    assert told == [f"fetching {NAMED} (once)", "building"]
    assert [each.path for each in server.asked] == ["/acme-engine/1.0.0", "/t.tgz"]


def test_another_version_is_built_from_what_is_kept_without_a_network(
    use: Callable[..., list[str]],
) -> None:
    with serving(npm()) as server:
        use(server)

    assert use(None, _Recipe("2")) == ["building"]


def test_a_file_that_was_put_there_by_hand_is_taken(use: Callable[..., list[str]]) -> None:
    kept().parent.mkdir(parents=True)
    kept().write_bytes(ENGINE)

    assert use(None) == ["building"]


def test_a_kept_file_with_other_bytes_is_not_used(use: Callable[..., list[str]]) -> None:
    kept().parent.mkdir(parents=True)
    kept().write_bytes(ENGINE + b" and more")

    with serving(npm()) as server:
        told = use(server)

    assert told == [f"fetching {NAMED} (once)", "building"]
    assert kept().read_bytes() == ENGINE


def test_without_a_network_it_is_said_what_is_missing_and_where_it_could_be_put(
    use: Callable[..., list[str]],
) -> None:
    with pytest.raises(RegistryError) as refused:
        use(None)

    assert refused.value.code == "registry.unreachable"
    assert f"the javascript interpreter is built from {NAMED}: " in refused.value.message
    assert refused.value.hint is not None
    assert "NPM_CONFIG_REGISTRY" in refused.value.hint
    assert str(kept()) in refused.value.hint


@pytest.mark.claim("sources.hashed")
def test_other_bytes_than_the_recipe_names_are_neither_built_in_nor_kept(
    use: Callable[..., list[str]],
) -> None:
    with serving(npm(ENGINE + b" and more")) as server, pytest.raises(RegistryError) as refused:
        use(server)

    assert refused.value.code == "registry.digest_mismatch"
    assert NAMED in refused.value.message
    assert list(directories().interpreters.iterdir()) == []
