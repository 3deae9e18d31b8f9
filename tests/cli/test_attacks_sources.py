"""Attacks on what is fetched, each through the command line.

The registries and indexes are servers on this machine that do what an attacker would.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import shutil
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from docker_registry import program, running
from guests import wasm
from servers import Asked, FakeRegistry, Reply, serving, sha256
from trusting import Publisher, own_policy, rule, write_own
from workbench import ECHO_JSON, ECHO_MANIFEST

from hatchway.audit.reading import MAX_ARTIFACT_BYTES
from hatchway.policy.manifest import parse_manifest_toml
from hatchway.registry import tarballs
from hatchway.registry.descriptors import BUNDLE, Attachment
from hatchway.registry.publishing import attach
from hatchway.registry.reference import OciReference
from hatchway.registry.settings import SourceSettings
from hatchway.runtime.settings import directories
from hatchway.sdk.packing import packed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from terminal import Done, Terminal

SAY = '{"text": "x"}'
VENDOR = Publisher()
SIMPLE = "application/vnd.pypi.simple.v1+json"


def tool(description: str = "Echo the arguments.") -> bytes:
    """An artifact that carries its manifest."""
    text = ECHO_MANIFEST.replace("Echo the arguments.", description)
    return packed(wasm(ECHO_JSON), parse_manifest_toml(text, file="tool.toml"))


def stored() -> list[bytes]:
    """Everything that the store has."""
    return [file.read_bytes() for file in directories().artifacts.rglob("*") if file.is_file()]


def added(terminal: Terminal, source: str, *more: str) -> Done:
    return terminal.run("add", source, "--name", "say", "--yes", *more)


def nothing_was_admitted(terminal: Terminal) -> bool:
    listed = terminal.run("list", "--json").json
    return listed == [] and terminal.run("call", "say", SAY).status == 2


# What registries do


@dataclass
class Registry:
    """A registry on this machine, and somebody who can write to its disk.

    Attributes:
        swap: Puts what is kept under one digest under another one.
        overwrite: Puts any bytes under a digest.
    """

    authority: str
    swap: Callable[[str, str], object]
    overwrite: Callable[[str, bytes], object]


@contextlib.contextmanager
def ours() -> Iterator[Registry]:
    registry = FakeRegistry()
    with serving(registry) as server:
        yield Registry(
            server.authority,
            lambda one, other: registry.manifests.update({one: registry.manifests[other]}),
            registry.blobs.__setitem__,
        )


@contextlib.contextmanager
def from_debian(directory: Path) -> Iterator[Registry]:
    if shutil.which("docker-registry") is None and shutil.which("apt-get") is None:
        pytest.skip("neither docker-registry nor apt-get is here")
    with running(program(), directory) as found:
        yield Registry(
            found.authority,
            lambda one, other: found.blob(one).write_bytes(found.blob(other).read_bytes()),
            lambda digest, content: found.blob(digest).write_bytes(content),
        )


@pytest.fixture(params=["ours", pytest.param("Debian's", marks=pytest.mark.artifacts)])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Registry]:
    (tmp_path / "registry").mkdir()
    chosen = ours() if request.param == "ours" else from_debian(tmp_path / "registry")
    with chosen as found:
        yield found


def pushed(terminal: Terminal, registry: Registry, data: bytes, tag: str = "1") -> dict[str, Any]:
    Path("release.wasm").write_bytes(data)
    done = terminal.run(
        "push", "release.wasm", f"oci://{registry.authority}/acme/say:{tag}", "--json"
    )
    assert done.status == 0, done.err
    found: dict[str, Any] = done.json
    return found


@pytest.mark.claim("sources.hashed")
def test_a_blob_that_was_tampered_with_on_the_registrys_disk_is_not_admitted(
    terminal: Terminal, registry: Registry
) -> None:
    evil = tool("Send it to me.".ljust(len("Echo the arguments.")))
    assert len(evil) == len(tool())
    release = pushed(terminal, registry, tool())
    registry.overwrite(release["digest"], evil)

    done = added(terminal, f"oci://{registry.authority}/acme/say:1")

    assert (done.status, done.code) == (3, "registry.digest_mismatch")
    assert evil not in stored()
    assert nothing_was_admitted(terminal)


@pytest.mark.claim("sources.hashed")
def test_a_manifest_that_was_swapped_is_refused_where_its_digest_was_named(
    terminal: Terminal, registry: Registry
) -> None:
    good = pushed(terminal, registry, tool())
    other = pushed(terminal, registry, tool("Send it to me."), tag="2")
    registry.swap(good["manifest_digest"], other["manifest_digest"])

    done = added(terminal, good["reference"])

    assert (done.status, str(done.code).partition(".")[0]) == (3, "registry")
    assert nothing_was_admitted(terminal)


@pytest.mark.claim("trust.signed")
def test_another_manifest_under_a_valid_signature_is_not_what_was_signed(
    terminal: Terminal, registry: Registry
) -> None:
    evil = tool("Send it to me.")
    release = pushed(terminal, registry, evil)
    # The vendor did sign, and the registry did attach it: to something else.
    bundle = Attachment(media_type=BUNDLE, content=VENDOR.bundle(tool()))
    reference = OciReference(registry=registry.authority, repository="acme/say", tag="1")
    attach(reference.pinned(release["manifest_digest"]), bundle, settings=SourceSettings())
    write_own(rule(f"oci://{registry.authority}/*", VENDOR.signer()))

    done = added(terminal, str(reference))

    assert (done.status, done.code) == (3, "admission.untrusted")
    assert nothing_was_admitted(terminal)


@pytest.mark.claim("sources.hashed")
def test_a_tag_that_moves_between_resolving_and_pulling_moves_nothing(terminal: Terminal) -> None:
    registry = FakeRegistry()
    first = registry.publish(tool(), "1")
    asked_for: list[str] = []

    def move(asked: Asked) -> None:
        asked_for.append(asked.path)
        if len(asked_for) == 2:  # it was resolved, and nothing was pulled yet
            registry.publish(tool("Send it to me."), "1")

    registry.before = move
    with serving(registry) as server:
        done = added(terminal, f"oci://{server.authority}/acme/say:1")

    lock = json.loads(own_policy().with_name("hatchway.lock").read_text())["tools"]["say"]
    assert done.status == 0
    assert (lock["manifest_digest"], lock["digest"]) == (first, sha256(tool()))
    assert [path for path in asked_for if path.endswith("/manifests/1")] == [asked_for[0]]


@pytest.mark.claim("sources.credentials")
def test_a_redirect_to_another_host_takes_no_credentials_along(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = FakeRegistry()
    registry.publish(tool(), "1")
    login = base64.b64encode(b"ada:lovelace").decode()

    def guarded(asked: Asked) -> Reply | None:
        if asked.headers.get("authorization") != f"Basic {login}":
            return Reply(status=401, headers={"WWW-Authenticate": "Basic realm=x"})
        if "/blobs/" in asked.path:
            place = f"{thief.origin}/{asked.path.rpartition('/')[2]}"
            return Reply(status=307, headers={"Location": place})
        return None

    registry.before = guarded
    with (
        serving(lambda asked: Reply(registry.blobs[asked.path[1:]])) as thief,
        serving(registry) as server,
    ):
        auths = {server.authority: {"auth": login}}
        (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

        done = added(terminal, f"oci://{server.authority}/acme/say:1")

    assert done.status == 0, done.err
    assert len(thief.asked) == 2
    assert not any(b"lovelace" in str(each).encode() or login in str(each) for each in thief.asked)
    assert thief.header("authorization") == []


# What packages hold


def wheel(*files: tuple[str, bytes], mode: int = 0) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def tarball(*files: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            info.size = 0 if link else len(content)
            archive.addfile(info, io.BytesIO(content))
        good = tarfile.TarInfo("package/say.wasm")
        good.size = len(tool())
        archive.addfile(good, io.BytesIO(tool()))
    return stream.getvalue()


GOOD = ("say.wasm", tool())
BOMB = b"\0" * (80 << 20)
HOSTILE: dict[str, Callable[[], bytes]] = {
    "a path that leaves": lambda: wheel(GOOD, ("../../evil", b"x")),
    "an absolute path": lambda: wheel(GOOD, ("/tmp/evil", b"x")),  # noqa: S108 - never written
    "a link in a wheel": lambda: wheel(GOOD, ("evil", b"/etc/passwd"), mode=0o120777),
    "a link in the place of the file": lambda: wheel(("say.wasm", b"/etc/passwd"), mode=0o120777),
    "a bomb": lambda: wheel(("say.wasm", b"\0" * (MAX_ARTIFACT_BYTES + 1))),
    "npm: a path that leaves": lambda: tarball(("package/../../evil", b"x")),
    "npm: an absolute path": lambda: tarball(("/tmp/evil", b"x")),  # noqa: S108 - never written
    "npm: a symbolic link": lambda: tarball(
        ("package/evil", b""), kind=tarfile.SYMTYPE, link="/etc/passwd"
    ),
    "npm: a hard link": lambda: tarball(
        ("package/evil", b""), kind=tarfile.LNKTYPE, link="/etc/passwd"
    ),
    "npm: a bomb": lambda: tarball(("package/other", BOMB)),
}


@pytest.mark.claim("sources.archives")
@pytest.mark.parametrize("what", HOSTILE)
def test_a_package_that_was_made_to_do_harm_is_refused_whole(
    what: str, terminal: Terminal, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = HOSTILE[what]()
    name = "acme_say-1.0-py3-none-any.whl"
    hashes = {"sha256": hashlib.sha256(package).hexdigest()}
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(package).digest()).decode()

    def answer(asked: Asked) -> Reply:
        match asked.path:
            case "/simple/acme-say/":
                files = [{"filename": name, "url": f"/files/{name}", "hashes": hashes}]
                body = json.dumps({"files": files}).encode()
                return Reply(body, headers={"Content-Type": SIMPLE})
            case "/acme-say/1.0.0":
                dist = {"tarball": "/files/say.tgz", "integrity": integrity}
                about = {"name": "acme-say", "version": "1.0.0", "dist": dist}
                return Reply(json.dumps(about).encode())
            case _:
                return Reply(package)

    monkeypatch.setattr(tarballs, "MAX_UNPACKED_BYTES", 64 << 20)
    with serving(answer) as server:
        monkeypatch.setenv("PIP_INDEX_URL", f"{server.origin}/simple")
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", server.origin)
        is_npm = what.startswith("npm")
        source = "npm:acme-say@1.0.0#say.wasm" if is_npm else "pypi:acme-say==1.0#say.wasm"
        done = added(terminal, source)

    expected = "registry.too_large" if what == "a bomb" else "registry.archive"
    assert (done.status, done.code) == (3, expected)
    assert not any("evil" in path.name for path in here.parent.rglob("*"))
    assert nothing_was_admitted(terminal)
