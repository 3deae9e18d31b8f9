"""The capability statement: what the signer's own audit saw an artifact could ask for.

It is a claim about bytes that anybody can audit again, so nothing is granted because of it. Its
use is the comparison: a statement that does not fit the artifact says that signer and reader
do not see the same thing, and the history of statements shows when a tool began to ask for more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from hatchway.core.errors import AdmissionError
from hatchway.provenance.statement import CAPABILITIES, statement_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.provenance.statement import Statement

MAX_ITEMS = 4096
"""Functions, tools or capabilities in one statement."""
_MAX_TEXT = 512

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_KEYS = frozenset({"tool", "kind", "capabilities", "imports", "tools", "grade", "rules"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityStatement:
    """What a signer says an artifact can ask for.

    Attributes:
        tool: What the signer calls it.
        kind: Of the artifact.
        capabilities: The host functions it imports, by the capability they need.
        imports: Every function it can ask the host for; sorted.
        tools: A hash of every model-visible field, by tool name, as in the lockfile.
        grade: Of the audit, without a policy.
        rules: The version of the audit's rules.
    """

    tool: str
    kind: Literal["module", "component"]
    capabilities: Mapping[str, tuple[str, ...]]
    imports: tuple[str, ...]
    tools: Mapping[str, str]
    grade: str
    rules: str

    def to_json(self) -> dict[str, Any]:
        """The predicate."""
        return {
            "tool": self.tool,
            "kind": self.kind,
            "capabilities": {name: list(of) for name, of in sorted(self.capabilities.items())},
            "imports": list(self.imports),
            "tools": dict(sorted(self.tools.items())),
            "grade": self.grade,
            "rules": self.rules,
        }

    def to_statement(self, *, digest: str) -> bytes:
        """The statement about the artifact of this digest, to be signed."""
        return statement_bytes(
            name=self.tool, digest=digest, predicate_type=CAPABILITIES, predicate=self.to_json()
        )


def capabilities_stated(statement: Statement) -> CapabilityStatement | None:
    """What a statement says of capabilities; None when it is of another type.

    Raises:
        AdmissionError: `admission.bad_bundle`; the predicate is not of the shape that its type
            promises.
    """
    if statement.predicate_type != CAPABILITIES:
        return None
    values = statement.predicate
    if not _is_sound(values):
        message = "the statement of capabilities does not have the keys and values of its type"
        raise AdmissionError(message, code="admission.bad_bundle")
    return CapabilityStatement(
        tool=values["tool"],
        kind=cast("Literal['module', 'component']", values["kind"]),
        capabilities={name: tuple(of) for name, of in values["capabilities"].items()},
        imports=tuple(values["imports"]),
        tools=values["tools"],
        grade=values["grade"],
        rules=values["rules"],
    )


def _is_sound(values: Mapping[str, Any]) -> bool:
    return (
        values.keys() == _KEYS
        and all(_is_text(values[key]) for key in ("tool", "grade", "rules"))
        and values["kind"] in ("module", "component")
        and _is_list(values["imports"])
        and _is_table(values["capabilities"], _is_list)
        and _is_table(values["tools"], _is_digest)
    )


def _is_text(value: Any) -> bool:
    # JSON can spell half of a character, which nothing can print.
    return (
        isinstance(value, str)
        and len(value) <= _MAX_TEXT
        and not any("\ud800" <= character <= "\udfff" for character in value)
    )


def _is_list(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MAX_ITEMS
        and all(_is_text(item) for item in value)
        and value == sorted(set(value))
    )


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _is_table(value: Any, is_item: Any) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= MAX_ITEMS
        and all(_is_text(key) and is_item(item) for key, item in value.items())
    )
