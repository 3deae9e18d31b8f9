"""The limits of an entry that is added: chosen, shown, and held against what the tool needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.cli.output import say, warn
from hatchway.compose.asked import ENTRY_LIMITS
from hatchway.core.errors import ConfigError
from hatchway.runtime.catalog import require_memory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.core.limits import Limits
    from hatchway.policy.document import ToolPolicy
    from hatchway.runtime.admission import Candidate


def limits_of(
    candidate: Candidate, present: ToolPolicy | None, said: dict[str, str | int]
) -> dict[str, str | int]:
    """The limits to write: a new entry that runs code needs others than those of most tools."""
    if present is None and any(tool.runs_code for tool in candidate.toolset.tools):
        return {**ENTRY_LIMITS, **said}
    return said


def say_limits(bounds: Mapping[str, str | int]) -> None:
    """Show the limits that will be written, if any."""
    if bounds:
        say(f"  limits       {', '.join(f'{key}={value}' for key, value in bounds.items())}")


def warn_about_limits(candidate: Candidate, bounds: Limits) -> None:
    """Say what a tool needs and is not given."""
    tools = candidate.toolset.tools
    if not bounds.scratch_bytes and any(tool.manifest.uses_workspace for tool in tools):
        again = f"hatchway add {candidate.lock.source} --name {candidate.name}"
        warn(f"it works on files, and has no scratch space: {again} --limit scratch=16MiB")
    try:
        require_memory(candidate.name, candidate.surface, bounds)
    except ConfigError as error:
        warn(f"{error.message}; write {error.hint} into the policy")
