"""HW-CAP-001: serious functions that no manifest declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.capabilities import FAMILIES, HOST
from hatchway.audit.claims import (
    declaration,
    every_want,
    import_evidence,
    runs_code,
    served_by,
    sockets_granted,
    uses,
    uses_workspace,
)
from hatchway.audit.finding import Found, Rule
from hatchway.core.capability import FileAccess
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatchway.audit.capabilities import Family, Use
    from hatchway.audit.finding import Evidence
    from hatchway.audit.subject import Subject

_POWER: dict[Family, str] = {
    "files": "open files of the host",
    "http": "send HTTP requests",
    "sockets": "use sockets or look up host names",
    "threads": "start threads",
    "tools": "call other tools",
    "hosts": "call functions of a foreign host",
}


def check(subject: Subject) -> Iterable[Found]:
    """One finding for each undeclared family, and one for undeclared writing."""
    found = [use for use in uses(subject) if use.certainty == "does"]
    declared = _declared(subject)
    for family in FAMILIES:
        behind = [use for use in found if use.family == family]
        if not behind or family in declared:
            continue
        if family == "sockets" and subject.manifest is not None and runs_code(subject):
            yield _of_a_language(subject, behind)
        else:
            yield _undeclared(subject, family, behind)
    if "files" in declared:
        yield from _writing(subject, [use for use in found if use.capability == "fs.write"])


def _declared(subject: Subject) -> set[str]:
    names = {name for capability, _ in every_want(subject) for name in served_by(capability)}
    families = {family for family, members in FAMILIES.items() if names & set(members)}
    families |= {"files"} if uses_workspace(subject) else set()
    return families | ({"tools"} if runs_code(subject) else set())


def _undeclared(subject: Subject, family: Family, behind: list[Use]) -> Found:
    return Found(
        message=f"It can ask to {_POWER[family]}, and {_who_is_silent(subject)}.",
        about=family,
        evidence=import_evidence(behind),
        remediation=_remediation(subject, behind),
    )


def _of_a_language(subject: Subject, behind: list[Use]) -> Found:
    """What the code will use is the code's to say: the grants are what holds."""
    grants = sockets_granted(subject)
    if grants:
        return Found(
            message="The language that it runs has sockets, and whatever code runs may use them.",
            about="sockets",
            evidence=(*import_evidence(behind), *grants),
            remediation="Grant net.http instead, or run such code under an entry of its own.",
            severity="medium",
        )
    return Found(
        message="The language that it runs has sockets; code that uses them is denied.",
        about="sockets",
        evidence=import_evidence(behind),
        remediation="Nothing to do while no net.socket and no net.dns is granted.",
        severity="low",
    )


def _who_is_silent(subject: Subject) -> str:
    if subject.manifest is not None:
        return "its manifest does not say so"
    if subject.manifest_values is not None:
        return "its manifest cannot be understood"
    return "no manifest says what for"


def _remediation(subject: Subject, behind: list[Use]) -> str:
    line = declaration(subject, behind)
    if line is None:
        return (
            f"No manifest can declare this ({HOST}… and threads are never granted): use a build "
            "that imports WASI functions only."
        )
    if subject.manifest is not None:
        return f"In tool.toml: {line}, or remove the code that imports these functions."
    if subject.manifest_values is not None:
        return f"Correct the manifest, then declare what it needs: {line}"
    return f"Write a manifest (`hatchway add FILE --draft`) and declare what it needs: {line}"


def _writing(subject: Subject, writing: list[Use]) -> Iterable[Found]:
    """Functions that only write, beside a manifest that only wants to read."""
    files: list[tuple[FileAccess, Evidence]] = [
        (capability, evidence)
        for capability, evidence in every_want(subject)
        if isinstance(capability, FileAccess)
    ]
    may_write = any(capability.access == "write" for capability, _ in files)
    if not writing or may_write or uses_workspace(subject):
        return
    wanted, place = files[0]
    yield Found(
        message="It can change files, and its manifest declares only that it reads them.",
        about="fs.write",
        evidence=(*import_evidence(writing), place),
        remediation=(
            "Grant fs.read only, so that writing fails; or, if it must write, declare it in "
            f'tool.toml: {{ capability = "{_spelled_for_writing(wanted)}", reason = "…" }}'
        ),
        severity="medium",
    )


def _spelled_for_writing(wanted: FileAccess) -> str:
    writable = FileAccess(access="write", guest_path=wanted.guest_path)
    return printable(str(writable))


RULE = Rule(
    id="HW-CAP-001",
    title="Undeclared capability",
    severity="high",
    confidence="high",
    axis="capabilities",
    detects=(
        "The functions that the binary imports are compared with what the manifest requires or "
        "lists as optional: files, HTTP, sockets and host names, threads, other tools, functions "
        "of foreign hosts. One finding for each kind. Files are also declared by a workspace "
        "mapping (`files`, or a `result` with a file), and other tools by the interface of an "
        "interpreter (`hatchway:exec/code`), which has no names for them. Else without a manifest "
        "nothing is declared. Sockets of an interpreter with a manifest are low while the policy "
        "grants none, and medium when it does: no manifest can say which the code will ask for. "
        "Writing beside declared reading is medium, and only when a function that does nothing "
        "else proves it. What every language runtime imports never counts."
    ),
    why=(
        "A converter that also brings sockets is either careless or something else than it says. "
        "Somebody who reads only the manifest would grant it without knowing."
    ),
    remediation="Declare in the manifest what the tool needs, and remove what it does not need.",
    cwe=(250, 272),
    owasp=("MCP02",),
    rubric=(1,),
    check=check,
    limits=(
        "An import is a possibility: nobody can tell from it whether the function is ever called. "
        "Declaring is not permission; without a grant every one of these functions is denied."
    ),
)
