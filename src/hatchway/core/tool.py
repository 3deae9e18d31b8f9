"""A named function an MCP client may call, ready to be listed and decided about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.core.manifest import ToolManifest, Want
    from hatchway.core.wit import WitFunction

CODE_INTERFACE = "hatchway:exec/code@0.1."
"""What the interface of every interpreter begins with; `sdk/guest/exec.wit` declares it."""
RUN = "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool of the catalog.

    Attributes:
        name: What clients call it by, unique in the catalog.
        owner: The policy entry it was admitted under.
        digest: The artifact behind it, `sha256:…`.
        manifest: The author's words about it, or generated ones that say so.
        input_schema: JSON Schema of its arguments; always an object.
        output_schema: JSON Schema of `structured` results; always an object, or None.
        function: The component function to call; None for a command.
    """

    name: str
    owner: str
    digest: str
    manifest: ToolManifest
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any] | None
    function: WitFunction | None = None

    @property
    def runs_code(self) -> bool:
        """Whether it is an interpreter: the code it is to run is an argument of the call."""
        function = self.function
        return (
            function is not None
            and function.name == RUN
            and (function.interface or "").startswith(CODE_INTERFACE)
        )

    @property
    def requires(self) -> tuple[Want, ...]:
        """The capabilities without which it may not run."""
        return self.manifest.requires
