"""Files in packages of PyPI and npm, from indexes that do not always tell the truth."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from servers import Asked, Reply, Server, basic, serving, sha256

from hatchway.core.errors import HatchwayError
from hatchway.registry.fetching import Fetched, fetch
from hatchway.registry.settings import SourceSettings

ARTIFACT = b"\0asm\1\0\0\0 good"
SIMPLE = "application/vnd.pypi.simple.v1+json"
PYPI = "pypi:acme-tool==1.0#acme/tool.wasm"
NPM = "npm:@acme/tool@1.0.0#dist/tool.wasm"


def wheel(content: bytes = ARTIFACT) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("acme/tool.wasm", content)
    return stream.getvalue()


def tarball(content: bytes = ARTIFACT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        info = tarfile.TarInfo("package/dist/tool.wasm")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


WHEEL, TARBALL = wheel(), tarball()
NAME = "Acme_Tool-1.0-py3-none-any.whl"


def listed(name: str = NAME, **changed: Any) -> dict[str, Any]:
    digest = hashlib.sha256(WHEEL).hexdigest()
    return {"filename": name, "url": f"../../files/{name}", "hashes": {"sha256": digest}} | changed


def pypi(*files: object, kind: str = SIMPLE, served: bytes = WHEEL) -> Any:
    def answer(asked: Asked) -> Reply:
        if asked.path == "/simple/acme-tool/":
            body = json.dumps({"files": list(files)}).encode()
            return Reply(body, headers={"Content-Type": kind})
        return Reply(served) if asked.path.startswith("/files/") else Reply(status=404)

    return answer


def integrity(data: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()


def npm(served: bytes = TARBALL, **changed: Any) -> Any:
    def answer(asked: Asked) -> Reply:
        if asked.path == "/@acme%2Ftool/1.0.0":
            dist = {"tarball": "/t.tgz", "integrity": integrity(TARBALL)}
            document = {"name": "@acme/tool", "version": "1.0.0", "dist": dist} | changed
            return Reply(json.dumps(document).encode())
        return Reply(served) if asked.path == "/t.tgz" else Reply(status=404)

    return answer


def settings_for(server: Server, login: str = "") -> SourceSettings:
    base = f"http://{login}{server.authority}"
    return SourceSettings(pypi_index=f"{base}/simple", npm_registry=base)


def fetched(server: Server, text: str, login: str = "") -> Fetched:
    return fetch(
        text,
        base=Path("/"),
        limit_bytes=1000,
        settings=settings_for(server, login),
        network="allowed",
    )


def refusal(server: Server, text: str) -> HatchwayError:
    with pytest.raises(HatchwayError) as raised:
        fetched(server, text)
    assert raised.value.message.isprintable()
    return raised.value


@pytest.mark.parametrize(("text", "answer"), [(PYPI, pypi(listed())), (NPM, npm())])
def test_a_file_in_a_package_is_fetched_and_pinned_to_its_own_digest(
    text: str, answer: Any
) -> None:
    with serving(answer) as server:
        found = fetched(server, text)

        assert found.artifact == ARTIFACT
        assert found.resolved == f"{text}@{sha256(ARTIFACT)}"
        assert (found.image, found.manifest_digest, found.attachments) == (None, None, ())
        assert fetched(server, found.resolved) == found


@pytest.mark.parametrize(("text", "answer"), [(PYPI, pypi(listed())), (NPM, npm())])
@pytest.mark.claim("sources.hashed")
def test_another_file_than_the_pinned_one_is_refused(text: str, answer: Any) -> None:
    with serving(answer) as server:
        error = refusal(server, f"{text}@{sha256(b'another')}")

    assert error.code == "registry.digest_mismatch"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (PYPI, pypi(listed(), served=wheel(b"evil"))),
        (PYPI, pypi(listed(), served=WHEEL + b"x")),
        (NPM, npm(served=tarball(b"evil"))),
        (NPM, npm(served=b"")),
    ],
    ids=["another wheel", "a longer wheel", "another tarball", "no tarball"],
)
@pytest.mark.claim("sources.hashed")
def test_a_package_that_is_not_what_the_index_says_is_not_opened(text: str, answer: Any) -> None:
    with serving(answer) as server:
        assert refusal(server, text).code == "registry.digest_mismatch"


@pytest.mark.parametrize(("text", "answer"), [(PYPI, pypi(listed())), (NPM, npm())])
def test_a_login_in_the_index_is_shown_to_the_index_and_never_told(text: str, answer: Any) -> None:
    with serving(answer) as server:
        fetched(server, text, "ada:love%40lace@")

    assert server.header("authorization") == [basic("ada", "love@lace")] * 2


def test_a_login_in_the_index_stays_behind_when_files_lie_elsewhere() -> None:
    with (
        serving(lambda _: Reply(WHEEL)) as files,
        serving(pypi(listed(url=f"{files.origin}/{NAME}"))) as server,
    ):
        assert fetched(server, PYPI, "ada:lovelace@").artifact == ARTIFACT

    assert files.header("authorization") == []


@pytest.mark.parametrize(
    "index",
    ["http://ada:lovelace@e.org/simple", "ftp://ada:lovelace@e.org", "x", "", "https://[::1",
     "https://ada:lovelace@E org/"],
)  # fmt: skip
def test_an_index_that_may_not_be_asked_is_refused_without_telling_its_password(
    index: str,
) -> None:
    settings = SourceSettings(pypi_index=index, npm_registry=index)
    for text in (PYPI, NPM):
        with pytest.raises(HatchwayError) as raised:
            fetch(text, base=Path("/"), limit_bytes=1000, settings=settings, network="allowed")

        assert raised.value.code == "config.bad_source"
        assert "lovelace" not in raised.value.message


# PyPI


def test_of_several_wheels_the_one_for_every_platform_is_taken() -> None:
    other = listed("acme_tool-1.0-py3-none-manylinux_2_17_x86_64.whl", hashes={}, url=7)
    with serving(pypi(other, listed())) as server:
        assert fetched(server, PYPI).artifact == ARTIFACT


def test_the_only_wheel_is_taken_whatever_its_platform() -> None:
    with serving(pypi(listed("acme_tool-1.0-1-py3-none-win32.whl"))) as server:
        assert fetched(server, PYPI).artifact == ARTIFACT


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ([], "registry.not_found"),
        ([listed("acme_tool-1.0.tar.gz")], "registry.not_found"),
        ([listed("acme_tool-1.0.1-py3-none-any.whl")], "registry.not_found"),
        ([listed("acme_tool_evil-1.0-py3-none-any.whl")], "registry.not_found"),
        ([7, {"filename": 7}, {}], "registry.not_found"),
        ([listed("acme_tool-1.0-py3-none-win32.whl"), listed("acme_tool-1.0-py3-none-macosx.whl")],
         "registry.unsupported"),
        ([listed(hashes={})], "registry.malformed"),
        ([listed(hashes={"md5": "0" * 32})], "registry.malformed"),
        ([listed(hashes={"sha256": "x"})], "registry.malformed"),
        ([listed(hashes=7)], "registry.malformed"),
        ([listed(url=None)], "registry.malformed"),
        ([listed(url="http://192.0.2.1/x.whl")], "registry.malformed"),
        ([listed(url="file:///etc/passwd")], "registry.malformed"),
    ],
)  # fmt: skip
def test_a_version_without_one_usable_wheel_is_refused(files: list[Any], code: str) -> None:
    with serving(pypi(*files)) as server:
        assert refusal(server, PYPI).code == code


def test_a_withdrawn_version_is_taken_only_by_its_digest() -> None:
    with serving(pypi(listed(yanked="it was broken\x1b[31m"))) as server:
        error = refusal(server, PYPI)

        assert error.code == "registry.withdrawn"
        assert fetched(server, f"{PYPI}@{sha256(ARTIFACT)}").artifact == ARTIFACT


@pytest.mark.parametrize("kind", ["text/html", "", "application/json"])
def test_an_index_without_json_is_said_plainly(kind: str) -> None:
    with serving(pypi(listed(), kind=kind)) as server:
        assert refusal(server, PYPI).code == "registry.unsupported"


def test_an_index_that_lists_no_files_is_refused() -> None:
    with serving(lambda _: Reply(b"{}", headers={"Content-Type": SIMPLE})) as server:
        assert refusal(server, PYPI).code == "registry.malformed"


def test_a_local_version_is_found_by_the_spelling_of_its_wheel() -> None:
    with serving(pypi(listed("acme_tool-1.0+ours-py3-none-any.whl"))) as server:
        assert fetched(server, "pypi:acme-tool==1.0+ours#acme/tool.wasm").artifact == ARTIFACT


# npm


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "@evil/tool"},
        {"version": "1.0.1"},
        {"dist": None},
        {"dist": {}},
        {"dist": {"tarball": "/t.tgz", "shasum": "0" * 40}},
        {"dist": {"tarball": "/t.tgz", "integrity": "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="}},
        {"dist": {"tarball": "/t.tgz", "integrity": "sha512-short=="}},
        {"dist": {"tarball": "http://192.0.2.1/t", "integrity": integrity(TARBALL)}},
        {"dist": {"tarball": 7, "integrity": integrity(TARBALL)}},
    ],
)
def test_a_version_that_is_not_described_by_a_sha512_is_refused(changed: dict[str, Any]) -> None:
    with serving(npm(**changed)) as server:
        assert refusal(server, NPM).code == "registry.malformed"


def test_of_several_hashes_any_sha512_counts_and_weaker_ones_do_not() -> None:
    several = f"sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk= {integrity(b'other')} {integrity(TARBALL)}?x"
    with serving(npm(dist={"tarball": "/t.tgz", "integrity": several})) as server:
        assert fetched(server, NPM).artifact == ARTIFACT


def test_an_unscoped_package_is_asked_for_by_its_name() -> None:
    with serving(lambda _: Reply(status=404)) as server:
        refusal(server, "npm:tool@1.0.0+build#x.wasm")

    assert [asked.target for asked in server.asked] == ["/tool/1.0.0+build"]


# The web


def test_a_file_on_a_web_server_is_fetched_and_its_digest_is_told() -> None:
    with serving(lambda _: Reply(ARTIFACT)) as server:
        found = fetched(server, f"{server.origin}/x/a.wasm")

        assert found.artifact == ARTIFACT
        assert found.resolved == f"{server.origin}/x/a.wasm@{sha256(ARTIFACT)}"
        assert fetched(server, found.resolved) == found
    assert {asked.target for asked in server.asked} == {"/x/a.wasm"}


def test_a_file_on_a_web_server_that_changed_is_refused() -> None:
    with serving(lambda _: Reply(b"evil")) as server:
        error = refusal(server, f"{server.origin}/a.wasm@{sha256(ARTIFACT)}")

    assert error.code == "registry.digest_mismatch"
    assert error.message.endswith(f"what came is {sha256(b'evil')}")


def test_a_path_is_read_and_resolves_to_nothing_more_exact(tmp_path: Path) -> None:
    (tmp_path / "a.wasm").write_bytes(ARTIFACT)

    found = fetch(
        "./a.wasm",
        base=tmp_path,
        limit_bytes=1000,
        settings=SourceSettings(),
        network="refused",
    )

    assert (found.artifact, found.resolved) == (ARTIFACT, None)
