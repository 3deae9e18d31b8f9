"""What a person reads in a terminal: whether to worry, about what, and what to do."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from hatchway.audit.artifact import Artifact, Import
from hatchway.audit.finding import AXES, Evidence, Finding, Rule
from hatchway.audit.grade import NOTHING_KNOWN
from hatchway.audit.places import Places
from hatchway.audit.report import Report
from hatchway.audit.subject import Subject
from hatchway.audit.text import WIDTH, explain_text, report_text, summary_text
from hatchway.core.surface import Surface
from hatchway.policy.overrides import Override

if TYPE_CHECKING:
    from hatchway.audit.finding import Severity

DIGEST = "sha256:" + "9c5ce17655c9a000" * 4
UNDECLARED = Rule(
    id="HW-CAP-001",
    title="Asks for what it does not declare",
    severity="high",
    confidence="high",
    axis="capabilities",
    detects="Imports of the binary, function by function, with what the manifest\nrequires.\n\n"
    "* Types without functions ask for nothing.\n"
    "* Functions that every language's runtime imports are HW-CAP-006, because they say nothing "
    "about what the program is for.",
    why="A reader of documents that opens sockets can send them away.",
    remediation="Declare the capability with a reason, or build without it.",
    cwe=(250, 272),
    owasp=("MCP02",),
    check=lambda _: (),
    limits="Whether an imported function is ever called.",
)
SECRET = replace(
    UNDECLARED, id="HW-SEC-001", title="Carries a key", severity="critical", axis="secrets"
)
ORDINARY = replace(UNDECLARED, id="HW-CAP-006", title="Ordinary imports", severity="info")
OPEN = replace(UNDECLARED, id="HW-POL-003", title="Much fuel", severity="medium", axis="isolation")
REUSED = replace(
    UNDECLARED,
    id="HW-POL-010",
    title="Instance reused",
    check=None,
    impossible="Every call has an instance of its own.",
    cwe=(),
    owasp=(),
    limits="",
)

PLACES = Places(
    tool="pdf",
    artifact_file="tools/pdf.wasm",
    manifest_file="tools/pdf.tool.toml",
    manifest_lines={("annotations", "openWorldHint"): 12},
    policy_file="hatchway.toml",
    policy_lines={("tools", "pdf"): 3},
)


def found(rule: Rule, about: str, *evidence: Evidence, message: str | None = None) -> Finding:
    return Finding(
        rule=rule,
        tool="pdf",
        message=message or f"It {about}",
        about=about,
        severity=rule.severity,
        confidence=rule.confidence,
        evidence=evidence or (Evidence(kind="binary", detail="somewhere", offset=16),),
        remediation=rule.remediation,
    )


def report(*findings: Finding, grade: str = "A", score: int = 100) -> Report:
    return Report(
        tool="pdf",
        digest=DIGEST,
        kind="component",
        grade=grade,  # type: ignore[arg-type]  # a letter
        score=score,
        blocked=any(item.severity == "critical" and not item.override for item in findings),
        axes={**dict.fromkeys(AXES, 100), "capabilities": score},
        findings=findings,
        rules="1",
    )


def subject(*imports: Import) -> Subject:
    artifact = Artifact(
        kind="component",
        digest=DIGEST,
        size=41_230,
        imports=imports,
        type_only=(),
        exports=(),
        surface=Surface(kind="component", imports=(), is_command=False),
        modules=(),
        components=0,
        depth=0,
        customs=(),
        producers=(),
        runs_at_start=False,
        features=frozenset(),
    )
    return Subject(name="pdf", artifact=artifact, data=b"")


def imported(namespace: str, name: str) -> Import:
    return Import(namespace=namespace, name=name, kind="function", offset=450, is_component=True)


def text(expected: str) -> list[str]:
    return expected.strip("\n").split("\n")


CONNECT = Evidence(
    kind="import",
    detail="wasi:sockets/tcp@0.2.3#[method]tcp-socket.start-connect",
    offset=450,
)


def test_a_clean_artifact_needs_no_decision() -> None:
    lines = report_text(report(), PLACES, subject())

    assert lines == text("""
pdf: grade A, score 100
Nothing here asks for a decision.
tools/pdf.wasm
component, 41230 bytes, sha256:9c5ce17655c9a0009c5ce17655c9a0009c5ce17655c9a0009c5ce17655c9a000

capabilities  100 A  ####################  what it can ask for, against what it says it is for
isolation     100 A  ####################  what the policy lets it touch and use
provenance    100 A  ####################  where it comes from
secrets       100 A  ####################  what it carries that should be kept
text          100 A  ####################  what a model is told
format        100 A  ####################  how the artifact is made

can ask for  nothing
""")


def test_findings_come_with_their_place_and_what_to_do() -> None:
    message = (
        "It can open TCP connections, and its manifest asks for no network: "
        "2 functions of wasi:sockets are imported that nothing declares"
    )
    hint = Evidence(kind="manifest", detail="false", field=("annotations", "openWorldHint"))
    grant = Evidence(kind="policy", detail="fuel = 10", field=("tools", "pdf", "limits", "fuel"))
    findings = (
        found(UNDECLARED, "sockets", CONNECT, hint, message=message),
        found(UNDECLARED, "reads files"),
        found(OPEN, "may use much", grant),
        found(ORDINARY, "imports a clock"),
        found(ORDINARY, "imports randomness"),
    )

    lines = report_text(
        report(*findings, grade="F", score=50),
        PLACES,
        subject(
            imported("wasi:sockets/tcp@0.2.3", "[method]tcp-socket.start-connect"),
            imported("wasi:clocks/wall-clock@0.2.3", "now"),
            imported("wasi:clocks/wall-clock@0.2.3", "resolution"),
        ),
    )

    assert lines == text("""
pdf: grade F, score 50
Read what is high before you grant it anything. (2 high, 1 medium, 2 info)
tools/pdf.wasm
component, 41230 bytes, sha256:9c5ce17655c9a0009c5ce17655c9a0009c5ce17655c9a0009c5ce17655c9a000

capabilities   50 F  ##########..........  what it can ask for, against what it says it is for
isolation     100 A  ####################  what the policy lets it touch and use
provenance    100 A  ####################  where it comes from
secrets       100 A  ####################  what it carries that should be kept
text          100 A  ####################  what a model is told
format        100 A  ####################  how the artifact is made

can ask for  net.socket (1 function), clock.wall (2 functions)

HIGH      HW-CAP-001:ea47cf8b1ac81e35  It can open TCP connections, and its manifest asks for no
          network: 2 functions of wasi:sockets are imported that nothing declares
          import at byte 0x1c2: wasi:sockets/tcp@0.2.3#[method]tcp-socket.start-connect
          tools/pdf.tool.toml:12 annotations.openWorldHint: false
          fix: Declare the capability with a reason, or build without it.
          why: hatchway audit --explain HW-CAP-001

HIGH      HW-CAP-001:a3a379173c26f4c8  It reads files
          binary at byte 0x10: somewhere
          fix: Declare the capability with a reason, or build without it.

MEDIUM    HW-POL-003:bef4478667854c6e  It may use much
          hatchway.toml:3 tools.pdf.limits.fuel: fuel = 10
          fix: Declare the capability with a reason, or build without it.
          why: hatchway audit --explain HW-POL-003

2 findings of severity info not shown (--verbose)
""")


def test_everything_is_shown_when_everything_is_wanted() -> None:
    many = tuple(Evidence(kind="import", detail=f"env.f{number}") for number in range(7))
    finding = found(ORDINARY, "imports much", *many)

    short = report_text(report(found(OPEN, "asks", *many)), PLACES, None)
    long = report_text(report(finding), PLACES, None, verbose=True)

    assert "          and 2 more (--verbose)" in short
    assert "          import: env.f5" not in short
    assert long[-10:] == text("""
INFO      HW-CAP-006:c9e53d7c6f69dd19  It imports much
          import: env.f0
          import: env.f1
          import: env.f2
          import: env.f3
          import: env.f4
          import: env.f5
          import: env.f6
          fix: Declare the capability with a reason, or build without it.
          why: hatchway audit --explain HW-CAP-006
""")


def test_what_blocks_is_said_first() -> None:
    lines = report_text(
        report(found(SECRET, "carries a key"), grade="F", score=39), PLACES, subject()
    )

    assert lines[:2] == text("""
pdf: grade F, score 39, blocked
It is not admitted: fix what is critical, or override it by its id with a reason. (1 critical)
""")


def test_of_an_unreadable_artifact_nothing_is_claimed() -> None:
    unreadable = replace(
        report(found(SECRET, "ends too early", Evidence(kind="binary", detail="cut"))),
        kind=None,
        grade=NOTHING_KNOWN.letter,
        score=NOTHING_KNOWN.score,
        axes=NOTHING_KNOWN.axes,
    )

    lines = report_text(unreadable, PLACES, None)

    assert lines == text("""
pdf: grade F, score 0, blocked
It cannot be read strictly, so nothing is known about it and it is never admitted. (1 critical)
tools/pdf.wasm
not readable, sha256:9c5ce17655c9a0009c5ce17655c9a0009c5ce17655c9a0009c5ce17655c9a000

capabilities    0 F  ....................  what it can ask for, against what it says it is for
isolation       0 F  ....................  what the policy lets it touch and use
provenance      0 F  ....................  where it comes from
secrets         0 F  ....................  what it carries that should be kept
text            0 F  ....................  what a model is told
format          0 F  ....................  how the artifact is made

CRITICAL  HW-SEC-001:123cc281001bff94  It ends too early
          binary: cut
          fix: Declare the capability with a reason, or build without it.
          why: hatchway audit --explain HW-SEC-001
""")


def test_what_somebody_lives_with_is_always_shown_with_reason_and_day() -> None:
    decision = Override(
        finding="HW-SEC-001:0000000000000000",
        reason="a published test key",
        until=date(2027, 1, 31),
    )
    lived_with = (
        replace(found(SECRET, "carries a key"), override=decision),
        replace(found(ORDINARY, "imports a clock"), override=decision),
    )
    decided = replace(
        report(*lived_with),
        expired=(replace(decision, finding="HW-POL-003:1111111111111111", until=date(2026, 1, 1)),),
        too_long=(
            replace(decision, finding="HW-POL-003:2222222222222222", until=date(2099, 1, 1)),
        ),
        unmatched=(replace(decision, finding="HW-POL-003:3333333333333333", reason="typed " * 20),),
    )

    lines = report_text(decided, PLACES, None)

    assert lines[1] == "Nothing here asks for a decision. (2 overridden)"
    assert lines[12:] == text("""
CRITICAL  HW-SEC-001:fc26bfaa34e4f498  overridden until 2027-01-31: a published test key
          It carries a key

INFO      HW-CAP-006:ed6c0aa7fa8ad323  overridden until 2027-01-31: a published test key
          It imports a clock

override  HW-POL-003:1111111111111111  expired (until 2026-01-01): a published test key

override  HW-POL-003:2222222222222222  reaches too far ahead (until 2099-01-01): a published test
          key

override  HW-POL-003:3333333333333333  matches nothing that can be overridden (until 2027-01-31):
          typed typed typed typed typed typed typed typed typed typed typed typed typed typed typed
          typed typed typed typed typed
""")


def test_several_tools_are_summed_up_the_worst_first() -> None:
    audited = [
        (report(found(ORDINARY, "a")), replace(PLACES, artifact_file="c.wasm")),
        (
            report(found(UNDECLARED, "a"), found(OPEN, "b"), grade="C", score=75),
            replace(PLACES, artifact_file="b.wasm"),
        ),
        (
            replace(report(found(SECRET, "a"), grade="F", score=39), tool="a\x1b[2Jb"),
            replace(PLACES, artifact_file="a.wasm"),
        ),
        (report(), replace(PLACES, artifact_file="d/" + "long-" * 10 + ".wasm")),
    ]

    assert summary_text(audited) == text(r"""
4 artifacts: 1 blocked, 1 high, 2 neither

grade  worst       critical      high    medium       low      info  tool
F      HW-SEC-001         1         0         0         0         0  a\x1b[2Jb (a.wasm)
C      HW-CAP-001         0         1         1         0         0  pdf (b.wasm)
A      HW-CAP-006         0         0         0         0         1  pdf (c.wasm)
A      -                  0         0         0         0         0  pdf
                                                                     (d/long-long-long-long-long-lon
                                                                     g-long-long-long-long-.wasm)
""")


def test_a_rule_says_what_it_compares_and_why_and_what_to_do() -> None:
    assert explain_text(UNDECLARED) == text("""
HW-CAP-001  Asks for what it does not declare
high at most, confidence high, lowers capabilities
CWE-250, CWE-272, MCP02

What is compared
  Imports of the binary, function by function, with what the manifest requires.

  * Types without functions ask for nothing.
  * Functions that every language's runtime imports are HW-CAP-006, because they say nothing about
    what the program is for.

Why it matters
  A reader of documents that opens sockets can send them away.

What to do
  Declare the capability with a reason, or build without it.

What it cannot see
  Whether an imported function is ever called.
""")


def test_a_rule_without_a_check_says_why_it_needs_none() -> None:
    lines = explain_text(REUSED)

    assert lines[2] == ""
    assert lines[-2:] == text("""
Why it cannot occur here
  Every call has an instance of its own.
""")


severities = st.sampled_from(["info", "low", "medium", "high", "critical"])
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
anything = st.text(max_size=300)
fields = st.lists(st.one_of(st.text(max_size=50), st.integers(0, 9)), max_size=5).map(tuple)
evidence = st.builds(
    Evidence,
    kind=st.sampled_from(["binary", "import", "manifest", "policy", "text", "engine"]),
    detail=anything,
    offset=st.none() | st.integers(0, 1 << 40),
    field=st.none() | fields,
)


@given(anything, anything, severities, st.lists(evidence, max_size=8), st.booleans())
def test_nothing_an_artifact_chose_leaves_its_line(
    name: str, words: str, severity: Severity, items: list[Evidence], verbose: bool
) -> None:
    finding = replace(
        found(OPEN, words, *items, message=words), severity=severity, remediation=words
    )
    places = replace(PLACES, artifact_file=name, manifest_file=name)
    decided = replace(report(finding), tool=name)

    lines = report_text(decided, places, subject(imported(name, words)), verbose=verbose)
    lines += summary_text([(decided, places)])

    assert all(len(line) <= WIDTH for line in lines)
    assert not {unicodedata.category(character) for line in lines for character in line} & HIDDEN
