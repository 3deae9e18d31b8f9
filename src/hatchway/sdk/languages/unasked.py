"""What of WASI stays in a tool: interpreters are linked with more of it than a tool asks for.

What goes answers as the host does without a grant, so that a tool cannot tell the difference: no
directory, an empty environment, and a refusal for every socket.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatchway.sdk.stripping import NOTHING, stripped

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_DENIED = "access-denied"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """Interfaces that a tool has together or not at all.

    Attributes:
        interfaces: What the functions answer that are called without a grant, by interface. All
            others cannot be reached without these, and end the tool.
        capabilities: Names; a tool that asks for one of them keeps all of the interfaces.
        loss: What a tool without them finds.
    """

    name: str
    interfaces: Mapping[str, Mapping[str, str]]
    capabilities: frozenset[str]
    loss: str


SOCKETS = _Group(
    name="sockets",
    interfaces={
        "wasi:sockets/network": {},
        "wasi:sockets/instance-network": {},
        "wasi:sockets/tcp": {},
        "wasi:sockets/tcp-create-socket": {"create-tcp-socket": _DENIED},
        "wasi:sockets/udp": {},
        "wasi:sockets/udp-create-socket": {"create-udp-socket": _DENIED},
        "wasi:sockets/ip-name-lookup": {"resolve-addresses": _DENIED},
    },
    capabilities=frozenset({"net.socket", "net.dns"}),
    loss="every socket is refused with PermissionError",
)
FILES = _Group(
    name="files",
    interfaces={
        "wasi:filesystem/types": {},
        "wasi:filesystem/preopens": {"get-directories": NOTHING},
    },
    capabilities=frozenset({"fs.read", "fs.write"}),
    loss="no file is found",
)
ENVIRONMENT = _Group(
    name="environment",
    interfaces={
        "wasi:cli/environment": {
            "get-environment": NOTHING,
            "get-arguments": NOTHING,
            "initial-cwd": NOTHING,
        }
    },
    capabilities=frozenset({"env"}),
    loss="os.environ is empty",
)
GROUPS = (SOCKETS, FILES, ENVIRONMENT)


def without_unasked(
    artifact: bytes, asks: Collection[str], groups: Collection[_Group] = GROUPS
) -> tuple[bytes, tuple[str, ...]]:
    """A component without those groups of interfaces that it asks nothing of, and what to say.

    Args:
        artifact: Made by componentize-py or componentize-js.
        asks: Names of the capabilities in its manifest.
        groups: Which may go at all.

    Raises:
        ConfigError: The component is of another shape than is known.
    """
    gone = [group for group in groups if group.capabilities.isdisjoint(asks)]
    answers = {name: said for group in gone for name, said in group.interfaces.items()}
    found = stripped(artifact, answers.keys(), answers=answers)
    if not found.interfaces:
        return artifact, ()
    names = ", ".join(group.name for group in gone)
    losses = "; ".join(group.loss for group in gone)
    return found.component, (f"stripped: {names} ({losses})",)
