"""`hatchway.toml`: what the operator allows, as a value."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast, get_args

from hatchway.core.capability import (
    Capability,
    EnvironmentVariable,
    FileAccess,
    HttpAccess,
    SocketAccess,
)
from hatchway.core.egress import EgressLimits, FlowRule, Route
from hatchway.core.errors import ConfigError
from hatchway.core.isolation import Isolation
from hatchway.core.limits import FOUR_GIBIBYTES, KIBIBYTE, MEBIBYTE, Limits
from hatchway.core.surface import Compiler
from hatchway.core.untrusted import printable, shown
from hatchway.policy.grammar import TOOL_NAME, parse_capability
from hatchway.policy.network import egress_limits_in, flow_in, route_in
from hatchway.policy.overrides import Override, overrides_in
from hatchway.policy.ranges import Range, limits_in
from hatchway.policy.reading import Table, read_toml
from hatchway.policy.secrets import SecretCommands, SecretRule, secrets_in
from hatchway.policy.trust import NOTHING_ASKED, Trust
from hatchway.policy.trust_document import trust_in
from hatchway.policy.units import parse_bytes, parse_count, parse_seconds
from hatchway.policy.workers import Workers, workers_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.core.egress import BoundSecret

VERSION = 1
FILE_NAME = "hatchway.toml"

LOCAL_TENANT = "local"

_TOP = (
    *("version", "compiler", "isolation", "workers", "trust", "egress", "flow", "serve", "tools"),
)
_OF_A_TOOL = (
    *("source", "allow", "secrets", "limits", "egress", "compiler", "isolation", "overrides"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolPolicy:
    """What the operator allows one tool.

    Attributes:
        name: The key under `[tools]`.
        source: Where the artifact came from.
        allow: What a call may touch.
        allow_lines: The line of each entry of `allow`, for explanations.
        limits: What a call may consume.
        secrets: What the broker puts into its requests.
        egress: What its requests may consume.
        compiler: The only one whose code may run; None leaves it to the host.
        isolation: Where its guests run; None leaves it to its grants.
        overrides: Findings of the audit that somebody decided to live with.
    """

    name: str
    source: str
    allow: tuple[Capability, ...] = ()
    allow_lines: tuple[int | None, ...] = ()
    limits: Limits = field(default_factory=Limits)
    secrets: tuple[SecretRule, ...] = ()
    egress: EgressLimits = field(default_factory=EgressLimits)
    compiler: Compiler | None = None
    isolation: Isolation | None = None
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything one tenant's operator allows.

    Attributes:
        tenant: The only tenant it speaks for.
        tools: By name. A tool that is not here may not be called.
        compiler: The compiler of tools that name none; None leaves it to the host.
        isolation: Where guests of tools run that name none; None leaves it to their grants.
        workers: What worker processes must have and may use.
        trust: Who must have signed what; by default nothing is asked.
        route: How the broker gets to the world.
        flow: What a call may still reach after a private read; None where no such rule is
            switched on.
        has_discovery: Clients are shown what finds tools, instead of every tool.
        host_environment: The host's values of the variables that some entry inherits.
        directories: The host's directories that some entry grants, opened and checked.
        secrets: The values of the entries' secrets, by the name of the entry.
        file: The document it was read from.
    """

    tenant: str = LOCAL_TENANT
    tools: Mapping[str, ToolPolicy] = field(default_factory=dict)
    compiler: Compiler | None = None
    isolation: Isolation | None = None
    workers: Workers = field(default_factory=Workers)
    trust: Trust = NOTHING_ASKED
    route: Route = field(default_factory=Route)
    flow: FlowRule | None = None
    has_discovery: bool = False
    host_environment: Mapping[str, str] = field(default_factory=dict)
    directories: Mapping[FileAccess, int] = field(default_factory=dict)
    secrets: Mapping[str, tuple[BoundSecret, ...]] = field(default_factory=dict)
    file: str = FILE_NAME

    def compiler_of(self, name: str) -> Compiler | None:
        """The pinned compiler of the entry `name`, whether there is one yet or not."""
        entry = self.tools.get(name)
        return self.compiler if entry is None else entry.compiler


def unsupported_reason(capability: Capability) -> str | None:
    """Why this version cannot grant `capability`, or None when it can."""
    match capability:
        case SocketAccess(host=host) if host.startswith("*."):
            # A name below a wildcard can spell anything, and asking for it carries it out.
            return "raw sockets and name look-ups are granted for one exact host, not a wildcard"
        case _:
            return None


def parse_policy(text: str, *, file: str, base: str, commands: SecretCommands = "refuse") -> Policy:
    """The policy that `text` states.

    Args:
        text: The TOML document.
        file: Its name, for complaints.
        base: The absolute directory its relative paths start from.
        commands: Whether its secrets may come from commands.

    Raises:
        ConfigError: With file, line and the nearest valid key.
    """
    root = read_toml(text, file=file)
    root.only(*_TOP)
    version = root.parsed("version", parse_count, 0)
    if version != VERSION:
        message = f"expected 'version = {VERSION}', got {shown(version, limit=30)}"
        raise root.error(message, "version", code="config.version")
    compiler, isolation = _compiler(root, None), _isolation(root, None)
    tools = root.table("tools")
    entries: dict[str, ToolPolicy] = {}
    for name in tools:
        if not TOOL_NAME.fullmatch(name):
            message = (
                f"{printable(name)!r} is not a tool's name: letters, digits, '_', '-'; 64 at most"
            )
            raise tools.error(message, name)
        entries[name] = _tool(name, tools.table(name), base, commands, compiler, isolation)
    return Policy(
        tools=entries,
        compiler=compiler,
        isolation=isolation,
        workers=workers_in(root),
        trust=trust_in(root, base=base),
        route=route_in(root, base=base),
        flow=flow_in(root),
        has_discovery=_discovery(root),
        file=file,
    )


def _discovery(root: Table) -> bool:
    """Whether clients are shown three tools that find and run the others, instead of all."""
    table = root.table("serve")
    table.only("discovery")
    return table.flag("discovery") is True


def _tool(
    name: str,
    table: Table,
    base: str,
    commands: SecretCommands,
    compiler: Compiler | None,
    isolation: Isolation | None,
) -> ToolPolicy:
    table.only(*_OF_A_TOOL)
    source = table.text("source", limit=4096)
    if not source:
        message = f"[tools.{name}] needs a source"
        raise table.error(message, "source", hint='source = "./tool.wasm"')
    allow = tuple(
        _allowed(table, index, text, base) for index, text in enumerate(table.texts("allow"))
    )
    _refuse_contradictions(table, name, allow)
    place = _isolation(table, isolation)
    _refuse_sockets_in_a_thread(table, name, allow, place)
    return ToolPolicy(
        name=name,
        source=source,
        allow=allow,
        allow_lines=tuple(table.line("allow", index) for index in range(len(allow))),
        limits=limits_in(table.table("limits"), LIMIT_KEYS, Limits()),
        secrets=secrets_in(table, allow, base=base, commands=commands),
        egress=egress_limits_in(table),
        compiler=_compiler(table, compiler),
        isolation=place,
        overrides=overrides_in(table),
    )


def _refuse_sockets_in_a_thread(
    table: Table, name: str, allow: tuple[Capability, ...], place: Isolation | None
) -> None:
    """A raw socket is for guests behind a second wall."""
    for index, capability in enumerate(allow):
        if isinstance(capability, SocketAccess) and place == "thread":
            message = f"{str(capability)!r} needs a worker, and [tools.{name}] runs in a thread"
            revoke = shlex.quote(str(capability))
            hint = f'isolation = "worker", or: hatchway revoke {name} {revoke}'
            raise table.error(message, "allow", index, code="config.unsupported", hint=hint)


def _compiler(table: Table, default: Compiler | None) -> Compiler | None:
    chosen = table.choice("compiler", get_args(Compiler), default)
    return cast("Compiler | None", chosen)


def _isolation(table: Table, default: Isolation | None) -> Isolation | None:
    chosen = table.choice("isolation", get_args(Isolation), default)
    return cast("Isolation | None", chosen)


def _allowed(table: Table, index: int, text: str, base: str) -> Capability:
    try:
        capability = parse_capability(text, side="allowed", base=base)
    except ConfigError as error:
        raise table.error(
            error.message, "allow", index, code=error.code, hint=error.hint
        ) from error
    if reason := unsupported_reason(capability):
        message = f"{printable(text)!r}: {reason}"
        raise table.error(message, "allow", index, code="config.unsupported")
    return capability


def _subject(capability: Capability) -> object:
    """What two entries must not both speak about."""
    match capability:
        case FileAccess():
            return ("fs", capability.guest_path)
        case HttpAccess():
            origin = (capability.scheme, capability.host, capability.port)
            return ("net.http", *origin, capability.path_prefix)
        case EnvironmentVariable():
            return ("env", capability.variable)
        case _:
            return capability


def _exclude_each_other(first: Capability, second: Capability) -> bool:
    """Whether two entries about one thing speak about the same use of it."""
    if not isinstance(first, HttpAccess) or not isinstance(second, HttpAccess):
        return True
    if first.methods is None or second.methods is None:
        return True
    return not set(first.methods).isdisjoint(second.methods)


def _refuse_contradictions(table: Table, name: str, allow: tuple[Capability, ...]) -> None:
    seen: dict[object, list[tuple[int, Capability]]] = {}
    for index, capability in enumerate(allow):
        same = seen.setdefault(_subject(capability), [])
        for first_index, first in same:
            if _exclude_each_other(first, capability):
                line = table.line("allow", first_index)
                place = "" if line is None else f" on line {line}"
                verb = "repeats" if first == capability else "contradicts"
                message = f"{str(capability)!r} {verb} {str(first)!r}{place}"
                old = shlex.quote(str(first))
                hint = f"keep one of the two; before a grant: hatchway revoke {name} {old}"
                raise table.error(message, "allow", index, code="config.contradiction", hint=hint)
        same.append((index, capability))


LIMIT_KEYS: dict[str, Range] = {
    "fuel": Range("fuel", parse_count, 1, (1 << 63) - 1, "1 to 2^63 - 1"),
    "deadline": Range("deadline_seconds", parse_seconds, 0.001, 3600.0, "1ms to 60m"),
    "memory": Range("memory_bytes", parse_bytes, 64 * KIBIBYTE, FOUR_GIBIBYTES, "64KiB to 4GiB"),
    "output": Range("output_bytes", parse_bytes, 1, 64 * MEBIBYTE, "1B to 64MiB"),
    "scratch": Range("scratch_bytes", parse_bytes, 0, FOUR_GIBIBYTES, "0B to 4GiB"),
    "table_elements": Range("table_elements", parse_count, 0, 10_000_000, "0 to 10000000"),
    "instances": Range("instances", parse_count, 1, 1000, "1 to 1000"),
    "host_calls": Range("host_calls", parse_count, 0, (1 << 53), "0 to 2^53"),
    "inner_calls": Range("inner_calls", parse_count, 0, 100_000, "0 to 100000"),
    "inner_fuel": Range("inner_fuel", parse_count, 0, (1 << 63) - 1, "0 to 2^63 - 1"),
}
"""Every key of `[tools.NAME.limits]`."""
