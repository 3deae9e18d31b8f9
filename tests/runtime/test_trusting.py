"""The stored signatures of an artifact against a trust policy, at admission and at a load."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from guests import command, wasm
from private_sigstore import IDENTITY, ISSUER, PrivateSigstore
from trusting import Publisher, own_policy, rule, write_own
from workbench import ECHO_JSON, ECHO_MANIFEST, Workbench, workbench

from hatchway.audit.evaluate import malformed_report
from hatchway.audit.finding import Found
from hatchway.audit.rules import bin_001_malformed
from hatchway.core.errors import AdmissionError, ConfigError
from hatchway.policy.manifest import parse_manifest_toml
from hatchway.provenance.keyless import KeylessVerifier
from hatchway.provenance.lockfile import LockedTool, Lockfile
from hatchway.registry.descriptors import BUNDLE, Attachment
from hatchway.registry.store import ArtifactStore, digest_of
from hatchway.runtime.trusting import Judged, Trusting, bundles_beside, notices_in, require_trusted
from hatchway.sdk.packing import packed

if TYPE_CHECKING:
    from pathlib import Path

VENDOR = Publisher()
TODAY = datetime.now(tz=UTC).date()


def tool() -> bytes:
    return packed(wasm(ECHO_JSON), parse_manifest_toml(ECHO_MANIFEST, file="tool.toml"))


def signature_of(data: bytes, publisher: Publisher = VENDOR) -> Attachment:
    return Attachment(media_type=BUNDLE, content=publisher.bundle(data))


def published(directory: Path, *attachments: Attachment) -> str:
    """An OCI layout that holds the tool with what is attached to it; its reference."""
    ArtifactStore(directory).put(tool(), attachments=attachments)
    return f"oci-layout:{directory}"


# Where signatures are found


def test_signatures_lie_beside_a_file_under_two_names(tmp_path: Path) -> None:
    file = tmp_path / "a.wasm"
    (tmp_path / "a.wasm.sigstore.json").write_bytes(b"1")
    (tmp_path / "a.sigstore.json").write_bytes(b"2")
    (tmp_path / "b.sigstore.json").write_bytes(b"3")

    found = bundles_beside(file)

    assert [item.content for item in found] == [b"1", b"2"]
    assert bundles_beside(file / "not" / "there.wasm") == ()


def test_a_signature_that_cannot_be_read_is_said_aloud(tmp_path: Path) -> None:
    (tmp_path / "a.sigstore.json").write_bytes(b"x" * ((1 << 20) + 1))

    with pytest.raises(ConfigError, match=r"cannot read the signature 'a.sigstore.json'"):
        bundles_beside(tmp_path / "a.wasm")


@pytest.mark.claim("trust.signed")
def test_a_signature_that_is_attached_in_a_registry_counts(tmp_path: Path) -> None:
    source = published(tmp_path / "mirror", signature_of(tool()))
    write_own(rule(f"oci-layout:{tmp_path}/*", VENDOR.signer()))
    bench = workbench(tmp_path)

    bench.application.keeper.admit("say", source, [])

    assert list(bench.runtime().catalog.entries) == ["say"]
    assert bench.application.project.lock().tools["say"].signers == (VENDOR.name,)


@pytest.mark.claim("trust.signed")
@pytest.mark.parametrize(
    "attachments",
    [(), (signature_of(tool(), Publisher()),), (signature_of(b"other bytes"),)],
    ids=["none", "another's", "over other bytes"],
)
def test_what_a_registry_attaches_is_not_believed(
    tmp_path: Path, attachments: tuple[Attachment, ...]
) -> None:
    source = published(tmp_path / "mirror", *attachments)
    write_own(rule("*", VENDOR.signer()))

    with pytest.raises(AdmissionError) as caught:
        workbench(tmp_path).application.keeper.admit("say", source, [])

    assert caught.value.code == "admission.untrusted"


@pytest.mark.claim("trust.signed")
def test_a_signature_under_another_media_type_is_none(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    write_own(rule("*", VENDOR.signer()))
    bundle = VENDOR.bundle(tool())
    bench.application.store.put(
        tool(), attachments=(Attachment(media_type="application/json", content=bundle),)
    )
    file = tmp_path / "say.wasm"
    file.write_bytes(tool())

    with pytest.raises(AdmissionError, match="it carries no signature"):
        bench.application.keeper.admit("say", str(file), [])


def test_an_identity_that_nobody_can_check_here_is_no_signature(tmp_path: Path) -> None:
    file = tmp_path / "say.wasm"
    file.write_bytes(tool())
    VENDOR.sign(file)
    write_own(rule("*", '{ identity = "ada@example.com", issuer = "https://issuer.example" }'))

    with pytest.raises(AdmissionError, match="1 signature by somebody else"):
        workbench(tmp_path).application.keeper.admit("say", str(file), [])


@pytest.mark.claim("trust.signed")
@pytest.mark.parametrize(
    ("identity", "issuer", "failures"),
    [
        (IDENTITY, ISSUER, []),
        (f"{IDENTITY}x", ISSUER, ["say"]),
        (IDENTITY, f"{ISSUER}.evil.example", ["say"]),
        (ISSUER, IDENTITY.replace("@", "/"), ["say"]),
    ],
    ids=["the right one", "another identity", "another issuer", "the other way round"],
)
def test_an_identity_counts_only_with_its_issuer(
    tmp_path: Path, identity: str, issuer: str, failures: list[str]
) -> None:
    sigstore = PrivateSigstore()
    file = tmp_path / "say.wasm"
    file.write_bytes(tool())
    (tmp_path / "say.sigstore.json").write_text(json.dumps(sigstore.sign(tool())))
    bench = workbench(tmp_path)
    bench.application.keeper.admit("say", str(file), [])
    write_own(rule("*", f'{{ identity = "{identity}", issuer = "{issuer}" }}'))
    project = bench.application.project

    trusting = Trusting(
        store=bench.application.store,
        today=lambda: TODAY,
        keyless=KeylessVerifier(sigstore.trust_root),
    )
    found = trusting.judged(project.policy(), project.lock())

    assert [*found.failures] == failures


# At a load


def signed_tool(bench: Workbench) -> None:
    file = bench.directory / "say.wasm"
    file.write_bytes(tool())
    VENDOR.sign(file)
    bench.application.keeper.admit("say", str(file), [])


def judged(bench: Workbench) -> Judged:
    project = bench.application.project
    return bench.application.trusting.judged(project.policy(), project.lock())


def test_a_policy_that_asks_nothing_reads_nothing(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    signed_tool(bench)

    (bench.application.directories.artifacts / "index.json").write_text("damaged")

    assert judged(bench) == Judged()


def test_what_was_never_admitted_or_comes_from_elsewhere_is_not_judged(tmp_path: Path) -> None:
    write_own(rule("*", VENDOR.signer()))
    bench = workbench(tmp_path)
    signed_tool(bench)
    text = own_policy().read_text().replace("say.wasm", "other.wasm")
    own_policy().write_text(f'{text}\n[tools.new]\nsource = "/new.wasm"\n')

    assert judged(bench) == Judged()


@pytest.mark.claim("trust.every-load")
@pytest.mark.parametrize("what", ["index.json", "the artifact"])
def test_a_store_that_was_changed_stops_the_tool(tmp_path: Path, what: str) -> None:
    write_own(rule("*", VENDOR.signer()))
    bench = workbench(tmp_path)
    signed_tool(bench)
    store = bench.application.directories.artifacts
    digest = bench.application.project.lock().tools["say"].digest.removeprefix("sha256:")
    file = store / (what if what.endswith("json") else f"blobs/sha256/{digest}")

    file.write_bytes(b"damaged")

    assert list(judged(bench).failures) == ["say"]
    assert bench.runtime().catalog.entries == {}


@pytest.mark.claim("trust.signed")
@pytest.mark.parametrize("inside", [b"not JSON", b"[" * 5000, b"[]", b'{"a": 1}'])
def test_a_lockfile_cannot_bring_a_manifest_for_one_that_is_damaged_inside(
    tmp_path: Path, inside: bytes
) -> None:
    content = b"\x08hatchway" + inside
    length = bytes([len(content) & 0x7F | 0x80, len(content) >> 7])
    data = wasm(ECHO_JSON) + b"\0" + length + content
    write_own(rule("*", VENDOR.signer()) + '[tools.say]\nsource = "say.wasm"\n')
    bench = workbench(tmp_path)
    digest = bench.application.store.put(data, attachments=(signature_of(data),))
    pin = LockedTool(
        source="say.wasm",
        digest=digest,
        size=len(data),
        kind="module",
        imports=(),
        tools={},
        manifest=dict(parse_manifest_toml(ECHO_MANIFEST, file="x").source),
    )

    policy = bench.application.project.policy()
    found = bench.application.trusting.judged(policy, Lockfile(tools={"say": pin}))

    assert "with a manifest that is not the one inside it" in found.failures["say"].message


def test_there_is_nothing_to_notice_where_nobody_looked() -> None:
    report = malformed_report(
        "say",
        digest_of(b""),
        rule=bin_001_malformed.RULE,
        found=Found(message="", about="", evidence=()),
    )

    assert notices_in(report) == ()
    require_trusted(report)


def test_a_grant_that_is_given_later_is_judged_too(tmp_path: Path) -> None:
    write_own(rule("*", VENDOR.signer()))
    bench = workbench(tmp_path)
    signed_tool(bench)
    write_own(rule("*", Publisher().signer()))

    edit = bench.application.project.proposal()
    edit.set_allowed("say", ["clock"])

    with pytest.raises(AdmissionError):
        bench.application.keeper.approve(edit, "say")

    assert bench.application.project.policy().tools["say"].allow == ()


def test_a_program_without_a_manifest_needs_none_inside(tmp_path: Path) -> None:
    write_own(rule("*", VENDOR.signer()))
    bench = workbench(tmp_path)
    file = bench.write("plain", command("(nop)"))
    VENDOR.sign(file)

    bench.application.keeper.admit("plain", str(file), [])

    assert judged(bench) == Judged()


@pytest.mark.claim("trust.every-load")
def test_today_is_asked_for_every_time(tmp_path: Path) -> None:
    write_own(rule("*", VENDOR.signer(TODAY + timedelta(days=1))))
    bench = workbench(tmp_path)
    signed_tool(bench)
    project, trusting = bench.application.project, bench.application.trusting
    day = [TODAY]

    later = Trusting(store=trusting.store, today=lambda: day[0])
    failures = []
    for day[0] in (TODAY, TODAY + timedelta(days=1), TODAY + timedelta(days=2), date.max):
        failures.append([*later.judged(project.policy(), project.lock()).failures])

    assert failures == [[], [], ["say"], ["say"]]
