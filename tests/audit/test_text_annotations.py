"""Annotations that contradict each other, or what the tool asks for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from audit_subjects import artifact_of
from audit_texts import subject_saying

from hatchway.audit.artifact import Import
from hatchway.audit.rules.txt_005_annotations import check

if TYPE_CHECKING:
    from hatchway.audit.subject import Subject

COMMAND = 'abi = "json"\ninput = { type = "object" }\n'
WRITES = '{ capability = "fs.write=/files", reason = "tidies" }'
CALLS = '{ capability = "net.http=https://example.com", reason = "looks up" }'
USES = '{ capability = "tool=other", reason = "asks" }'
UNLINK = Import(
    namespace="wasi_snapshot_preview1", name="path_unlink_file", kind="function", offset=8
)


def claiming(annotations: str, *wants: str, removes: bool = False) -> Subject:
    artifact = artifact_of()
    if removes:
        artifact = replace(artifact, imports=(UNLINK,))
    text = f"{COMMAND}annotations = {{ {annotations} }}\nrequires = [{', '.join(wants)}]"
    return subject_saying(text, artifact=artifact)


@pytest.mark.parametrize(
    ("annotations", "wants", "about"),
    [
        ("readOnlyHint = true, destructiveHint = true", (), "readOnlyHint, destructiveHint"),
        ("readOnlyHint = true, idempotentHint = false", (), "readOnlyHint, idempotentHint"),
        ("readOnlyHint = true", (CALLS, WRITES), "readOnlyHint, fs.write"),
        ("openWorldHint = false", (WRITES, CALLS), "openWorldHint"),
        ("openWorldHint = false", (USES,), "openWorldHint"),
    ],
)
def test_a_contradiction_is_found_and_both_sides_are_shown(
    annotations: str, wants: tuple[str, ...], about: str
) -> None:
    (found,) = check(claiming(annotations, *wants))

    assert found.about == f"tool: {about}"
    assert len(found.evidence) == 2
    assert all(item.kind == "manifest" for item in found.evidence)


@pytest.mark.parametrize(
    ("annotations", "wants"),
    [
        ("", (WRITES, CALLS)),
        ("readOnlyHint = true, idempotentHint = true, destructiveHint = false", (CALLS,)),
        ("readOnlyHint = false, destructiveHint = true", (WRITES,)),
        ("openWorldHint = true", (CALLS,)),
        ("openWorldHint = false", (WRITES,)),
        ("destructiveHint = false", (WRITES,)),
    ],
)
def test_annotations_that_fit_are_not(annotations: str, wants: tuple[str, ...]) -> None:
    assert list(check(claiming(annotations, *wants))) == []


def test_a_tool_that_destroys_nothing_and_can_delete_is_found() -> None:
    (found,) = check(claiming("destructiveHint = false", WRITES, removes=True))

    assert found.severity is None
    assert found.evidence[1].detail.startswith("wasi_snapshot_preview1.path_unlink_file")


def test_functions_that_delete_are_information_while_nothing_may_be_written() -> None:
    (found,) = check(claiming("destructiveHint = false", removes=True))

    assert found.severity == "info"


def test_a_tool_that_says_it_destroys_may_delete() -> None:
    assert list(check(claiming("destructiveHint = true", WRITES, removes=True))) == []


def test_each_of_several_tools_has_claims_of_its_own() -> None:
    subject = subject_saying(
        f"""
        [[tools]]
        name = "a"
        {COMMAND}
        [[tools]]
        name = "b"
        {COMMAND}
        annotations = {{ readOnlyHint = true, destructiveHint = true }}
        """
    )

    (found,) = check(subject)

    assert found.about == "tool.b: readOnlyHint, destructiveHint"
    assert found.evidence[0].field == ("tools", 1, "annotations", "readOnlyHint")
