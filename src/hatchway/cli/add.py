"""`hatchway add`: admit an artifact, and record what it may do."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hatchway.cli.options import (
    Allow,
    Json,
    LimitOption,
    application,
    grantable,
    limits,
    spelled_limits,
)
from hatchway.cli.output import plural, print_json, say, warn
from hatchway.core.capability import FileAccess
from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable
from hatchway.policy.cover import covering
from hatchway.policy.document import unsupported_reason
from hatchway.policy.grammar import TOOL_NAME
from hatchway.runtime.catalog import require_memory
from hatchway.runtime.project import sidecar_of

if TYPE_CHECKING:
    from hatchway.compose import Application
    from hatchway.core.capability import Capability
    from hatchway.core.limits import Limits
    from hatchway.core.manifest import Want
    from hatchway.policy.document import ToolPolicy
    from hatchway.provenance.lockfile import LockedTool
    from hatchway.runtime.admission import Admitted
    from hatchway.runtime.project import Project

Source = Annotated[str, typer.Argument(metavar="SOURCE", help="The .wasm file to admit.")]
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


def add(
    context: typer.Context,
    source: Source,
    name: NameOption = None,
    allow: Allow = None,
    limit: LimitOption = None,
    yes: Yes = False,
    draft: Draft = False,
    json: Json = False,
) -> None:
    """Admit a tool: check it, show what it asks for, record policy and lock."""
    opened = application(context)
    if draft:
        _write_draft(opened, source)
        return
    wanted, bounds = grantable(allow), spelled_limits(limit)
    limits(limit)  # refuses what is misspelt, before anything else happens
    opened.require_grantable(wanted)
    opened.project.require_in_force()
    owner = name or _name_of(source)
    if not TOOL_NAME.fullmatch(owner):
        message = f"{printable(owner)!r} cannot be a tool's name"
        raise ConfigError(message, hint="--name with letters, digits, '_' and '-' only")
    spelled = _source_for(opened.project, source)
    replaced = opened.project.lock().tools.get(owner)
    say(f"checking {source} (compiling, if it is new here)")
    admitted = opened.examine(owner, spelled)
    present = opened.project.policy().tools.get(owner)
    held = [] if present is None else list(present.allow)
    if is_another := _is_another(admitted, present, replaced):
        _describe(admitted, wanted)
        say(f"  replaces     {replaced.digest if replaced else 'what the policy names'}")
    else:
        _describe(admitted, [*held, *wanted])
    carried = _carried(owner, held, wanted, yes=yes) if is_another else held
    granted = [*carried, *wanted]
    if not yes:
        granted += _ask(admitted, granted)
    opened.require_grantable(granted)
    new = [str(capability) for capability in granted]
    opened.keep(admitted, new, bounds)
    say(f"recorded in {opened.project.policy_file} and {opened.project.lock_file.name}")
    _warn_about_limits(admitted, opened.project.policy().tools[owner].limits)
    if json:
        print_json(_report(admitted, new))
    else:
        _suggest(admitted)
        if admitted.manifest is None and admitted.surface.is_command:
            say(
                f"without a manifest it takes raw arguments; for one: hatchway add {source} --draft"
            )


def _write_draft(opened: Application, source: str) -> None:
    sidecar = sidecar_of(Path(source))
    if sidecar.exists():
        message = f"there is a manifest already: {sidecar}"
        raise ConfigError(message, code="config.draft_exists", hint="edit it, or move it away")
    say(f"asking {source} what it does (in a sandbox, with nothing granted)")
    text = opened.draft(source)
    try:
        with sidecar.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        message = f"cannot write {str(sidecar)!r}: {error.strerror}"
        raise ConfigError(message, code="config.unwritable") from error
    say(f"wrote {sidecar}: fill in what is marked <--, then: hatchway add {source}")


def _name_of(source: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", Path(source).stem).strip("-")[:64] or "tool"


def _source_for(project: Project, source: str) -> str:
    """The source as the policy will spell it: relative to the policy where that is shorter."""
    if re.match(r"[a-z]{2,}:", source):
        return source  # not a path
    absolute = Path(source).absolute()
    base = project.base.absolute()
    if not project.is_own and absolute.is_relative_to(base):
        return f"./{absolute.relative_to(base)}"
    return str(absolute)


def _is_another(
    admitted: Admitted, present: ToolPolicy | None, replaced: LockedTool | None
) -> bool:
    """Whether the policy's entry of that name was written for another artifact."""
    if replaced is not None:
        return replaced.digest != admitted.lock.digest
    return present is not None and present.source != admitted.lock.source


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


def _describe(admitted: Admitted, granted: list[Capability]) -> None:
    lock = admitted.lock
    purpose = admitted.toolset.tools[0].manifest.purpose or "not stated"
    say(f"{admitted.name}: {lock.kind}, {lock.size} bytes, {lock.digest}")
    if admitted.manifest is not None and (admitted.manifest.name or admitted.manifest.version):
        itself = f"{admitted.manifest.name or '-'} {admitted.manifest.version or ''}"
        say(f"  says it is   {printable(itself.strip())}")
    say(f"  purpose      {printable(purpose)}")
    say(f"  tools        {', '.join(tool.name for tool in admitted.toolset.tools)}")
    for item in admitted.toolset.rejected:
        say(f"  left out     {item.name}: {item.reason}")
    say(f"  can ask for  {plural(len(lock.imports), 'host function')}")
    for want, word in _wants(admitted):
        state = "granted" if covering(granted, want.capability) else "not granted"
        reason = unsupported_reason(want.capability)
        note = f"; {reason}" if reason else ""
        asked = f"{printable(str(want.capability))} ({printable(want.reason)})"
        say(f"  {word:<12} {asked}: {state}{note}")
    allowed = ", ".join(str(capability) for capability in granted)
    say(f"  granted      {allowed or 'nothing'}")


def _wants(admitted: Admitted) -> list[tuple[Want, str]]:
    """Every distinct wish of the manifest, and how strong it is."""
    seen: dict[str, tuple[Want, str]] = {}
    for tool in admitted.toolset.tools:
        for want in tool.manifest.requires:
            seen[str(want.capability)] = (want, "requires")
        for want in tool.manifest.optional:
            seen.setdefault(str(want.capability), (want, "would like"))
    return list(seen.values())


def _ask(admitted: Admitted, granted: list[Capability]) -> list[Capability]:
    """What a person grants in addition; nothing goes on without a person's yes."""
    if not sys.stdin.isatty():
        message = f"{admitted.name!r} was not confirmed"
        hint = "add --yes to grant exactly what --allow spells out"
        raise ConfigError(message, code="config.not_confirmed", hint=hint)
    extra: list[Capability] = []
    for want, word in _wants(admitted):
        if unsupported_reason(want.capability) is None and not covering(granted, want.capability):
            extra += _asked(want.capability, word)
    typer.confirm(f"admit {admitted.name}?", default=False, abort=True, err=True)
    return extra


def _asked(wanted: Capability, word: str) -> list[Capability]:
    """What a person answers to one wish; a directory is theirs to name."""
    if not isinstance(wanted, FileAccess):
        question = f"grant {printable(str(wanted))} ({word})?"
        return [wanted] if typer.confirm(question, default=False, err=True) else []
    question = f"directory for {printable(str(wanted))} ({word}; empty for none)"
    answer = typer.prompt(question, default="", show_default=False, err=True)
    return [replace(wanted, host_path=str(Path(answer).absolute()))] if answer else []


def _warn_about_limits(admitted: Admitted, bounds: Limits) -> None:
    tools = admitted.toolset.tools
    if not bounds.scratch_bytes and any(tool.manifest.uses_workspace for tool in tools):
        again = f"hatchway add {admitted.lock.source} --name {admitted.name}"
        warn(f"it works on files, and has no scratch space: {again} --limit scratch=16MiB")
    try:
        require_memory(admitted.name, admitted.surface, bounds)
    except ConfigError as error:
        warn(f"{error.message}; write {error.hint} into the policy")


def _report(admitted: Admitted, granted: list[str]) -> dict[str, object]:
    return {
        "name": admitted.name,
        "digest": admitted.lock.digest,
        "kind": admitted.lock.kind,
        "tools": [tool.name for tool in admitted.toolset.tools],
        "grants": granted,
        "left_out": [
            {"name": item.name, "reason": item.reason} for item in admitted.toolset.rejected
        ],
    }


def _suggest(admitted: Admitted) -> None:
    tool = admitted.toolset.tools[0]
    required = tool.input_schema.get("required", [])
    example = "{" + ", ".join(f'"{name}": …' for name in required) + "}"
    say(f"try: hatchway call {tool.name} '{example}'")
