"""What an author says a tool is for and wants. A claim, never a permission."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.core.capability import Capability

Abi: TypeAlias = Literal["json", "argv", "extism", "hyper-mcp"]
ContentType: TypeAlias = Literal["text", "json", "image", "audio", "resource"]
JsonStyle: TypeAlias = Literal["wit", "plain"]
"""How the values of a component's function are spelled in JSON.

`wit` keeps to the types. With `plain`, names have underscores where WIT has dashes, and a
`list<tuple<string, T>>` is an object.
"""

PATTERN_CHARACTERS = frozenset("*?[")
"""What makes the path of a file that is brought back a pattern."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """A capability the author asks for, and why."""

    capability: Capability
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One element of a command line.

    Attributes:
        template: Literal text and `{parameter}` places.
        when: A boolean parameter; the element is left out unless it is true. None means
            that the element is left out only when a parameter it names is absent.
    """

    template: str
    when: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """A file of the workspace that a call's arguments fill.

    Attributes:
        path: Below the workspace.
        value: A template, filled like `stdin`. The file is left out when a parameter it
            names is absent.
    """

    path: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultMapping:
    """How a part of what a command leaves behind becomes MCP content.

    Attributes:
        kind: `text` and `json` are decoded as UTF-8; the others are passed on as they are.
        media_type: For image, audio and resource only.
        file: Below the workspace, or a pattern (``*``, ``?``, ``[…]``) of such paths that
            never crosses ``/``. None is stdout.
    """

    kind: ContentType
    media_type: str | None = None
    file: str | None = None

    @property
    def is_pattern(self) -> bool:
        """Whether it may stand for several files, or for none."""
        return self.file is not None and not PATTERN_CHARACTERS.isdisjoint(self.file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotations:
    """What the author says about a tool's effects.

    The host computes the annotations a client sees from the grants; a claim can only make
    them more cautious.
    """

    title: str | None = None
    read_only: bool | None = None
    destructive: bool | None = None
    idempotent: bool | None = None
    open_world: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolManifest:
    """One tool of a manifest.

    Attributes:
        name: The function this describes; for commands, the name after the tool's own.
        purpose: What the tool is for, in one sentence.
        description: What the model is told.
        abi: None for components, whose functions are called by type.
        function: What a plug-in for Extism exports for this; None for all others.
        json: How a component's values are spelled in JSON.
        parameters: What a model is told about the parameters of a component's function, by
            their names in JSON.
        input: JSON Schema of the arguments; None for components.
        output: JSON Schema of a JSON result; None when nothing is promised.
        argv: The command line after the program's name.
        stdin: A template, or None for an empty stdin (`argv`) or the arguments (`json`).
        workspace: The guest's name for its private directory.
        files: What lies in the workspace when a call begins.
        results: What of its output becomes content, in order.
    """

    name: str | None
    purpose: str = ""
    description: str = ""
    abi: Abi | None = None
    function: str | None = None
    json: JsonStyle = "wit"
    parameters: Mapping[str, str] = field(default_factory=dict)
    input: Mapping[str, Any] | None = None
    output: Mapping[str, Any] | None = None
    argv: tuple[Argument, ...] = ()
    stdin: str | None = None
    workspace: str = "/work"
    files: tuple[InputFile, ...] = ()
    results: tuple[ResultMapping, ...] = (ResultMapping(kind="text"),)
    annotations: Annotations = field(default_factory=Annotations)
    requires: tuple[Want, ...] = ()
    optional: tuple[Want, ...] = ()

    @property
    def uses_workspace(self) -> bool:
        """Whether calls put files into a private directory, or take some out of it."""
        return bool(self.files) or any(mapping.file is not None for mapping in self.results)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The whole of one artifact's manifest.

    Attributes:
        licence: An SPDX expression; `hatchway build` puts it into the artifact.
        source: The document as parsed JSON values; what the lockfile pins.
    """

    name: str | None
    version: str | None
    licence: str | None = None
    tools: tuple[ToolManifest, ...]
    source: Mapping[str, Any]
