"""HW-TXT-004: parameters that collect what a tool does not need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatchway.audit.claims import every_want, uses_workspace
from hatchway.audit.finding import Confidence, Found, Rule, Severity
from hatchway.audit.folding import fold
from hatchway.audit.parameters import Schema, input_schemas, words_of
from hatchway.audit.unseen import excerpt, visibly
from hatchway.audit.wording import KEY_FILE
from hatchway.core.capability import FileAccess

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hatchway.audit.subject import Subject

CATCH_ALL = frozenset(
    {
        "sidenote", "side note", "sidenotes", "side notes", "note", "notes", "context", "extra",
        "additional context", "additional info", "additional information", "additional notes",
        "extra context", "extra info", "extra information", "background", "remarks", "misc",
        "miscellaneous", "scratchpad", "thoughts", "reasoning", "other",
    }
)  # fmt: skip
"""Names for anything at all. The first is from the attack that made tool poisoning known."""

OF_THE_MODEL = frozenset(
    {
        "system prompt", "developer prompt", "system message", "chain of thought",
        "chain of thoughts", "conversation history", "chat history", "message history",
        "full conversation", "previous messages", "previous tool calls", "available tools",
        "tools list", "tool list", "user memory", "session history",
    }
)  # fmt: skip
"""What only a model and its client know. Models fill such parameters in when they see them."""

SECRETS = (
    "password", "passwd", "passphrase", "secret", "secrets", "credential", "credentials",
    "api key", "apikey", "private key", "ssh key", "access key", "access token", "auth token",
    "bearer token", "refresh token", "session token", "session cookie", "cookies",
)  # fmt: skip
"""What a name ends with that asks for something secret."""

PATHS = frozenset(
    {"file path", "filepath", "directory", "directory path", "dir path", "folder path",
     "absolute path", "home directory"}
)  # fmt: skip

_VALUES = ("default", "const", "enum", "examples")


def check(subject: Subject) -> Iterable[Found]:
    """Every parameter that asks for too much, and every schema that leaves it open."""
    directories = [
        item.guest_path for item, _ in every_want(subject) if isinstance(item, FileAccess)
    ]
    has_files = bool(directories) or uses_workspace(subject) or subject.manifest is None
    for schema in input_schemas(subject):
        yield from _shape(schema)
        yield from _key_files(schema, directories)
        if schema.name is not None and schema.is_open_text:
            yield from _parameter(schema, words_of(schema.name), has_files=has_files)


def _shape(schema: Schema) -> Iterator[Found]:
    """References elsewhere, and roots that take anything."""
    reference = schema.values.get("$ref")
    if isinstance(reference, str) and not reference.startswith("#"):
        yield Found(
            message=(
                f"{_named(schema)} refers to a schema elsewhere, which can change at any time. "
                "Such a manifest is refused."
            ),
            about=f"{_about(schema)}: remote reference",
            evidence=(schema.evidence(f"$ref = {visibly(reference, limit=80)}", "$ref"),),
            confidence="high",
        )
    more = schema.values.get("additionalProperties")
    is_root = schema.field[-1] == "input"
    if is_root and schema.abi == "json" and _takes_anything(more):
        yield Found(
            message=f"{_named(schema)} takes any further arguments that a model is told to add.",
            about=f"{_about(schema)}: further arguments",
            evidence=(schema.evidence("any name, any text", "additionalProperties"),),
            remediation="Set additionalProperties = false and declare what the tool takes.",
        )


def _takes_anything(schema: Any) -> bool:
    if isinstance(schema, dict):
        text = Schema(tool="", field=("",), values=schema, about="", abi=None, origin="text")
        return not schema or text.is_open_text
    return schema is True


def _key_files(schema: Schema, directories: list[str]) -> Iterator[Found]:
    """Constants and descriptions that speak of files that hold keys."""
    for keyword in ("description", *_VALUES):
        for text in _texts(schema.values.get(keyword)):
            folded = fold(text)
            spoken = KEY_FILE.search(folded.text)
            if spoken is None or any(item in text for item in directories):
                continue
            start, end = folded.span(spoken.start(), spoken.end())
            yield Found(
                message=f"{_named(schema)} speaks of a file that holds keys.",
                about=f"{_about(schema)} {keyword}: file of keys",
                evidence=(schema.evidence(excerpt(text, start, end), keyword),),
            )
            break


def _texts(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str)]


def _parameter(schema: Schema, words: str, *, has_files: bool) -> Iterator[Found]:
    """What is wrong with asking for this parameter, judged by its name."""
    if words in OF_THE_MODEL:
        yield _found(schema, "asks for what only the model and its client know")
    elif words in CATCH_ALL and not _is_explained(schema, words):
        yield _found(schema, "takes any text, and nothing says what for", confidence="low")
    elif _asks_for_a_secret(words):
        yield _found(
            schema,
            "asks the model for a secret",
            remediation=(
                "Let the operator pass the secret to the host. What a model is given, it can "
                "repeat."
            ),
        )
    elif words in PATHS and not has_files:
        yield _found(schema, "asks for a path, and the tool reads no files", severity="low")


def _asks_for_a_secret(words: str) -> bool:
    return any(words == secret or words.endswith(f" {secret}") for secret in SECRETS)


def _is_explained(schema: Schema, words: str) -> bool:
    said = schema.values.get("description")
    if isinstance(said, str) and len(said.split()) > 2:
        return True
    return words in words_of(schema.about)


def _found(
    schema: Schema,
    what: str,
    *,
    confidence: Confidence | None = None,
    remediation: str | None = None,
    severity: Severity | None = None,
) -> Found:
    return Found(
        message=f"{_named(schema)} {what}.",
        about=f"{_about(schema)}: {what}",
        evidence=(schema.evidence(f"the parameter {visibly(str(schema.name), limit=80)}"),),
        remediation=remediation,
        severity=severity,
        confidence=confidence,
    )


def _named(schema: Schema) -> str:
    kind = "part" if schema.name is None else "parameter"
    place, tool = visibly(schema.place, limit=160), visibly(schema.tool, limit=160)
    return f"The {kind} {place} of {tool}"


def _about(schema: Schema) -> str:
    return f"{visibly(schema.tool, limit=160)} {visibly(schema.place, limit=160)}"


RULE = Rule(
    id="HW-TXT-004",
    title="Parameters that collect too much",
    severity="medium",
    confidence="medium",
    axis="text",
    detects=(
        "Open text parameters for anything at all that nothing explains (`sidenote`, `context`, "
        "`notes`); parameters for the system prompt or the conversation; parameters for secrets; "
        "constants and descriptions that name files that hold keys; paths where no file can be "
        "read; a JSON command that takes further arguments; references to schemas elsewhere."
    ),
    why=(
        "Models fill in what a schema has room for. A parameter without a use is how stolen text "
        "leaves a conversation."
    ),
    remediation="Remove the parameter, or say what it is for and bound it (enum, maxLength).",
    cwe=(1287, 1427),
    owasp=("MCP03",),
    check=check,
    limits=(
        "Judged by names and keywords. A parameter with a plausible name and explanation can "
        "collect as much. A schema that does not mention additionalProperties is as open as one "
        "that allows them, and is not reported."
    ),
)
