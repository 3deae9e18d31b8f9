"""Whether what is about to be offered is what the lockfile pins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatchway.core.capability import spell_bytes
from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable
from hatchway.provenance.canonical import canonical_digest
from hatchway.runtime.admission import text_hashes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from hatchway.core.surface import Surface
    from hatchway.core.tool import Tool
    from hatchway.provenance.lockfile import LockedTool, Lockfile
    from hatchway.runtime.toolset import Toolset

DRIFT_CODES = frozenset({"config.drift", "registry.corrupt", "registry.changed"})
"""Why a tool is not offered, or not taken, when it is not what was approved any more."""

_SHOWN = 3


def require_surface_as_pinned(
    owner: str, locked: LockedTool, *, size: int, surface: Surface
) -> None:
    """Refuse an artifact that is not what its entry in the lockfile says.

    Args:
        owner: The policy entry.
        locked: Its entry in the lockfile.
        size: Of the stored bytes.
        surface: What the engine found in them.

    Raises:
        ConfigError: `config.drift`, naming everything that differs.
    """
    _refuse(owner, [*_surface_differences(locked, size, surface)])


def require_text_as_pinned(owner: str, locked: LockedTool, toolset: Toolset) -> None:
    """Refuse tools whose text is not the text that was approved.

    Raises:
        ConfigError: `config.drift`, naming the tools.
    """
    _refuse(owner, [*_text_differences(locked.tools, text_hashes(toolset))])


def require_shown_as_pinned(tool: Tool, lock: Lockfile, shown: Mapping[str, Any]) -> None:
    """Refuse to show anything of a tool that is not pinned.

    Args:
        tool: It.
        lock: What was approved.
        shown: Every field that a client is about to get, as `visible_fields` names them.

    Raises:
        ConfigError: `config.drift`.
    """
    locked = lock.tools.get(tool.owner)
    if locked is None or locked.tools.get(tool.name) != canonical_digest(dict(shown)):
        _refuse(tool.owner, [f"the text of {tool.name} is another"])


def _refuse(owner: str, differences: list[str]) -> None:
    if differences:
        message = f"{owner!r} is not what was approved: {'; '.join(differences)}"
        hint = f"hatchway update {owner}; or go back: hatchway update {owner} --rollback"
        raise ConfigError(message, code="config.drift", hint=hint)


def _surface_differences(locked: LockedTool, size: int, surface: Surface) -> Iterator[str]:
    if size != locked.size:
        yield f"it has {spell_bytes(size)} instead of {spell_bytes(locked.size)}"
    if surface.kind != locked.kind:
        yield f"it is a {surface.kind} instead of a {locked.kind}"
    more = set(surface.imports) - set(locked.imports)
    if more:
        yield f"it can also ask the host for {_listed(more)}"
    less = set(locked.imports) - set(surface.imports)
    if less:
        yield f"it cannot ask the host for {_listed(less)}"


def _text_differences(pinned: Mapping[str, str], found: Mapping[str, str]) -> Iterator[str]:
    if more := found.keys() - pinned.keys():
        yield f"it also offers {_listed(more)}"
    if less := pinned.keys() - found.keys():
        yield f"it does not offer {_listed(less)}"
    changed = [name for name in found.keys() & pinned.keys() if found[name] != pinned[name]]
    if changed:
        yield f"the text of {_listed(changed)} is another"


def _listed(names: Collection[str]) -> str:
    shown = ", ".join(printable(name, limit=100) for name in sorted(names)[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
