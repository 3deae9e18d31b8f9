"""What is found about where an artifact comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from guests import wasm

from hatchway.audit.reading import read_artifact
from hatchway.audit.rules import prv_003_unpinned, prv_005_origin
from hatchway.audit.subject import Subject
from hatchway.policy.document import ToolPolicy

if TYPE_CHECKING:
    from hatchway.audit.finding import Found, Rule

DIGEST = "sha256:" + "ab" * 32


def subject(wat: str = "(module)", *, source: str | None = None, **more: Any) -> Subject:
    data = wasm(wat)
    entry = None if source is None else ToolPolicy(name="render", source=source)
    return Subject(name="render", artifact=read_artifact(data), data=data, entry=entry, **more)


def found_by(rule: Rule, looked_at: Subject) -> list[Found]:
    assert rule.check is not None
    return list(rule.check(looked_at))


@pytest.mark.parametrize(
    "source",
    [
        "oci:registry.example.com/render:latest",
        "https://example.com/render.wasm",
        "HTTPS://example.com/render.wasm",
        "npm:render@1.2.3",
        "pypi:render",
        "https://example.com/sha256/render.wasm",
        "oci:registry.example.com/render@sha256:abc",
        f"oci:registry.example.com/render@{DIGEST}0",
    ],
)
def test_a_remote_source_without_a_digest_can_change(source: str) -> None:
    (found,) = found_by(prv_003_unpinned.RULE, subject(source=source))

    assert found.about == "source"
    assert found.evidence[0].field == ("tools", "render", "source")
    assert "@sha256:" in str(found.remediation)


@pytest.mark.parametrize(
    "source",
    [
        "./render.wasm",
        "/opt/render.wasm",
        "file:render.wasm",
        f"oci:registry.example.com/render@{DIGEST}",
        f"https://example.com/render.wasm@{DIGEST}",
    ],
)
def test_a_file_or_a_digest_cannot(source: str) -> None:
    assert found_by(prv_003_unpinned.RULE, subject(source=source, is_pinned=True)) == []


def test_bytes_that_the_lockfile_does_not_have_are_not_approved() -> None:
    (found,) = found_by(prv_003_unpinned.RULE, subject(source="./a.wasm", is_pinned=False))

    assert found.about == "lockfile"
    assert found.remediation == "Look at what changed, then: hatchway add ./a.wasm --name render"


def test_without_a_policy_nothing_needs_to_be_pinned() -> None:
    assert found_by(prv_003_unpinned.RULE, subject(is_pinned=False)) == []


def test_a_hostile_source_is_spelled_out() -> None:
    (found,) = found_by(prv_003_unpinned.RULE, subject(source="oci:a\x1b[2J"))

    assert "\x1b" not in found.message + str(found.remediation) + found.evidence[0].detail


def test_the_toolchain_alone_does_not_tell_the_origin() -> None:
    looked_at = subject(
        '(module (@custom "producers" "\\01\\0cprocessed-by\\01\\05rustc\\061.86.0"))'
    )

    (found,) = found_by(prv_005_origin.RULE, looked_at)

    assert found.severity is None
    assert "missing: source, revision, licences, parts" in found.message


def test_with_source_and_revision_the_rest_is_information() -> None:
    looked_at = subject('(module (@custom "source" "https://a") (@custom "revision" "1"))')

    (found,) = found_by(prv_005_origin.RULE, looked_at)

    assert found.severity == "info"
    assert "missing: producers, licences, parts" in found.message
