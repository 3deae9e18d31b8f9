"""Generated code in the shared interpreters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import interpreters
from guests import grant

from hatchway.core.limits import Limits
from hatchway.core.sandbox import FunctionInvocation

if TYPE_CHECKING:
    from hatchway.core.call import Execution
    from hatchway.core.tools import Tools

RUN = "hatchway:exec/code@0.1.0#run"


def limits(**changed: Any) -> Limits:
    """What generated code gets here unless a test says otherwise."""
    usual = {"fuel": 10**11, "memory_bytes": 128 << 20, "scratch_bytes": 1 << 20}
    return Limits(**{**usual, "deadline_seconds": 60.0, **changed})


def execute(
    code: str,
    inputs: dict[str, Any] | None = None,
    *allow: str,
    files: dict[str, bytes] | None = None,
    wanted: tuple[str, ...] = (),
    tools: Tools | None = None,
    **limit: Any,
) -> Execution:
    """Run Python once."""
    invocation = FunctionInvocation(
        function=RUN,
        arguments={"code": code, "inputs": json.dumps(inputs or {})},
        files=files or {},
        wanted=wanted,
    )
    granted = grant(*allow, limits=limits(**limit))
    return interpreters.engine().run(interpreters.prepared(), invocation, granted, tools=tools)


def value_of(code: str, inputs: dict[str, Any] | None = None, *allow: str, **more: Any) -> Any:
    """The value of code that is to succeed."""
    execution = execute(code, inputs, *allow, **more)
    assert execution.stop is None, execution.stop
    assert not execution.failed, execution.value
    return None if execution.value is None else json.loads(execution.value)


def failure_of(code: str, **more: Any) -> dict[str, str]:
    """How code fails that is to fail by its own word."""
    execution = execute(code, **more)
    assert execution.stop is None, execution.stop
    assert execution.failed, execution.value
    failure: dict[str, str] = execution.value
    return failure
