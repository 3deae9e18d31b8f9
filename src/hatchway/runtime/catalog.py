"""What can be called now: one generation of policy, lock and tools.

A generation never changes. A call finds everything it needs in the one it started with.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hatchway.core.capability import EnvironmentVariable, ToolUse, spell_bytes
from hatchway.core.errors import ConfigError, HatchwayError, UnknownToolError
from hatchway.core.limits import MEBIBYTE
from hatchway.core.untrusted import printable
from hatchway.provenance.lockfile import Lockfile
from hatchway.runtime.manifests import pinned_manifest
from hatchway.runtime.pinning import require_surface_as_pinned, require_text_as_pinned
from hatchway.runtime.searching import Indexes
from hatchway.runtime.toolset import tools_of
from hatchway.runtime.validation import Validator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hatchway.core.limits import Limits
    from hatchway.core.redaction import Redactor
    from hatchway.core.surface import Compiler, Surface
    from hatchway.core.tool import Tool
    from hatchway.policy.document import Policy
    from hatchway.runtime.trusting import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One callable tool with its validators.

    Attributes:
        arguments: Checks the arguments of a command or an interpreter; None for other functions
            of components, whose arguments are checked against their WIT types when they are
            converted.
        output: Checks the JSON a command promises; None when it promises nothing.
    """

    tool: Tool
    arguments: Validator | None
    output: Validator | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """Something that was admitted or allowed and cannot be called now.

    Attributes:
        owner: The policy entry it belongs to.
        name: The tool's name, or the entry's when none of its tools can be called.
        error: Why, with the next step.
    """

    owner: str
    name: str
    error: HatchwayError


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Every tool of one generation, by the name clients use.

    Attributes:
        entries: In the order of their names, so that lists are always the same.
        notices: What is offered although it is not signed as the policy asks.
        redactor: Takes the secrets of this generation out of whatever leaves it; None where it
            has none.
        indexes: For searching it.
    """

    policy: Policy
    lock: Lockfile
    entries: Mapping[str, Entry] = field(default_factory=dict)
    quarantined: tuple[Quarantined, ...] = ()
    notices: tuple[Notice, ...] = ()
    redactor: Redactor | None = None
    indexes: Indexes = field(default_factory=Indexes, init=False, compare=False, repr=False)

    def find(self, name: str) -> Entry:
        """The tool called `name`.

        Raises:
            UnknownToolError: There is none that can be called.
        """
        entry = self.entries.get(name)
        if entry is not None:
            return entry
        for item in self.quarantined:
            if name in (item.name, item.owner) or name.startswith(f"{item.owner}."):
                message = f"{printable(name, limit=128)!r} is not available"
                raise UnknownToolError(
                    message, hint=f"{item.error.message}; {item.error.hint or 'hatchway list'}"
                )
        message = f"unknown tool {printable(name, limit=128)!r}"
        raise UnknownToolError(message, hint="hatchway list")


def build_catalog(
    policy: Policy,
    lock: Lockfile,
    surface_of: Callable[[str, Compiler | None], Surface],
    artifact_of: Callable[[str], bytes],
    failures: Mapping[str, HatchwayError] | None = None,
) -> Catalog:
    """The catalog of everything that `policy` allows and `lock` pins.

    Args:
        policy: With the host's values of inherited variables.
        lock: What was admitted.
        surface_of: Describes an admitted artifact by digest and pinned compiler.
        artifact_of: Gives the stored bytes of a digest, which it has hashed again.
        failures: What is wrong already with some entries, by name.

    A tool that cannot be offered is quarantined with a reason and changes nothing for the
    others.
    """
    entries: dict[str, Entry] = {}
    quarantined: list[Quarantined] = []
    for owner in sorted(policy.tools):
        try:
            if failures and owner in failures:
                raise failures[owner]
            tools, left_out = _tools_of_owner(owner, policy, lock, surface_of, artifact_of)
        except HatchwayError as error:
            quarantined.append(Quarantined(owner=owner, name=owner, error=error))
            continue
        quarantined += left_out
        for tool in tools:
            entries[tool.name] = _entry(tool)
    return Catalog(
        policy=policy,
        lock=lock,
        entries={name: entries[name] for name in sorted(entries)},
        quarantined=tuple(quarantined),
    )


def catalog_of(policy: Policy, tools: Mapping[str, Tool]) -> Catalog:
    """The catalog of `tools` that were never admitted, for running a file once."""
    entries = {name: _entry(tool) for name, tool in tools.items()}
    return Catalog(policy=policy, lock=Lockfile(), entries=entries)


def _tools_of_owner(
    owner: str,
    policy: Policy,
    lock: Lockfile,
    surface_of: Callable[[str, Compiler | None], Surface],
    artifact_of: Callable[[str], bytes],
) -> tuple[tuple[Tool, ...], list[Quarantined]]:
    locked = lock.tools.get(owner)
    if locked is None or locked.source != policy.tools[owner].source:
        what = "is not admitted" if locked is None else "names another source than was admitted"
        raise ConfigError(
            f"{owner!r} {what}",
            code="config.not_admitted",
            hint=f"hatchway add {policy.tools[owner].source} --name {owner}",
        )
    _require_environment(owner, policy)
    _require_tools(owner, policy)
    size = len(artifact_of(locked.digest))
    surface = surface_of(locked.digest, policy.tools[owner].compiler)
    require_surface_as_pinned(owner, locked, size=size, surface=surface)
    require_memory(owner, surface, policy.tools[owner].limits)
    toolset = tools_of(owner, locked.digest, surface, pinned_manifest(locked, name=owner))
    require_text_as_pinned(owner, locked, toolset)
    left_out = [
        Quarantined(
            owner=owner,
            name=item.name,
            error=ConfigError(f"{item.name} is not offered: {item.reason}", code="config.no_tool"),
        )
        for item in toolset.rejected
    ]
    return toolset.tools, left_out


def _require_environment(owner: str, policy: Policy) -> None:
    """Refuse an entry that inherits a variable the host does not have."""
    for capability in policy.tools[owner].allow:
        if not isinstance(capability, EnvironmentVariable) or capability.value is not None:
            continue
        name = capability.variable
        if name not in policy.host_environment:
            message = f"{owner!r} is allowed {capability}, but the host has no variable {name}"
            hint = f"set {name}, or: hatchway revoke {owner} {capability}"
            raise ConfigError(message, code="config.missing_variable", hint=hint)


def _require_tools(owner: str, policy: Policy) -> None:
    """Refuse an entry that may call another one which is not there."""
    for capability in policy.tools[owner].allow:
        if isinstance(capability, ToolUse) and capability.tool not in policy.tools:
            message = f"{owner!r} is allowed {capability}, but no entry is called that"
            remove = f"hatchway revoke {owner} {capability}"
            hint = f"hatchway add SOURCE --name {capability.tool}, or: {remove}"
            raise ConfigError(message, code="config.unknown_tool", hint=hint)


def require_memory(owner: str, surface: Surface, limits: Limits) -> None:
    """Refuse a module that needs more memory to start than its limit.

    Raises:
        ConfigError: `config.memory_too_small`, with the limit to write.
    """
    needed = surface.memory_min_bytes or 0
    if needed > limits.memory_bytes:
        message = (
            f"{owner!r} needs {spell_bytes(needed)} of memory to start, and its limit is "
            f"{spell_bytes(limits.memory_bytes)}"
        )
        hint = f'[tools.{owner}.limits] memory = "{-(-needed // MEBIBYTE)}MiB"'
        raise ConfigError(message, code="config.memory_too_small", hint=hint)


def _entry(tool: Tool) -> Entry:
    is_command = tool.function is None
    has_schema = is_command or tool.runs_code
    return Entry(
        tool=tool,
        arguments=Validator(tool.input_schema) if has_schema else None,
        output=Validator(tool.output_schema) if is_command and tool.output_schema else None,
    )
