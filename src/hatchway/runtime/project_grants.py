"""What a project may grant itself in its own `calls.toml`: nothing of the machine it lies on.

Whoever clones a project did not write that file. What hands out files, inherited variables, the
network or other tools is granted only where the person at the command line says it too.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from hatchway.core.capability import Clock, EnvironmentVariable, RandomSource
from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable
from hatchway.policy.grammar import parse_capability

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from hatchway.core.capability import Capability
    from hatchway.sdk.calls import Calls

_SHOWN = 2000


def project_grants(
    texts: Iterable[str],
    calls: Calls,
    *,
    project: Path,
    given: Sequence[Capability],
    command: str,
) -> tuple[Capability, ...]:
    """What some lines of `calls.toml` grant, each of them harmless or said by a person too.

    Args:
        texts: The lines, as they are written.
        calls: The file, which knows where each line stands.
        project: The directory; relative host paths start from it.
        given: What was granted at the command line.
        command: The command that would be right, without its `--allow`.

    Raises:
        ConfigError: One is misspelt, or hands out something of the host that nobody granted.
    """
    found: dict[Capability, str] = {}
    for text in texts:
        found.setdefault(parse_capability(text, side="allowed", base=str(project)), text)
    missing = [each for each in found if not _is_harmless(each) and each not in given]
    if missing:
        text = found[missing[0]]
        place = calls.places.get(text, "calls.toml")
        message = f"{place}: a project cannot grant itself {printable(text)}"
        words = [word for each in missing for word in ("--allow", shlex.quote(str(each)))]
        hint = f"if you trust it with that: {printable(' '.join([command, *words]), limit=_SHOWN)}"
        raise ConfigError(message, code="config.not_allowed", hint=hint)
    return tuple(found)


def _is_harmless(capability: Capability) -> bool:
    """Whether it hands out nothing of the host's: a value of its own is the project's to give."""
    if isinstance(capability, EnvironmentVariable):
        return capability.value is not None
    return isinstance(capability, Clock | RandomSource)
