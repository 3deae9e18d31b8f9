"""Running JavaScript in the built interpreter, as the runtime does it but without a runtime."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from guests import grant
from interpreters import engine, prepared

from hatchway.core.limits import Limits
from hatchway.core.sandbox import FunctionInvocation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.core.call import Execution
    from hatchway.core.grant import Grant
    from hatchway.core.tools import Tools

RUN = "hatchway:exec/code@0.1.0#run"


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a program came to.

    Attributes:
        value: As JSON holds it; None also when there was none.
        kind: The class of what it threw; empty when it threw nothing.
        stop: The code of why the host stopped it.
        whole: Everything that the sandbox says.
    """

    whole: Execution
    value: Any = None
    kind: str = ""
    message: str = ""
    traceback: str = ""
    stop: str = ""
    stdout: str = ""
    stderr: str = ""
    denials: list[str] = field(default_factory=list)


def javascript(
    code: str,
    inputs: Mapping[str, Any] | None = None,
    *,
    granted: Grant | None = None,
    tools: Tools | None = None,
    files: Mapping[str, bytes] | None = None,
    wanted: tuple[str, ...] = (),
) -> Ran:
    """Run a program once, in a fresh instance."""
    digest = prepared("javascript")
    execution = engine().run(
        digest,
        FunctionInvocation(
            function=RUN,
            arguments={"code": code, "inputs": json.dumps(inputs or {})},
            files=files or {},
            wanted=wanted,
        ),
        granted or grant(),
        tools=tools,
    )
    said = execution.value
    return Ran(
        whole=execution,
        value=json.loads(said) if isinstance(said, str) else None,
        stop="" if execution.stop is None else execution.stop.code,
        stdout=execution.stdout.decode(),
        stderr=execution.stderr.decode(),
        denials=[f"{each.capability} {each.attempted}" for each in execution.denials],
        **(said if isinstance(said, dict) else {}),
    )


def limited(*allow: str, **limits: Any) -> Grant:
    """A grant with these limits."""
    return grant(*allow, limits=Limits(**limits))
