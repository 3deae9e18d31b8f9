"""Whether an artifact can run here at all, told from its structure alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.audit.capabilities import HOST, capabilities_of
from hatchway.audit.features import TURNED_OFF
from hatchway.audit.foreign import foreign_abi
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from hatchway.audit.artifact import Artifact


_NOT_SERVED = ("thread", HOST)
"""Capabilities whose functions no host here provides, denied or not."""
_SERVED_TOOL = "hatchway:tools/tools@0.1."
"""What the functions of `tool` begin with that a host here provides."""
_SERVED_HTTP = (
    "wasi:http/outgoing-handler@0.2.",
    "hatchway:egress/fetch@0.1.",
    "hatchway_fetch_0_1.",
    "extism:host/env.",
)
"""What the functions of `net.http` begin with that a host here provides."""


def why_not_hostable(artifact: Artifact) -> str | None:
    """Why `artifact` cannot become a tool of this host, or None if nothing speaks against it.

    Admission asks the engine as well, which looks inside functions; that is the last word.
    """
    return (
        _built_for_another(artifact)
        or _needs_what_is_off(artifact)
        or _imports_what_nobody_provides(artifact)
        or _offers_nothing(artifact)
    )


def _built_for_another(artifact: Artifact) -> str | None:
    abi = foreign_abi(artifact)
    return None if abi is None else f"built for another host: {abi}"


def _needs_what_is_off(artifact: Artifact) -> str | None:
    needed = sorted(artifact.features & TURNED_OFF)
    return f"needs {', '.join(needed)}, which the engine has turned off" if needed else None


def _imports_what_nobody_provides(artifact: Artifact) -> str | None:
    for item in artifact.imports:
        if item.kind != "function":
            return f"imports the {item.kind} {printable(str(item))}, which no host here provides"
    for capability, functions in capabilities_of(artifact.imports).items():
        for function in functions:
            if not _is_served(capability, function):
                return f"imports {function}, which no host here provides"
    return None


def _is_served(capability: str, function: str) -> bool:
    if capability == "net.http":
        return function.startswith(_SERVED_HTTP)
    if capability == "tool":
        return function.startswith(_SERVED_TOOL)
    return not capability.startswith(_NOT_SERVED)


def _offers_nothing(artifact: Artifact) -> str | None:
    surface = artifact.surface
    if surface.is_command or surface.functions or surface.plugin:
        return None
    if surface.is_plugin:
        return "offers no tool: it exports no function that an Extism host could call"
    return "offers no tool: it exports neither _start nor functions of a component"
