"""Artifacts from OCI registries that lie, change their minds, and want to see credentials."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from servers import Asked, FakeRegistry, Reply, Server, basic, serving, sha256

from hatchway.core.errors import ConfigError, HatchwayError, RegistryError
from hatchway.registry.credentials import Challenge, may_see_login
from hatchway.registry.descriptors import BUNDLE, INDEX, MANIFEST
from hatchway.registry.fetching import Fetched, fetch
from hatchway.registry.hosts import parse_url
from hatchway.registry.oci import Repository
from hatchway.registry.reference import OciReference
from hatchway.registry.settings import SourceSettings
from hatchway.registry.transport import Transport

ARTIFACT = b"\0asm\1\0\0\0 good"
EVIL = b"\0asm\1\0\0\0 evil"
LIMIT = 10_000
TAR = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
ANONYMOUS = SourceSettings()


def pull(
    server: Server, name: str = ":1", *, settings: SourceSettings = ANONYMOUS, limit: int = LIMIT
) -> Fetched:
    return fetch(
        f"oci://{server.authority}/acme/tool{name}",
        base=Path("/"),
        limit_bytes=limit,
        settings=settings,
        network="allowed",
    )


def refusal(server: Server, name: str = ":1", **more: Any) -> HatchwayError:
    with pytest.raises(HatchwayError) as raised:
        pull(server, name, **more)
    assert raised.value.message.isprintable()
    return raised.value


def layer(content: bytes, kind: str = "application/wasm", **changed: Any) -> dict[str, Any]:
    return {"mediaType": kind, "digest": sha256(content), "size": len(content), **changed}


def attached(registry: FakeRegistry, subject: str, bundle: bytes, /, **changed: Any) -> str:
    registry.blobs |= {sha256(bundle): bundle, sha256(b"{}"): b"{}"}
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": BUNDLE,
        "config": layer(b"{}", "application/vnd.oci.empty.v1+json"),
        "layers": [layer(bundle, BUNDLE)],
        "subject": {"mediaType": MANIFEST, "digest": subject, "size": 1},
    }
    return registry.put(json.dumps(manifest | changed).encode())


# What is pulled


def test_a_tag_is_pulled_and_pinned_to_what_it_was(tmp_path: Path) -> None:
    registry = FakeRegistry()
    digest = registry.publish(ARTIFACT, "1")
    with serving(registry) as server:
        fetched = pull(server)

        assert fetched.artifact == ARTIFACT
        assert fetched.manifest_digest == digest
        assert fetched.resolved == f"oci://{server.authority}/acme/tool:1@{digest}"
        assert fetched.attachments == ()
        assert pull(server, f"@{digest}").artifact == ARTIFACT


def test_without_a_tag_it_is_the_latest() -> None:
    registry = FakeRegistry()
    registry.publish(ARTIFACT, "latest")
    with serving(registry) as server:
        assert pull(server, "").artifact == ARTIFACT


def test_with_a_digest_the_tag_is_never_asked_for() -> None:
    registry = FakeRegistry()
    digest = registry.publish(ARTIFACT, "1")
    registry.publish(EVIL, "1")
    with serving(registry) as server:
        assert pull(server, f":1@{digest}").artifact == ARTIFACT

    assert not any(asked.path.endswith("/manifests/1") for asked in server.asked)


@pytest.mark.claim("sources.hashed")
def test_a_tag_that_moves_between_resolving_and_pulling_moves_nothing() -> None:
    registry = FakeRegistry()
    digest = registry.publish(ARTIFACT, "1")
    evil = registry.publish(EVIL)

    def moving(asked: Asked) -> None:
        if asked.path.endswith("/manifests/1") and len(server.asked) > 1:
            registry.tags["1"] = evil
        if "/blobs/" in asked.path:
            registry.tags["1"] = evil

    registry.before = moving
    with serving(registry) as server:
        fetched = pull(server)

    assert (fetched.artifact, fetched.manifest_digest) == (ARTIFACT, digest)
    assert sum(asked.path.endswith("/manifests/1") for asked in server.asked) == 1


@pytest.mark.parametrize("blob", ["layer", "config"])
@pytest.mark.claim("sources.hashed")
def test_a_blob_that_was_tampered_with_is_refused(blob: str) -> None:
    registry = FakeRegistry()
    digest = registry.publish(ARTIFACT, "1")
    manifest = json.loads(registry.manifests[digest][1])
    target = (manifest["layers"][0] if blob == "layer" else manifest["config"])["digest"]
    content = registry.blobs[target]
    registry.blobs[target] = bytes([content[0] ^ 1]) + content[1:]
    with serving(registry) as server:
        assert refusal(server).code == "registry.digest_mismatch"


@pytest.mark.claim("sources.hashed")
def test_another_manifest_under_a_pinned_digest_is_refused() -> None:
    registry = FakeRegistry()
    digest = registry.publish(ARTIFACT)
    registry.manifests[digest] = registry.manifests[registry.publish(EVIL)]
    with serving(registry) as server:
        assert refusal(server, f"@{digest}").code == "registry.digest_mismatch"


@pytest.mark.parametrize("size", [0, len(ARTIFACT) - 1, len(ARTIFACT) + 1])
def test_a_size_that_is_a_lie_is_refused(size: int) -> None:
    registry = FakeRegistry()
    registry.publish(ARTIFACT, "1", layers=[layer(ARTIFACT, size=size)])
    with serving(registry) as server:
        assert refusal(server).code in {"registry.malformed", "registry.too_large"}


def test_what_is_larger_than_the_limit_is_not_even_asked_for() -> None:
    registry = FakeRegistry()
    registry.publish(ARTIFACT, "1")
    with serving(registry) as server:
        error = refusal(server, limit=len(ARTIFACT) - 1)

    assert error.code == "registry.too_large"
    assert not any(sha256(ARTIFACT) in asked.path for asked in server.asked)


def test_a_manifest_without_an_end_is_refused() -> None:
    registry = FakeRegistry()
    registry.put(b" " * (1 << 20) + b"{}", "1")
    with serving(registry) as server:
        assert refusal(server).code == "registry.too_large"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"layers": [layer(EVIL), layer(ARTIFACT)]}, "registry.unsupported"),
        ({"layers": []}, "registry.unsupported"),
        ({"layers": "x"}, "registry.malformed"),
        ({"layers": [layer(ARTIFACT, TAR)]}, "registry.unsupported"),
        ({"layers": [layer(ARTIFACT, digest=f"sha512:{'0' * 128}")]}, "registry.malformed"),
        ({"layers": [layer(ARTIFACT, digest=sha256(ARTIFACT).upper())]}, "registry.malformed"),
        ({"layers": [layer(ARTIFACT, size=-1)]}, "registry.malformed"),
        ({"layers": [layer(ARTIFACT, size=True)]}, "registry.malformed"),
        ({"layers": [layer(ARTIFACT, size="9")]}, "registry.malformed"),
        ({"layers": ["x"]}, "registry.malformed"),
        ({"layers": [{"digest": sha256(ARTIFACT), "size": 1}]}, "registry.malformed"),
        ({"config": None}, "registry.malformed"),
        ({"config": layer(b"", "application/vnd.wasm.config.v1+json")}, "registry.unsupported"),
        ({"schemaVersion": 1}, "registry.malformed"),
        ({"mediaType": DOCKER}, "registry.malformed"),
        ({"mediaType": 7}, "registry.malformed"),
        ({"layers": [layer(EVIL)]}, "registry.malformed"),
    ],
)  # fmt: skip
def test_a_manifest_of_another_kind_is_refused(changed: dict[str, Any], code: str) -> None:
    registry = FakeRegistry()
    registry.publish(ARTIFACT, "1", **changed)
    registry.blobs |= {sha256(b""): b"", sha256(EVIL): EVIL}
    with serving(registry) as server:
        assert refusal(server).code == code


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"{", b'{"a":1,"a":2}', b"[" * 100_000, b"\xff", b"1" * 5000]
)
def test_a_manifest_that_is_no_json_object_is_refused(document: bytes) -> None:
    registry = FakeRegistry()
    registry.put(document, "1")
    with serving(registry) as server:
        assert refusal(server).code == "registry.malformed"


def test_a_container_image_is_told_apart_with_what_to_do_instead() -> None:
    registry = FakeRegistry()
    kind = DOCKER
    registry.publish(ARTIFACT, "1", mediaType=kind)
    digest = registry.tags["1"]
    registry.manifests[digest] = (kind, registry.manifests[digest][1])
    with serving(registry) as server:
        error = refusal(server)

    assert error.code == "registry.unsupported"
    assert "is a container image" in error.message
    assert error.hint is not None
    assert "application/wasm" in error.hint


@pytest.mark.parametrize(
    "config",
    [
        {"architecture": "amd64", "layerDigests": [sha256(ARTIFACT)]},
        {"architecture": "wasm", "layerDigests": [sha256(EVIL)]},
        {"architecture": "wasm", "layerDigests": [sha256(ARTIFACT), sha256(EVIL)]},
        {"architecture": "wasm"},
        {},
    ],
)
def test_a_configuration_of_another_artifact_is_refused(config: dict[str, Any]) -> None:
    registry = FakeRegistry()
    content = json.dumps(config).encode()
    registry.publish(ARTIFACT, "1", config=layer(content, "application/vnd.wasm.config.v0+json"))
    registry.blobs[sha256(content)] = content
    with serving(registry) as server:
        assert refusal(server).code == "registry.malformed"


def test_what_is_not_there_is_missed() -> None:
    with serving(FakeRegistry()) as server:
        assert refusal(server).code == "registry.not_found"


def test_a_missing_blob_is_missed() -> None:
    registry = FakeRegistry()
    registry.publish(ARTIFACT, "1")
    del registry.blobs[sha256(ARTIFACT)]
    with serving(registry) as server:
        assert refusal(server).code == "registry.not_found"


# Indexes


def entry(digest: str, kind: str = MANIFEST, **more: Any) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest, "size": 1, **more}


def index_of(registry: FakeRegistry, *entries: object) -> str:
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(entries)}
    return registry.put(json.dumps(document).encode(), "1", INDEX)


def test_an_index_with_one_wasm_manifest_is_followed_to_it() -> None:
    registry = FakeRegistry()
    digest = registry.publish(ARTIFACT)
    other = entry(registry.publish(EVIL), platform={"architecture": "amd64", "os": "linux"})
    index_of(registry, other, entry(digest, platform={"architecture": "wasm", "os": "wasip1"}))
    with serving(registry) as server:
        fetched = pull(server)

    assert (fetched.artifact, fetched.manifest_digest) == (ARTIFACT, digest)
    assert fetched.resolved == f"oci://{server.authority}/acme/tool:1@{digest}"


def test_an_index_with_several_or_no_wasm_manifests_is_not_chosen_from() -> None:
    registry = FakeRegistry()
    wasm = {"architecture": "wasm"}
    one = entry(registry.publish(ARTIFACT), platform=wasm)
    with serving(registry) as server:
        for entries in ([], [one, entry(registry.publish(EVIL), platform=wasm)]):
            index_of(registry, *entries)

            assert refusal(server).code == "registry.unsupported"


def test_an_index_in_an_index_is_not_followed() -> None:
    registry = FakeRegistry()
    inner = index_of(registry)
    index_of(registry, entry(inner, artifactType="application/vnd.wasm.config.v0+json"))
    with serving(registry) as server:
        assert refusal(server).code == "registry.unsupported"


def test_an_index_whose_manifest_was_swapped_is_refused() -> None:
    registry = FakeRegistry()
    digest = registry.publish(ARTIFACT)
    index_of(registry, entry(digest, platform={"architecture": "wasm"}))
    registry.manifests[digest] = registry.manifests[registry.publish(EVIL)]
    with serving(registry) as server:
        assert refusal(server).code == "registry.digest_mismatch"


def test_an_index_of_more_entries_than_anybody_reads_is_refused() -> None:
    registry = FakeRegistry()
    index_of(registry, *({} for _ in range(10_001)))
    with serving(registry) as server:
        assert refusal(server).code == "registry.malformed"


# Attachments


def test_attachments_come_with_the_artifact_by_the_referrers_api() -> None:
    registry = FakeRegistry()
    digest = registry.publish(ARTIFACT, "1")
    attached(registry, digest, b"a bundle")
    attached(registry, sha256(b"something else"), b"of another")
    with serving(registry) as server:
        fetched = pull(server)

    assert [(each.media_type, each.content) for each in fetched.attachments] == [
        (BUNDLE, b"a bundle")
    ]


@pytest.mark.parametrize("status", [404, 405, 200])
def test_attachments_are_found_under_the_fallback_tag_of_older_registries(status: int) -> None:
    registry = FakeRegistry(referrers_api=False)
    registry.before = lambda asked: (
        Reply(b"<html>", status) if "/referrers/" in asked.path else None
    )
    digest = registry.publish(ARTIFACT, "1")
    bundle = attached(registry, digest, b"a bundle")
    other = attached(registry, digest, b"other", artifactType="text/plain")
    entries = [entry(bundle, artifactType=BUNDLE), entry(other, artifactType="text/plain")]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*entries, entries[0]]}
    registry.put(json.dumps(index).encode(), digest.replace(":", "-"), INDEX)
    with serving(registry) as server:
        assert [each.content for each in pull(server).attachments] == [b"a bundle"]


def test_an_attachment_that_is_about_something_else_is_refused() -> None:
    registry = FakeRegistry(referrers_api=False)
    digest = registry.publish(ARTIFACT, "1")
    bundle = attached(registry, sha256(b"something else"), b"a bundle")
    index = {"schemaVersion": 2, "manifests": [entry(bundle, artifactType=BUNDLE)]}
    registry.put(json.dumps(index).encode(), digest.replace(":", "-"), INDEX)
    with serving(registry) as server:
        assert refusal(server).code == "registry.malformed"


@pytest.mark.parametrize(
    "changed",
    [
        {"layers": []},
        {"layers": [layer(b"a bundle", "text/plain")]},
        {"layers": [layer(b"a bundle", BUNDLE)] * 2},
        {"subject": None},
        {"layers": [layer(b"another bundle", BUNDLE, size=8)]},
    ],
)
def test_an_attachment_that_is_not_one_bundle_is_refused(changed: dict[str, Any]) -> None:
    registry = FakeRegistry(referrers_api=False)
    registry.blobs[sha256(b"another bundle")] = b"a bundle"
    digest = registry.publish(ARTIFACT, "1")
    bundle = attached(registry, digest, b"a bundle", **changed)
    index = {"schemaVersion": 2, "manifests": [entry(bundle, artifactType=BUNDLE)]}
    registry.put(json.dumps(index).encode(), digest.replace(":", "-"), INDEX)
    with serving(registry) as server:
        assert refusal(server).code in {"registry.malformed", "registry.digest_mismatch"}


def test_a_flood_of_attachments_is_refused_and_not_read() -> None:
    registry = FakeRegistry()
    digest = registry.publish(ARTIFACT, "1")
    for number in range(33):
        attached(registry, digest, b"%d" % number)
    with serving(registry) as server:
        error = refusal(server)

    assert error.code == "registry.too_large"
    assert "more than 32 attachments" in error.message


def test_an_attachment_that_is_too_large_is_refused() -> None:
    registry = FakeRegistry()
    digest = registry.publish(ARTIFACT, "1")
    attached(registry, digest, b"x" * ((1 << 20) + 1))
    with serving(registry) as server:
        assert refusal(server).code == "registry.too_large"


def paged(registry: FakeRegistry, link: str) -> None:
    """The first page is empty and leads on."""
    empty = json.dumps({"schemaVersion": 2, "manifests": []}).encode()

    def first(asked: Asked) -> Reply | None:
        if "/referrers/" not in asked.path or "page" in asked.query:
            return None
        return Reply(empty, headers={"Content-Type": INDEX, "Link": link})

    registry.before = first


def test_a_list_of_several_pages_is_read_to_its_end() -> None:
    registry = FakeRegistry()
    digest = registry.publish(ARTIFACT, "1")
    attached(registry, digest, b"a bundle")
    paged(registry, f'</v2/acme/tool/referrers/{digest}?page=2>; rel="next"')
    with serving(registry) as server:
        assert [each.content for each in pull(server).attachments] == [b"a bundle"]


def test_a_list_without_an_end_is_given_up() -> None:
    registry = FakeRegistry()
    digest = registry.publish(ARTIFACT, "1")
    paged(registry, f"</v2/acme/tool/referrers/{digest}>; rel=next")
    with serving(registry) as server:
        assert refusal(server).code == "registry.too_large"


@pytest.mark.parametrize("link", ['<https://e.org/x>; rel="next"', '<http://e.org/>; rel="next"'])
def test_a_list_that_goes_on_elsewhere_is_not_followed(link: str) -> None:
    registry = FakeRegistry()
    registry.publish(ARTIFACT, "1")
    paged(registry, link)
    with serving(registry) as server:
        assert refusal(server).code == "registry.redirect"


def test_a_list_that_cannot_be_had_is_not_an_empty_one() -> None:
    registry = FakeRegistry()
    registry.publish(ARTIFACT, "1")
    registry.before = lambda asked: Reply(status=500) if "/referrers/" in asked.path else None
    with serving(registry) as server:
        assert refusal(server).code == "registry.failed"


# Credentials

TOKEN = "a.token-of/ours="  # noqa: S105 - of a server in this file


def docker_config(directory: Path, **auths: str) -> SourceSettings:
    file = directory / "config.json"
    encoded = {
        host: {"auth": base64.b64encode(login.encode()).decode()} for host, login in auths.items()
    }
    file.write_text(json.dumps({"auths": encoded, "credsStore": "must-never-run"}))
    return SourceSettings(docker_config=file)


def guarded(registry: FakeRegistry, challenge: str, header: str = f"Bearer {TOKEN}") -> None:
    """Only whoever shows `header` gets anything."""

    def look(asked: Asked) -> Reply | None:
        if asked.path == "/token" or asked.headers.get("authorization") == header:
            return None if asked.path != "/token" else Reply(json.dumps({"token": TOKEN}).encode())
        return Reply(status=401, headers={"WWW-Authenticate": challenge})

    registry.before = look


def test_an_anonymous_token_is_obtained_once_and_asked_for_no_more_than_pulling() -> None:
    registry = FakeRegistry()
    registry.publish(ARTIFACT, "1")
    with serving(registry) as server:
        guarded(registry, f'Bearer realm="{server.origin}/token",service="us",scope="everything"')

        assert pull(server).artifact == ARTIFACT

    (token,) = [asked for asked in server.asked if asked.path == "/token"]
    assert token.query == {"service": "us", "scope": "repository:acme/tool:pull"}
    assert "authorization" not in token.headers


def test_the_login_of_docker_is_shown_to_the_registry_it_is_for(tmp_path: Path) -> None:
    registry = FakeRegistry()
    registry.publish(ARTIFACT, "1")
    with serving(registry) as server:
        guarded(registry, f'Bearer realm="{server.origin}/token"')
        settings = docker_config(tmp_path, **{server.authority: "ada:love:lace"})

        assert pull(server, settings=settings).artifact == ARTIFACT

    (token,) = [asked for asked in server.asked if asked.path == "/token"]
    assert token.headers["authorization"] == basic("ada", "love:lace")


def test_a_registry_with_plain_logins_works_as_well(tmp_path: Path) -> None:
    registry = FakeRegistry()
    registry.publish(ARTIFACT, "1")
    guarded(registry, 'Basic realm="us"', basic("ada", "lovelace"))
    with serving(registry) as server:
        settings = docker_config(tmp_path, **{f"http://{server.authority}/v2/": "ada:lovelace"})

        assert pull(server, settings=settings).artifact == ARTIFACT
        assert refusal(server).code == "registry.denied"


@pytest.mark.claim("sources.credentials")
def test_a_registry_cannot_have_the_login_sent_to_another_host(tmp_path: Path) -> None:
    registry = FakeRegistry()
    registry.publish(ARTIFACT, "1")
    with (
        serving(lambda _: Reply(json.dumps({"token": TOKEN}).encode())) as thief,
        serving(registry) as server,
    ):
        guarded(registry, f'Bearer realm="{thief.origin}/token"')
        settings = docker_config(
            tmp_path, **{server.authority: "ada:lovelace", thief.authority: "ada:other"}
        )

        assert pull(server, settings=settings).artifact == ARTIFACT

    assert len(thief.asked) == 1
    assert thief.header("authorization") == []


@pytest.mark.claim("sources.credentials")
def test_a_token_service_that_redirects_takes_no_login_along(tmp_path: Path) -> None:
    registry = FakeRegistry()
    registry.publish(ARTIFACT, "1")
    with (
        serving(lambda _: Reply(json.dumps({"token": TOKEN}).encode())) as thief,
        serving(registry) as server,
    ):
        guarded(registry, f'Bearer realm="{server.origin}/leave"')
        look = registry.before
        registry.before = lambda asked: (
            Reply(status=302, headers={"Location": f"{thief.origin}/"})
            if asked.path == "/leave"
            else look(asked)
        )
        settings = docker_config(tmp_path, **{server.authority: "ada:lovelace"})

        pull(server, settings=settings)

    assert thief.header("authorization") == []


@pytest.mark.claim("sources.credentials")
def test_a_blob_that_lies_elsewhere_is_fetched_without_the_token() -> None:
    registry = FakeRegistry()
    registry.publish(ARTIFACT, "1")
    with (
        serving(lambda asked: Reply(registry.blobs[asked.path[1:]])) as storage,
        serving(registry) as server,
    ):
        guarded(registry, f'Bearer realm="{server.origin}/token"')
        look = registry.before
        registry.before = lambda asked: (
            look(asked)
            or (
                Reply(
                    status=307,
                    headers={"Location": f"{storage.origin}/{asked.path.rpartition('/')[2]}"},
                )
                if "/blobs/" in asked.path
                else None
            )
        )

        assert pull(server).artifact == ARTIFACT

    assert len(storage.asked) == 2
    assert storage.header("authorization") == []


def test_another_host_cannot_ask_for_our_login_after_a_redirect(tmp_path: Path) -> None:
    registry = FakeRegistry()
    registry.publish(ARTIFACT, "1")
    challenge = {"WWW-Authenticate": "Basic realm=x"}
    with (
        serving(lambda _: Reply(status=401, headers=challenge)) as thief,
        serving(registry) as server,
    ):
        registry.before = lambda asked: (
            Reply(status=307, headers={"Location": f"{thief.origin}/"})
            if "/blobs/" in asked.path
            else None
        )
        settings = docker_config(tmp_path, **{server.authority: "ada:lovelace"})

        assert refusal(server, settings=settings).code == "registry.denied"

    assert server.header("authorization") == thief.header("authorization") == []


@pytest.mark.parametrize(
    "challenge",
    [
        "", "Bearer", 'Bearer service="x"', "Negotiate abc", 'Bearer realm="http://192.0.2.1/t"',
        'Bearer realm="ftp://e.org/"', 'Bearer realm="https://user:pass@e.org/"',
        'Bearer realm="' + "a" * 5000 + '"', 'Bearer realm="https://e\\"x/"',
    ],
)  # fmt: skip
def test_a_challenge_that_cannot_be_answered_is_refused(challenge: str) -> None:
    registry = FakeRegistry()
    registry.publish(ARTIFACT, "1")
    guarded(registry, challenge)
    with serving(registry) as server:
        assert refusal(server).code == "registry.denied"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"{}", "registry.denied"),
        (b'{"token": ""}', "registry.denied"),
        (b'{"token": 7}', "registry.denied"),
        (b'{"token": "a\\r\\nX-Evil: 1"}', "registry.denied"),
        (b'{"token": "' + b"a" * 40_000 + b'"}', "registry.denied"),
        (b"[]", "registry.malformed"),
        (b" " * 70_000, "registry.too_large"),
    ],
)
def test_a_token_that_is_none_is_refused(answer: bytes, code: str) -> None:
    registry = FakeRegistry()
    registry.publish(ARTIFACT, "1")
    with serving(registry) as server:
        guarded(registry, f'Bearer realm="{server.origin}/token"')
        look = registry.before
        registry.before = lambda asked: Reply(answer) if asked.path == "/token" else look(asked)

        assert refusal(server).code == code


def test_a_token_that_does_not_help_is_not_obtained_twice() -> None:
    registry = FakeRegistry()
    with serving(registry) as server:
        guarded(registry, f'Bearer realm="{server.origin}/token"', "never right")

        assert refusal(server).code == "registry.denied"

    assert sum(asked.path == "/token" for asked in server.asked) == 1


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"auths": {"HOST": {"auth": "!"}}}', '{"auths": {"HOST": {"auth": "YQ=="}}}'],
)
def test_a_damaged_docker_configuration_is_said_plainly(text: str, tmp_path: Path) -> None:
    registry = FakeRegistry()
    guarded(registry, "Basic realm=x")
    with serving(registry) as server:
        file = tmp_path / "config.json"
        file.write_text(text.replace("HOST", server.authority))

        error = refusal(server, settings=SourceSettings(docker_config=file))

    assert isinstance(error, ConfigError)
    assert error.code == "config.syntax"


@pytest.mark.parametrize(
    "text",
    ["{}", '{"auths": []}', '{"auths": {"HOST": {}}}', '{"auths": {"HOST": {"auth": ""}}}',
     '{"auths": {"HOST": 7}}', '{"auths": {"other.example": {"auth": "YTpi"}}}'],
)  # fmt: skip
def test_a_docker_configuration_without_a_login_means_nobody(text: str, tmp_path: Path) -> None:
    registry = FakeRegistry()
    guarded(registry, "Basic realm=x")
    with serving(registry) as server:
        file = tmp_path / "config.json"
        file.write_text(text.replace("HOST", server.authority))

        assert refusal(server, settings=SourceSettings(docker_config=file)).code == (
            "registry.denied"
        )
        assert server.header("authorization") == []


def test_a_docker_configuration_that_cannot_be_read_is_said_plainly(tmp_path: Path) -> None:
    registry = FakeRegistry()
    guarded(registry, "Basic realm=x")
    with serving(registry) as server:
        error = refusal(server, settings=SourceSettings(docker_config=tmp_path))

    assert error.code == "config.unreadable"


def test_where_no_network_may_be_used_nobody_is_asked() -> None:
    with serving(FakeRegistry()) as server, pytest.raises(RegistryError) as raised:
        fetch(
            f"oci://{server.authority}/acme/tool:1",
            base=Path("/"),
            limit_bytes=LIMIT,
            settings=ANONYMOUS,
            network="refused",
        )

    assert raised.value.code == "registry.network_refused"
    assert server.asked == []


def test_a_registry_elsewhere_cannot_have_its_tokens_made_on_this_machine() -> None:
    reference = OciReference(registry="registry.example", repository="acme/tool")
    with Transport(ANONYMOUS) as transport:
        repository = Repository(reference, transport, ANONYMOUS)

        with pytest.raises(ValueError, match="made on this machine"):
            repository._token(Challenge(scheme="bearer", realm="http://127.0.0.1:1/token"))


@pytest.mark.parametrize(
    ("realm", "registry", "expected"),
    [
        ("https://ghcr.io/token", "https://ghcr.io/", True),
        ("https://ghcr.io:8443/token", "https://ghcr.io/", False),
        ("https://auth.docker.io/token", "https://registry-1.docker.io/", True),
        ("https://auth.docker.io/token", "https://evil.example/", False),
        ("https://gitlab.com/jwt/auth", "https://registry.gitlab.com/", True),
        ("https://ghcr.io/token", "https://evil.example/", False),
        ("https://evil.example/token", "https://ghcr.io/", False),
    ],
)
def test_only_known_token_services_see_a_login_besides_the_registry_itself(
    realm: str, registry: str, expected: bool
) -> None:
    assert may_see_login(parse_url(realm), parse_url(registry)) is expected
