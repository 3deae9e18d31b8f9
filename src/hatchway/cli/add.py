"""`hatchway add`: admit an artifact, and record what it may do."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hatchway.audit.capabilities import capabilities_of
from hatchway.audit.rules import txt_003_shadowing as shadowing
from hatchway.cli.changes import change_lines
from hatchway.cli.entry_limits import limits_of, say_limits, warn_about_limits
from hatchway.cli.options import (
    Allow,
    CompilerOption,
    IsolationOption,
    Json,
    LimitOption,
    application,
    compiler_named,
    grantable,
    isolation_named,
    limits,
    spelled_limits,
)
from hatchway.cli.output import plural, print_json, say, warn
from hatchway.cli.tool_grants import require_tools
from hatchway.core.capability import FileAccess
from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable
from hatchway.policy.cover import covering
from hatchway.policy.decide import isolation_of
from hatchway.policy.document import unsupported_reason
from hatchway.policy.grammar import TOOL_NAME
from hatchway.registry.reference import LayoutReference, PathReference
from hatchway.registry.spelling import parse_reference, place_of
from hatchway.runtime.policy_edit import Hosting
from hatchway.runtime.previous import is_same_artifact
from hatchway.runtime.project import sidecar_of
from hatchway.runtime.remembered import is_same_place
from hatchway.runtime.trusting import notices_in

if TYPE_CHECKING:
    from hatchway.audit.report import Report
    from hatchway.compose import Application
    from hatchway.core.capability import Capability
    from hatchway.core.manifest import Want
    from hatchway.policy.document import ToolPolicy
    from hatchway.provenance.lockfile import LockedTool
    from hatchway.runtime.admission import Candidate
    from hatchway.runtime.project import Project

Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE", help="What to admit: a .wasm file, or where one is published."
    ),
]
NameOption = Annotated[
    str | None, typer.Option("--name", help="What to call it; by default the file's name.")
]
Yes = Annotated[
    bool,
    typer.Option("--yes", "-y", help="Do not ask. Grants exactly what --allow spells out."),
]


Draft = Annotated[
    bool,
    typer.Option("--draft", help="Only write a first manifest beside it, to fill in."),
]
Approve = Annotated[
    list[str] | None,
    typer.Option(
        "--approve",
        metavar="DIGEST",
        help="Approve exactly the change that was shown with this digest. May be repeated.",
    ),
]

_QUIET = frozenset({"info", "low"})
"""Severities that nobody has to read before answering."""


def add(
    context: typer.Context,
    source: Source,
    name: NameOption = None,
    allow: Allow = None,
    limit: LimitOption = None,
    compiler: CompilerOption = None,
    isolation: IsolationOption = None,
    approve: Approve = None,
    *,
    yes: Yes = False,
    draft: Draft = False,
    json: Json = False,
) -> None:
    """Admit a tool: check it, show what it asks for, record policy and lock."""
    opened = application(context)
    if draft:
        _write_draft(opened, source)
        return
    wanted = grantable(allow)
    hosting = Hosting(compiler=compiler_named(compiler), isolation=isolation_named(isolation))
    limits(limit)  # refuses what is misspelt, before anything else happens
    opened.require_grantable(wanted)
    opened.project.require_in_force()
    owner = name or _name_of(source)
    if not TOOL_NAME.fullmatch(owner):
        message = f"{printable(owner)!r} cannot be a tool's name"
        raise ConfigError(message, hint="--name with letters, digits, '_' and '-' only")
    spelled = source_for(opened.project, source)
    replaced = opened.project.lock().tools.get(owner)
    say(f"checking {source} (compiling, if it is new here)")
    candidate = opened.keeper.examine(owner, spelled, hosting.compiler)
    present = opened.project.policy().tools.get(owner)
    bounds = limits_of(candidate, present, spelled_limits(limit))
    held = [] if present is None else list(present.allow)
    is_another = _is_another(candidate, present, replaced)
    offered = wanted if is_another else [*held, *wanted]
    secrets = [rule.name for rule in present.secrets] if present and is_another else []
    if is_another:
        hosting = _not_carried(hosting, present)
    report = opened.keeper.audited(
        candidate, _spelled(offered), bounds, hosting, without_secrets=secrets
    )
    _describe(candidate, offered, report)
    say_limits(bounds)
    if is_another:
        say(f"  replaces     {replaced.digest if replaced else 'what the policy names'}")
    is_watched = not yes and sys.stdin.isatty()
    _compare(opened, candidate, report, approve or [], is_watched=is_watched)
    opened.keeper.require_unblocked(report)
    _require_distinct(report, is_watched=is_watched)
    carried = _carried(owner, held, wanted, yes=yes) if is_another else held
    granted = [*carried, *wanted]
    if not yes:
        granted += _ask(candidate, granted)
    require_tools(opened, owner, granted)
    opened.require_grantable(granted)
    new = _spelled(granted)
    report = opened.keeper.keep(candidate, new, bounds, hosting, without_secrets=secrets)
    _tell(opened, candidate, report, secrets)
    if json:
        print_json(_report(candidate, new, report))
    else:
        _suggest(candidate)
        if candidate.manifest is None and candidate.surface.is_command:
            say(
                f"without a manifest it takes raw arguments; for one: hatchway add {source} --draft"
            )


def _tell(opened: Application, candidate: Candidate, report: Report, secrets: list[str]) -> None:
    """What was written down, and what somebody should know about it."""
    say(f"recorded in {opened.project.policy_file} and {opened.project.lock_file.name}")
    policy = opened.project.policy()
    say(f"it runs in a {isolation_of(policy.tools[candidate.name], policy)}")
    if secrets:
        say(f"secrets of the other artifact do not go over to it: {', '.join(secrets)}")
    for notice in notices_in(report):
        warn(notice.message)
    warn_about_limits(candidate, policy.tools[candidate.name].limits)


def _write_draft(opened: Application, source: str) -> None:
    sidecar = sidecar_of(Path(source))
    if sidecar.exists():
        message = f"there is a manifest already: {sidecar}"
        raise ConfigError(message, code="config.draft_exists", hint="edit it, or move it away")
    say(f"asking {source} what it does (in a sandbox, with nothing granted)")
    text = opened.one_off.draft(source)
    try:
        with sidecar.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        message = f"cannot write {str(sidecar)!r}: {error.strerror}"
        raise ConfigError(message, code="config.unwritable") from error
    say(f"wrote {sidecar}: fill in what is marked <--, then: hatchway add {source}")


def _name_of(source: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", Path(place_of(source)).stem).strip("-")[:64] or "tool"


def source_for(project: Project, source: str) -> str:
    """The source as the policy will spell it: relative to the policy where that is shorter.

    Raises:
        ConfigError: It is misspelt.
    """
    match parse_reference(source):
        case PathReference(path=path):
            return _from_policy(project, path)
        case LayoutReference(directory=directory) as layout:
            return str(replace(layout, directory=_from_policy(project, directory)))
        case remote:
            return str(remote)


def _from_policy(project: Project, path: str) -> str:
    absolute = Path(path).absolute()
    base = project.base.absolute()
    if not project.is_own and absolute.is_relative_to(base):
        return f"./{absolute.relative_to(base)}"
    return str(absolute)


def _is_another(
    candidate: Candidate, present: ToolPolicy | None, replaced: LockedTool | None
) -> bool:
    """Whether the policy's entry of that name was written for another artifact."""
    if replaced is not None:
        return replaced.digest != candidate.lock.digest
    return present is not None and present.source != candidate.lock.source


def _compare(
    opened: Application,
    candidate: Candidate,
    report: Report,
    approved: list[str],
    *,
    is_watched: bool,
) -> None:
    """Show how an artifact differs from the one that was approved last under its name.

    Raises:
        AdmissionError: `admission.drift`: it comes from the same place, which has something now
            that can do more or says something else, and no person has read that.
    """
    pinned = opened.project.lock().tools.get(candidate.name)
    before = pinned or opened.keeper.remembered.of(candidate.name)
    if before is None:
        return
    proposal = opened.updater.compare(before, candidate, report)
    if is_same_artifact(before, proposal.new):
        return
    for line in change_lines(proposal):
        say(line)
    if is_watched or proposal.approval in approved or proposal.drift.kind != "blocked":
        return
    if is_same_place(before, proposal.new, base=str(opened.project.base)):
        opened.keeper.require_unblocked(report)
        is_update = pinned is not None and pinned.source == proposal.new.source
        again = "read what changed, then repeat the command with"
        raise opened.updater.refuse(proposal, None if is_update else again)


def _require_distinct(report: Report, *, is_watched: bool) -> None:
    """Refuse a name that is easily taken for that of another entry, unless somebody says yes.

    Raises:
        ConfigError: Nobody is there to say it.
    """
    for finding in () if is_watched else report.standing:
        if finding.rule.id == shadowing.RULE.id and finding.about.startswith(shadowing.OF_AN_ENTRY):
            hint = "choose another --name, or add it at a terminal"
            raise ConfigError(finding.message, code="config.not_confirmed", hint=hint)


def _carried(
    name: str, held: list[Capability], wanted: list[Capability], *, yes: bool
) -> list[Capability]:
    """The grants of an artifact that go over to the one that replaces it, each confirmed.

    Raises:
        ConfigError: Nobody can be asked, and `--allow` does not spell them out. What was
            granted to one artifact must not fall to another for having the same name.
    """
    others = [capability for capability in held if covering(wanted, capability) is None]
    if others and (yes or not sys.stdin.isatty()):
        spelled = " ".join(f"--allow {capability}" for capability in others)
        powers = ", ".join(str(capability) for capability in others)
        message = f"the name {name!r} belongs to another artifact, which was granted {powers}"
        hint = f"repeat {spelled} for the new one, or revoke it, or choose another --name"
        raise ConfigError(message, code="config.not_confirmed", hint=hint)
    return [
        capability
        for capability in others
        if typer.confirm(f"grant {capability} to this one too?", default=False, err=True)
    ]


def _not_carried(hosting: Hosting, present: ToolPolicy | None) -> Hosting:
    """`hosting` for another artifact: that one ran without a kernel wall is no word about it."""
    if hosting.isolation is None and present is not None and present.isolation == "thread":
        return replace(hosting, isolation="unsaid")
    return hosting


def _spelled(capabilities: list[Capability]) -> list[str]:
    return [str(capability) for capability in capabilities]


def _describe(candidate: Candidate, granted: list[Capability], report: Report) -> None:
    """One screen: what it says it is for, what it can ask for, what it gets, what is odd."""
    lock = candidate.lock
    purpose = candidate.toolset.tools[0].manifest.purpose or "not stated"
    say(f"{candidate.name}: {lock.kind}, {lock.size} bytes, {lock.digest}")
    if candidate.manifest is not None and (candidate.manifest.name or candidate.manifest.version):
        itself = f"{candidate.manifest.name or '-'} {candidate.manifest.version or ''}"
        say(f"  says it is   {printable(itself.strip())}")
    say(f"  purpose      {printable(purpose)}")
    say(f"  tools        {', '.join(tool.name for tool in candidate.toolset.tools)}")
    for item in candidate.toolset.rejected:
        say(f"  left out     {item.name}: {item.reason}")
    if candidate.compilation.given_up is not None:
        say(f"  compiler     {candidate.compilation}")
    powers = capabilities_of(candidate.subject.artifact.imports)
    can = ", ".join(f"{name} ({len(functions)})" for name, functions in powers.items())
    say(f"  can ask for  {can or 'nothing'}")
    for want, word in _wants(candidate):
        state = "granted" if covering(granted, want.capability) else "not granted"
        reason = unsupported_reason(want.capability)
        note = f"; {reason}" if reason else ""
        asked = f"{printable(str(want.capability))} ({printable(want.reason)})"
        say(f"  {word:<12} {asked}: {state}{note}")
    say(f"  granted      {', '.join(_spelled(granted)) or 'nothing'}")
    say(f"  grade        {report.grade}, {report.score} of 100")
    for finding in report.findings:
        if finding.severity not in _QUIET:
            note = "overridden" if finding.override else finding.severity
            say(f"  odd          {finding.id} ({note}) {finding.message}")
    # What was fetched is looked at where it is kept, under its name.
    looked_at = lock.source if lock.resolved is None else candidate.name
    quiet = sum(finding.severity in _QUIET for finding in report.findings)
    if quiet:
        say(f"  noted        {plural(quiet, 'smaller thing')}: hatchway audit {looked_at} -v")


def _wants(candidate: Candidate) -> list[tuple[Want, str]]:
    """Every distinct wish of the manifest, and how strong it is."""
    seen: dict[str, tuple[Want, str]] = {}
    for tool in candidate.toolset.tools:
        for want in tool.manifest.requires:
            seen[str(want.capability)] = (want, "requires")
        for want in tool.manifest.optional:
            seen.setdefault(str(want.capability), (want, "would like"))
    return list(seen.values())


def _ask(candidate: Candidate, granted: list[Capability]) -> list[Capability]:
    """What a person grants in addition; nothing goes on without a person's yes."""
    if not sys.stdin.isatty():
        message = f"{candidate.name!r} was not confirmed"
        hint = "add --yes to grant exactly what --allow spells out"
        raise ConfigError(message, code="config.not_confirmed", hint=hint)
    extra: list[Capability] = []
    for want, word in _wants(candidate):
        if unsupported_reason(want.capability) is None and not covering(granted, want.capability):
            extra += _asked(want.capability, word)
    typer.confirm(f"admit {candidate.name}?", default=False, abort=True, err=True)
    return extra


def _asked(wanted: Capability, word: str) -> list[Capability]:
    """What a person answers to one wish; a directory is theirs to name."""
    if not isinstance(wanted, FileAccess):
        question = f"grant {printable(str(wanted))} ({word})?"
        return [wanted] if typer.confirm(question, default=False, err=True) else []
    question = f"directory for {printable(str(wanted))} ({word}; empty for none)"
    answer = typer.prompt(question, default="", show_default=False, err=True)
    return [replace(wanted, host_path=str(Path(answer).absolute()))] if answer else []


def _report(candidate: Candidate, granted: list[str], report: Report) -> dict[str, object]:
    return {
        "name": candidate.name,
        "digest": candidate.lock.digest,
        "kind": candidate.lock.kind,
        "tools": [tool.name for tool in candidate.toolset.tools],
        "grants": granted,
        "grade": report.grade,
        "findings": [
            {"id": item.id, "severity": item.severity, "message": item.message}
            for item in report.standing
        ],
        "left_out": [
            {"name": item.name, "reason": item.reason} for item in candidate.toolset.rejected
        ],
    }


def _suggest(candidate: Candidate) -> None:
    tool = candidate.toolset.tools[0]
    required = tool.input_schema.get("required", [])
    example = "{" + ", ".join(f'"{name}": …' for name in required) + "}"
    say(f"try: hatchway call {tool.name} '{example}'")
