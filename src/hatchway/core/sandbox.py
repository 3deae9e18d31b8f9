"""The seam between the path of a call and whatever runs guests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.core.call import Execution, Withdrawal
    from hatchway.core.egress import Ticket
    from hatchway.core.grant import Grant
    from hatchway.core.surface import Compilation, Compiler, Surface
    from hatchway.core.tools import Tools
    from hatchway.core.traces import Traces


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandInvocation:
    """Run a WASI program from its start.

    Attributes:
        arguments: The command line, the program's name first.
        stdin: All it can read; for a plug-in its input.
        files: What lies in its workspace when it starts, by path below the workspace.
        wanted: Names or patterns (``*``, ``?``, ``[…]``) of the workspace's files to bring back.
        function: The exported function of a plug-in for Extism; None for a program, which is
            entered at its start.
    """

    arguments: tuple[bytes, ...]
    stdin: bytes = b""
    files: Mapping[str, bytes] = field(default_factory=dict)
    wanted: tuple[str, ...] = ()
    function: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionInvocation:
    """Call one exported function of a component.

    Attributes:
        function: Its `qualified_name`.
        arguments: JSON values by parameter name.
        files: What lies in its workspace when it starts, by path below the workspace.
        wanted: Names or patterns of the workspace's files to bring back, also of a call that
            failed by its own word. What is as it came along is not brought back.
    """

    function: str
    arguments: Mapping[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)
    wanted: tuple[str, ...] = ()


Invocation: TypeAlias = CommandInvocation | FunctionInvocation


class Sandbox(Protocol):
    """Runs guests. Every run is a fresh instance that starts with nothing.

    Code is known by its artifact's digest and the compiler that the operator pinned, None
    where the host may choose.
    """

    def prepare(self, artifact: bytes, digest: str, compiler: Compiler | None = None) -> Surface:
        """Compile `artifact` unless that was done before, and describe it.

        Raises:
            AdmissionError: It is not valid, needs a host nobody here provides, or takes
                too much to compile.
        """
        ...

    def surface(self, digest: str, compiler: Compiler | None = None) -> Surface:
        """The description of an artifact that was prepared once.

        Raises:
            HatchwayError: It is not known any more, and cannot be prepared again.
        """
        ...

    def compilation(self, digest: str, compiler: Compiler | None = None) -> Compilation | None:
        """Which compiler made the code that a run would use; None while there is no code."""
        ...

    def run(
        self,
        digest: str,
        invocation: Invocation,
        grant: Grant,
        cancellation: Withdrawal | None = None,
        ticket: Ticket | None = None,
        tools: Tools | None = None,
        traces: Traces | None = None,
        call_id: str | None = None,
    ) -> Execution:
        """Run a prepared artifact once.

        Its requests reach the broker with `ticket`; without one they are denied. Its calls of
        other tools are answered by `tools`; without them they are denied. What it reads of the
        host is noted in `traces`, which it may share with the call it is part of. What goes wrong
        besides its answer is recorded under its `call_id`.

        Raises:
            InvalidArgumentsError: An argument does not fit the function's type.
        """
        ...
