"""Publishing artifacts and what is attached to them, and reading all of it back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from servers import Asked, FakeRegistry, Reply, Server, serving, sha256

from hatchway.core.errors import ConfigError, HatchwayError, RegistryError
from hatchway.registry.descriptors import BUNDLE, INDEX, Attachment, WasmConfig
from hatchway.registry.fetching import Fetched, fetch
from hatchway.registry.publishing import attach, push
from hatchway.registry.reference import LayoutReference, OciReference
from hatchway.registry.settings import SourceSettings
from hatchway.registry.spelling import parse_reference

if TYPE_CHECKING:
    from collections.abc import Callable

ARTIFACT = b"\0asm\x0d\0\1\0 component"
CONFIG = WasmConfig(
    os="wasip2",
    created="2026-11-22T00:00:00Z",
    imports=("wasi:cli/environment@0.2.3", "wasi:clocks/wall-clock@0.2.3"),
    exports=("acme:tool/run",),
    target="acme:tool/world",
    author="Ada",
)
SETTINGS = SourceSettings()


def parsed(text: str) -> OciReference | LayoutReference:
    reference = parse_reference(text)
    assert isinstance(reference, OciReference | LayoutReference)
    return reference


def bundle(number: int = 0) -> Attachment:
    return Attachment(media_type=BUNDLE, content=b'{"bundle": %d}' % number)


def pulled(text: str) -> Fetched:
    return fetch(text, base=Path("/"), limit_bytes=10_000, settings=SETTINGS, network="allowed")


def refusal(act: Callable[[], object]) -> HatchwayError:
    with pytest.raises((ConfigError, RegistryError)) as raised:
        act()
    return raised.value


@pytest.fixture(params=["a registry", "an old registry", "a directory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where things are published to, without a tag."""
    if request.param == "a directory":
        return f"oci-layout:{tmp_path / 'layout'}"
    registry = FakeRegistry(referrers_api=request.param == "a registry")
    server = request.getfixturevalue("_running")(registry)
    return f"oci://{server.authority}/acme/tool"


@pytest.fixture
def _running() -> object:
    import contextlib

    with contextlib.ExitStack() as stack:
        yield lambda registry: stack.enter_context(serving(registry))


def test_what_is_pushed_is_pulled(place: str) -> None:
    pushed = push(parsed(f"{place}:1"), ARTIFACT, CONFIG, settings=SETTINGS)

    fetched = pulled(f"{place}:1")

    assert fetched.artifact == ARTIFACT
    assert fetched.manifest_digest == pushed.manifest_digest
    assert fetched.resolved == pushed.resolved == f"{place}:1@{pushed.manifest_digest}"
    assert pulled(pushed.resolved) == fetched


def test_what_is_pushed_without_a_tag_is_found_by_its_digest(place: str) -> None:
    pushed = push(parsed(place), ARTIFACT, CONFIG, settings=SETTINGS)

    assert pulled(f"{place}@{pushed.manifest_digest}").artifact == ARTIFACT


def test_the_same_artifact_is_published_under_the_same_digest(place: str) -> None:
    one = push(parsed(f"{place}:1"), ARTIFACT, CONFIG, settings=SETTINGS)
    two = push(parsed(f"{place}:2"), ARTIFACT, CONFIG, settings=SETTINGS)

    assert one.manifest_digest == two.manifest_digest
    assert pulled(f"{place}:1").artifact == pulled(f"{place}:2").artifact


def test_a_tag_moves_to_what_was_pushed_last(place: str) -> None:
    first = push(parsed(f"{place}:1"), ARTIFACT, CONFIG, settings=SETTINGS)
    push(parsed(f"{place}:1"), b"\0asm\1\0\0\0", WasmConfig(os="wasip1"), settings=SETTINGS)

    assert pulled(f"{place}:1").artifact == b"\0asm\1\0\0\0"
    assert pulled(first.resolved).artifact == ARTIFACT


def test_bundles_are_attached_and_come_along_when_pulled(place: str) -> None:
    pushed = push(parsed(f"{place}:1"), ARTIFACT, CONFIG, settings=SETTINGS)
    other = push(parsed(f"{place}:2"), b"\0asm\1\0\0\0", CONFIG, settings=SETTINGS)

    for number in (0, 1, 1):
        attach(parsed(pushed.resolved), bundle(number), settings=SETTINGS)

    found = {each.content for each in pulled(f"{place}:1").attachments}
    assert found == {bundle(0).content, bundle(1).content}
    assert pulled(other.resolved).attachments == ()


def test_nothing_is_attached_to_what_is_not_there(place: str) -> None:
    push(parsed(f"{place}:1"), ARTIFACT, CONFIG, settings=SETTINGS)
    absent = parsed(f"{place}@{sha256(b'absent')}")

    error = refusal(lambda: attach(absent, bundle(), settings=SETTINGS))

    assert error.code in {"registry.not_found", "registry.missing"}


def test_a_digest_is_not_chosen_by_whoever_publishes_and_named_by_whoever_signs(
    place: str,
) -> None:
    pinned, tagged = parsed(f"{place}@{sha256(b'x')}"), parsed(f"{place}:1")

    one = refusal(lambda: push(pinned, ARTIFACT, CONFIG, settings=SETTINGS))
    two = refusal(lambda: attach(tagged, bundle(), settings=SETTINGS))

    assert one.code == two.code == "config.bad_source"


def test_the_documents_are_those_of_the_cncf_layout() -> None:
    registry = FakeRegistry()
    with serving(registry) as server:
        reference = parsed(f"oci://{server.authority}/acme/tool:1")
        annotations = {"org.opencontainers.image.title": "tool"}
        pushed = push(reference, ARTIFACT, CONFIG, settings=SETTINGS, annotations=annotations)
        attached = attach(
            parsed(pushed.resolved), bundle(), settings=SETTINGS, annotations={"a": "b"}
        )

    manifest = json.loads(registry.manifests[pushed.manifest_digest][1])
    config = json.loads(registry.blobs[manifest["config"]["digest"]])
    about = json.loads(registry.manifests[attached][1])
    assert manifest == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "annotations": annotations,
        "config": {
            "mediaType": "application/vnd.wasm.config.v0+json",
            "digest": manifest["config"]["digest"],
            "size": manifest["config"]["size"],
        },
        "layers": [
            {
                "mediaType": "application/wasm",
                "digest": sha256(ARTIFACT),
                "size": len(ARTIFACT),
            }
        ],
    }
    assert config == {
        "created": "2026-11-22T00:00:00Z",
        "author": "Ada",
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [sha256(ARTIFACT)],
        "component": {
            "imports": ["wasi:cli/environment@0.2.3", "wasi:clocks/wall-clock@0.2.3"],
            "exports": ["acme:tool/run"],
            "target": "acme:tool/world",
        },
    }
    assert about["artifactType"] == about["layers"][0]["mediaType"] == BUNDLE
    assert about["subject"]["digest"] == pushed.manifest_digest
    assert about["subject"]["size"] == len(registry.manifests[pushed.manifest_digest][1])
    assert about["annotations"] == {"a": "b"}


def test_what_is_there_is_not_sent_again() -> None:
    registry = FakeRegistry()
    with serving(registry) as server:
        reference = parsed(f"oci://{server.authority}/acme/tool:1")
        push(reference, ARTIFACT, CONFIG, settings=SETTINGS)
        before = len(server.asked)

        push(reference, ARTIFACT, CONFIG, settings=SETTINGS)

        assert [asked.method for asked in server.asked[before:]] == ["HEAD", "HEAD", "PUT"]


def test_the_manifest_comes_after_all_that_it_points_at() -> None:
    registry = FakeRegistry()
    with serving(registry) as server:
        push(parsed(f"oci://{server.authority}/acme/tool:1"), ARTIFACT, CONFIG, settings=SETTINGS)

        written = [asked.path for asked in server.asked if asked.method == "PUT"]

    assert [path.rpartition("/")[2] for path in written] == ["session", "session", "1"]


def test_others_entries_under_the_fallback_tag_stay() -> None:
    registry = FakeRegistry(referrers_api=False)
    with serving(registry) as server:
        reference = parsed(f"oci://{server.authority}/acme/tool:1")
        pushed = push(reference, ARTIFACT, CONFIG, settings=SETTINGS)
        theirs = {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": sha256(b"theirs"),
            "size": 6,
            "artifactType": "application/spdx+json",
            "annotations": {"kept": "as it was"},
        }
        tag = pushed.manifest_digest.replace(":", "-")
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [theirs]}
        registry.put(json.dumps(index).encode(), tag, INDEX)

        own = attach(parsed(pushed.resolved), bundle(), settings=SETTINGS)

    entries = json.loads(registry.manifests[registry.tags[tag]][1])["manifests"]
    assert entries[0] == theirs
    assert [entry["digest"] for entry in entries] == [theirs["digest"], own]


def test_an_entry_that_somebody_else_overwrote_is_written_again() -> None:
    registry = FakeRegistry(referrers_api=False)
    crossed: list[Asked] = []

    def crossing(asked: Asked) -> Reply | None:
        if asked.method != "PUT" or "/manifests/sha256-" not in asked.path or crossed:
            return None
        crossed.append(asked)  # ours is lost: another writer had read before us
        return Reply(status=201)

    registry.before = crossing
    with serving(registry) as server:
        reference = parsed(f"oci://{server.authority}/acme/tool:1")
        pushed = push(reference, ARTIFACT, CONFIG, settings=SETTINGS)
        attach(parsed(pushed.resolved), bundle(), settings=SETTINGS)

        assert [each.content for each in pulled(pushed.resolved).attachments] == [bundle().content]


def test_a_registry_that_never_keeps_an_entry_is_given_up() -> None:
    registry = FakeRegistry(referrers_api=False)
    registry.before = lambda asked: (
        Reply(status=201) if asked.method == "PUT" and "/manifests/sha256-" in asked.path else None
    )
    with serving(registry) as server:
        reference = parsed(f"oci://{server.authority}/acme/tool:1")
        pushed = push(reference, ARTIFACT, CONFIG, settings=SETTINGS)

        error = refusal(lambda: attach(parsed(pushed.resolved), bundle(), settings=SETTINGS))

    assert error.code == "registry.failed"
    assert "does not keep what is attached" in error.message


def test_a_full_index_under_the_fallback_tag_is_not_cut() -> None:
    registry = FakeRegistry(referrers_api=False)
    with serving(registry) as server:
        reference = parsed(f"oci://{server.authority}/acme/tool:1")
        pushed = push(reference, ARTIFACT, CONFIG, settings=SETTINGS)
        long = {"mediaType": "x", "digest": sha256(b""), "size": 0, "padding": ""}
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [long]}
        missing = (4 << 20) - len(json.dumps(index, separators=(",", ":")))
        long["padding"] = "x" * missing
        content = json.dumps(index, separators=(",", ":")).encode()
        tag = pushed.manifest_digest.replace(":", "-")
        registry.put(content, tag, INDEX)

        error = refusal(lambda: attach(parsed(pushed.resolved), bundle(), settings=SETTINGS))

    assert error.code == "registry.too_large"
    assert registry.manifests[registry.tags[tag]][1] == content


def upload_to(registry: FakeRegistry, location: str) -> None:
    registry.before = lambda asked: (
        Reply(status=202, headers={"Location": location}) if asked.method == "POST" else None
    )


def test_an_upload_that_goes_elsewhere_takes_no_credentials_along() -> None:
    registry = FakeRegistry()
    with serving(FakeRegistry()) as storage, serving(registry) as server:
        upload_to(registry, f"{storage.origin}/v2/x/blobs/uploads/1")

        push(parsed(f"oci://{server.authority}/acme/tool:1"), ARTIFACT, CONFIG, settings=SETTINGS)

    assert [asked.method for asked in storage.asked] == ["PUT", "PUT"]
    assert storage.header("authorization") == []


@pytest.mark.parametrize(
    "location", ["http://192.0.2.1/x", "ftp://e.org/", "https://a:b@e.org/", "https://e\\.org/"]
)
def test_an_upload_to_where_nothing_should_go_is_refused(location: str) -> None:
    registry = FakeRegistry()
    upload_to(registry, location)
    with serving(registry) as server:
        reference = parsed(f"oci://{server.authority}/acme/tool:1")
        error = refusal(lambda: push(reference, ARTIFACT, CONFIG, settings=SETTINGS))

    assert error.code == "registry.redirect"


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_registry_that_takes_nothing_is_said_plainly(method: str) -> None:
    registry = FakeRegistry()
    registry.before = lambda asked: Reply(status=403) if asked.method == method else None
    with serving(registry) as server:
        reference = parsed(f"oci://{server.authority}/acme/tool:1")
        error = refusal(lambda: push(reference, ARTIFACT, CONFIG, settings=SETTINGS))

    assert error.code == "registry.denied"


def test_a_registry_that_keeps_another_manifest_is_caught() -> None:
    registry = FakeRegistry()
    headers = {"Docker-Content-Digest": sha256(b"another")}
    registry.before = lambda asked: (
        Reply(status=201, headers=headers)
        if asked.method == "PUT" and "/manifests/" in asked.path
        else None
    )
    with serving(registry) as server:
        reference = parsed(f"oci://{server.authority}/acme/tool:1")
        error = refusal(lambda: push(reference, ARTIFACT, CONFIG, settings=SETTINGS))

    assert error.code == "registry.digest_mismatch"


def test_a_token_for_pushing_is_asked_for_both_rights() -> None:
    registry = FakeRegistry()

    def look(asked: Asked) -> Reply | None:
        if asked.path == "/token":
            return Reply(b'{"access_token": "t"}')
        if asked.headers.get("authorization") == "Bearer t":
            return None
        realm = f'Bearer realm="{server.origin}/token?a=1"'
        return Reply(status=401, headers={"WWW-Authenticate": realm})

    registry.before = look
    with serving(registry) as server:
        _push(server)

        (token,) = [asked for asked in server.asked if asked.path == "/token"]
    assert token.query == {"a": "1", "scope": "repository:acme/tool:pull,push"}


def _push(server: Server) -> None:
    reference = parsed(f"oci://{server.authority}/acme/tool:1")
    push(reference, ARTIFACT, WasmConfig(os="wasip2", imports=()), settings=SETTINGS)
