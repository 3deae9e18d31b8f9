"""`hatchway.lock`: what was admitted, in a form that is stable, sorted and diffable.

Written by Hatchway only. It pins the artifact by digest, the functions it may ask the host
for, the whole manifest, a hash of every text a model will see, and what it was allowed when a
person approved it; what runs is what stands here, whatever happens to the files it came from.

Every entry ends in a hash of itself. Two changes to one entry that were merged line by line,
and a line that was edited by hand, are noticed before anything of the entry is believed.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal

from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable, shown
from hatchway.provenance.canonical import canonical_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_NAME = "hatchway.lock"
VERSION = 2

_INTEGRITY = "integrity"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_CONFLICT = re.compile(r"^(?:<<<<<<<|>>>>>>>) ", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedTool:
    """One admitted artifact.

    Attributes:
        source: Where it came from, as the policy spells it.
        resolved: The one version that the source stood for; None when the source names none,
            as a path does.
        manifest_digest: Of the OCI manifest that names the artifact; None for other sources.
        digest: Of its bytes.
        size: In bytes.
        imports: Every function it can ask the host for; a set, written in order.
        manifest: The whole manifest it was admitted with; None without one.
        tools: A hash of every model-visible field, by tool name.
        signers: Who signed it, of those who were checked; a set, written in order.
        policy: A hash of what its entry allowed when that was approved; None before.
        grade: The audit's grade, with the policy it was admitted under.
        rules: The version of the audit's rules.
        overrides: The critical findings that a person decided to live with, by their ids;
            without those decisions it would not have been admitted. A set, written in order.
    """

    source: str
    resolved: str | None = None
    manifest_digest: str | None = None
    digest: str
    size: int
    kind: Literal["module", "component"]
    imports: tuple[str, ...]
    tools: Mapping[str, str]
    manifest: Mapping[str, Any] | None = None
    signers: tuple[str, ...] = ()
    policy: str | None = None
    grade: str | None = None
    rules: str | None = None
    overrides: tuple[str, ...] = ()

    def to_values(self) -> dict[str, Any]:
        """The entry as JSON values, its hash excepted; the same for the same content."""
        return {
            "source": self.source,
            "resolved": self.resolved,
            "manifest_digest": self.manifest_digest,
            "digest": self.digest,
            "size": self.size,
            "kind": self.kind,
            "imports": sorted(set(self.imports)),
            "manifest": self.manifest,
            "tools": dict(self.tools),
            "signers": sorted(set(self.signers)),
            "policy": self.policy,
            "grade": self.grade,
            "rules": self.rules,
            "overrides": sorted(set(self.overrides)),
        }


def integrity_of(name: str, tool: LockedTool) -> str:
    """The hash of a whole entry under its name: the same only if nothing of it differs.

    Raises:
        ValueError: It holds text that is not Unicode, or a number that is not JSON.
    """
    return canonical_digest({"name": name, **tool.to_values()})


def sealed_values(name: str, tool: LockedTool) -> dict[str, Any]:
    """The entry as it is written, with its hash."""
    return {**tool.to_values(), _INTEGRITY: integrity_of(name, tool)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lockfile:
    """All admitted artifacts, by policy entry."""

    tools: Mapping[str, LockedTool] = field(default_factory=dict)

    def with_tool(self, name: str, tool: LockedTool) -> Lockfile:
        """This lockfile with `tool` under `name`."""
        return Lockfile(tools={**self.tools, name: tool})

    def without_tool(self, name: str) -> Lockfile:
        """This lockfile without an entry for `name`."""
        return Lockfile(tools={key: tool for key, tool in self.tools.items() if key != name})

    def to_text(self) -> str:
        """The document, always the same for the same content."""
        tools = {name: sealed_values(name, tool) for name, tool in self.tools.items()}
        return written({"version": VERSION, "tools": tools})


def written(document: Mapping[str, Any]) -> str:
    """A document of ours as text: one value a line, in one order, so that it can be compared."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def parse_lockfile(text: str, *, file: str) -> Lockfile:
    """The lockfile in `text`.

    Raises:
        ConfigError: `config.lock_corrupt`; it is not what `to_text` writes. `config.version`;
            another version of Hatchway wrote it.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        if _CONFLICT.search(text):
            raise _conflicting(file) from error
        raise _corrupt(file, f"not JSON: {printable(str(error))}") from error
    if not isinstance(document, dict) or document.keys() != {"version", "tools"}:
        raise _corrupt(file, "it must hold 'version' and 'tools'")
    _require_version(file, document["version"])
    if not isinstance(document["tools"], dict):
        raise _corrupt(file, "'tools' must be an object")
    found = Lockfile(
        tools={name: _entry(file, name, entry) for name, entry in document["tools"].items()}
    )
    if found.to_text() != text:
        raise _corrupt(file, "it is not written as Hatchway writes it")
    return found


def parse_entry(name: str, entry: Any) -> LockedTool:
    """The one entry that `sealed_values` wrote.

    Raises:
        ValueError: It is anything else; the message says what is wrong, after "the entry".
    """
    if not isinstance(entry, dict) or entry.keys() != _CHECKS.keys():
        message = "does not have exactly the known keys"
        raise ValueError(message)
    for key, is_sound in _CHECKS.items():
        if not is_sound(entry[key]):
            message = f"has a value of the wrong kind under {key!r}"
            raise ValueError(message)
    values = {key: value for key, value in entry.items() if key != _INTEGRITY}
    sets = {key: tuple(values[key]) for key in ("imports", "signers", "overrides")}
    tool = LockedTool(**{**values, **sets})
    if tool.manifest_digest and not (tool.resolved or "").endswith(f"@{tool.manifest_digest}"):
        message = "resolves to another manifest than it names"
        raise ValueError(message)
    if not _is_sealed(name, tool, entry[_INTEGRITY]):
        message = "was changed by another hand than Hatchway's, or mixes two entries"
        raise ValueError(message)
    return tool


def _is_sealed(name: str, tool: LockedTool, integrity: str) -> bool:
    try:
        return integrity_of(name, tool) == integrity
    except (ValueError, RecursionError):
        return False


def _entry(file: str, name: str, entry: Any) -> LockedTool:
    try:
        return parse_entry(name, entry)
    except ValueError as error:
        raise _corrupt(file, f"the entry {printable(repr(name), limit=80)} {error}") from error


# Complaints


def _corrupt(file: str, why: str) -> ConfigError:
    hint = f"restore {file} from version control, or admit the tools again: {_again(file)}"
    return ConfigError(f"{file} is damaged: {why}", code="config.lock_corrupt", hint=hint)


def _conflicting(file: str) -> ConfigError:
    message = f"{file} is damaged: a merge left conflicts in it"
    hint = f"git checkout --ours {shlex.quote(file)}, then hatchway update what conflicted"
    return ConfigError(message, code="config.lock_corrupt", hint=hint)


def _require_version(file: str, version: Any) -> None:
    if type(version) is int and version == VERSION:
        return
    if type(version) is int and 0 < version < VERSION:
        message = f"{file} has version {version}, which pins less than version {VERSION}"
        hint = f"admit the tools again: {_again(file)}"
        raise ConfigError(message, code="config.version", hint=hint)
    raise _corrupt(file, f"expected version {VERSION}, got {shown(version, limit=30)}")


def _again(file: str) -> str:
    """The command that forgets what was pinned, and admits what the policy names."""
    directory = str(PurePath(file).parent)
    return f"rm {shlex.quote(file)} && hatchway trust {shlex.quote(directory)}"


# What stands under each key


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_text_or_nothing(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _is_digest_or_nothing(value: Any) -> bool:
    return value is None or _is_digest(value)


def _is_list_of_text(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_table_of_digests(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_digest(item) for item in value.values())


_CHECKS = {
    "source": _is_text,
    "resolved": _is_text_or_nothing,
    "manifest_digest": _is_digest_or_nothing,
    "digest": _is_digest,
    "size": lambda value: type(value) is int and value >= 0,
    "kind": lambda value: value in ("module", "component"),
    "imports": _is_list_of_text,
    "manifest": lambda value: value is None or isinstance(value, dict),
    "tools": _is_table_of_digests,
    "signers": _is_list_of_text,
    "policy": _is_digest_or_nothing,
    "grade": _is_text_or_nothing,
    "rules": _is_text_or_nothing,
    "overrides": _is_list_of_text,
    _INTEGRITY: _is_digest,
}
