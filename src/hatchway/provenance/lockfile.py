"""`hatchway.lock`: what was admitted, in a form that is stable, sorted and diffable.

Written by Hatchway only. It pins the artifact by digest, the functions it may ask the host
for, the whole manifest and a hash of every text a model will see; what runs is what stands
here, whatever happens to the files it came from.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_NAME = "hatchway.lock"
VERSION = 1

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_KEYS = frozenset(
    {
        "source",
        "digest",
        "size",
        "kind",
        "imports",
        "manifest",
        "tools",
        "signer",
        "grade",
        "rules",
        "overrides",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedTool:
    """One admitted artifact.

    Attributes:
        source: Where it came from, as the policy spells it.
        digest: Of its bytes.
        size: In bytes.
        imports: Every function it can ask the host for; sorted.
        manifest: The whole manifest it was admitted with; None without one.
        tools: A hash of every model-visible field, by tool name.
        signer: Who signed it; None until signatures are checked.
        grade: The audit's grade, with the policy it was admitted under.
        rules: The version of the audit's rules.
        overrides: The critical findings that a person decided to live with, by their ids;
            without those decisions it would not have been admitted.
    """

    source: str
    digest: str
    size: int
    kind: Literal["module", "component"]
    imports: tuple[str, ...]
    tools: Mapping[str, str]
    manifest: Mapping[str, Any] | None = None
    signer: str | None = None
    grade: str | None = None
    rules: str | None = None
    overrides: tuple[str, ...] = ()


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
        tools = {
            name: {
                "source": tool.source,
                "digest": tool.digest,
                "size": tool.size,
                "kind": tool.kind,
                "imports": list(tool.imports),
                "manifest": tool.manifest,
                "tools": dict(tool.tools),
                "signer": tool.signer,
                "grade": tool.grade,
                "rules": tool.rules,
                "overrides": list(tool.overrides),
            }
            for name, tool in self.tools.items()
        }
        document = {"version": VERSION, "tools": tools}
        return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def parse_lockfile(text: str, *, file: str) -> Lockfile:
    """The lockfile in `text`.

    Raises:
        ConfigError: `config.lock_corrupt`; it is not what `to_text` writes.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _corrupt(file, f"not JSON: {printable(str(error))}") from error
    if not isinstance(document, dict) or document.keys() != {"version", "tools"}:
        raise _corrupt(file, "it must hold 'version' and 'tools'")
    version = document["version"]
    if type(version) is not int or version != VERSION:
        raise _corrupt(file, f"expected version {VERSION}, got {shown(version, limit=30)}")
    if not isinstance(document["tools"], dict):
        raise _corrupt(file, "'tools' must be an object")
    found = Lockfile(
        tools={name: _tool(file, name, entry) for name, entry in document["tools"].items()}
    )
    if found.to_text() != text:
        raise _corrupt(file, "it is not written as Hatchway writes it")
    return found


def _corrupt(file: str, why: str) -> ConfigError:
    hint = f"restore {file} from version control, or remove it and admit the tools again"
    return ConfigError(f"{file} is damaged: {why}", code="config.lock_corrupt", hint=hint)


def _tool(file: str, name: str, entry: Any) -> LockedTool:
    shown = printable(repr(name), limit=80)
    if not isinstance(entry, dict) or entry.keys() != _KEYS:
        raise _corrupt(file, f"the entry {shown} does not have exactly the known keys")
    texts = [entry["source"], entry["digest"]]
    texts += [*_items(entry["imports"]), *_items(entry["overrides"])]
    optional = [entry["signer"], entry["grade"], entry["rules"]]
    is_sound = (
        all(isinstance(text, str) for text in texts)
        and all(text is None or isinstance(text, str) for text in optional)
        and _DIGEST.fullmatch(str(entry["digest"])) is not None
        and type(entry["size"]) is int
        and entry["size"] >= 0
        and entry["kind"] in ("module", "component")
        and isinstance(entry["manifest"], dict | None)
        and _is_hash_table(entry["tools"])
    )
    if not is_sound:
        raise _corrupt(file, f"the entry {shown} has values of the wrong kind")
    return LockedTool(
        source=entry["source"],
        digest=entry["digest"],
        size=entry["size"],
        kind=cast("Literal['module', 'component']", entry["kind"]),
        imports=tuple(entry["imports"]),
        manifest=entry["manifest"],
        tools=entry["tools"],
        signer=entry["signer"],
        grade=entry["grade"],
        rules=entry["rules"],
        overrides=tuple(entry["overrides"]),
    )


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [None]


def _is_hash_table(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(item, str) and _DIGEST.fullmatch(item) for item in value.values()
    )
