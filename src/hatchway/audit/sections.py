"""What is said in custom sections that toolchains agreed on.

Engines ignore these sections, anybody can write them, and nothing here trusts them: they are
claims. A section that cannot be read says nothing, and `unreadable_in` names it.

Source: WebAssembly/tool-conventions (ProducersSection.md, Linking.md, Debugging.md,
Signatures.md), the core specification's appendix on names, the metadata sections of
wasm-tools, and `.dep-v0` of cargo-auditable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from hatchway.audit.artifact import Producer
from hatchway.audit.binary import MalformedError, Reader
from hatchway.audit.section_dependencies import Dependency, read_dependencies
from hatchway.audit.section_signatures import Signature, read_signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hatchway.audit.artifact import Artifact, CustomSection

Content = TypeVar("Content")
Found = TypeVar("Found")

MANIFEST = "hatchway"
"""Our own section; it counts at top level only."""

_MAX_ENTRIES = 1000
_MAX_TEXT_BYTES = 4096
_TEXTS = (
    "authors", "description", "external_debug_info", "homepage", "licenses", "revision", "source",
    "sourceMappingURL", "version",
)  # fmt: skip
_WITH_A_LENGTH = frozenset({"external_debug_info", "sourceMappingURL"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFeature:
    """What a compiler says about a feature: `+` used, `-` not to be linked, `=` needed."""

    prefix: str
    name: str


def read_producers(payload: bytes) -> list[Producer]:
    """The lines of a `producers` section.

    Raises:
        MalformedError: It is not one.
    """
    reader = Reader(payload)
    listed: list[Producer] = []
    for _ in range(reader.count(_MAX_ENTRIES)):
        field = reader.name()
        listed += [
            Producer(field=field, name=reader.name(), version=reader.name())
            for _ in range(reader.count(_MAX_ENTRIES))
        ]
    reader.end()
    return listed


def read_target_features(payload: bytes) -> list[TargetFeature]:
    """The entries of a `target_features` section.

    Raises:
        MalformedError: It is not one.
    """
    reader = Reader(payload)
    listed = [
        TargetFeature(prefix=chr(reader.byte()), name=reader.name())
        for _ in range(reader.count(_MAX_ENTRIES))
    ]
    reader.end()
    return listed


def read_own_name(payload: bytes) -> str | None:
    """The name of the whole in a `name` or `component-name` section; None when it has none.

    Raises:
        MalformedError: It is not one.
    """
    reader = Reader(payload)
    found: str | None = None
    while not reader.is_done:
        identifier = reader.byte()
        inner = reader.section(reader.u32())
        if identifier == 0:
            found = inner.name()
            inner.end()
    return found


def read_text(section: CustomSection) -> str:
    """The text of a section that holds nothing else.

    Raises:
        MalformedError: It is no text, or a very long one.
    """
    reader = Reader(section.payload)
    if section.name in _WITH_A_LENGTH:
        text = reader.name()
        reader.end()
        return text
    if reader.left > _MAX_TEXT_BYTES:
        raise reader.malformed(f"a text has {reader.left} bytes")
    try:
        return reader.rest().decode()
    except UnicodeDecodeError:
        raise reader.malformed("a text is not UTF-8") from None


def producers_in(customs: Iterable[CustomSection]) -> tuple[Producer, ...]:
    """The tools that made it, as they say; each once, in order."""
    found: dict[Producer, None] = {}
    for section in customs:
        if section.name == "producers":
            found.update(dict.fromkeys(_or_none(read_producers, section.payload) or ()))
    return tuple(found)[:_MAX_ENTRIES]


def target_features_in(artifact: Artifact) -> dict[TargetFeature, int]:
    """The features that compilers say they used, of all modules, and where that is said first."""
    found: dict[TargetFeature, int] = {}
    for section in artifact.all_customs:
        if section.name == "target_features":
            for feature in _or_none(read_target_features, section.payload) or ():
                found.setdefault(feature, section.offset)
    return found


def name_of(artifact: Artifact) -> str | None:
    """What the module or component calls itself."""
    wanted = "name" if artifact.kind == "module" else "component-name"
    named = (
        _or_none(read_own_name, each.payload) for each in artifact.customs if each.name == wanted
    )
    return next(filter(None, named), None)


def text_of(artifact: Artifact, name: str) -> str | None:
    """The text of a section at top level: `licenses`, `source`, and the like."""
    if name not in _TEXTS:
        return None
    named = (_or_none(read_text, section) for section in artifact.customs if section.name == name)
    return next(filter(None, named), None)


def licence_of(artifact: Artifact) -> str | None:
    """Its licences as an SPDX expression, as it says."""
    return text_of(artifact, "licenses")


def source_of(artifact: Artifact) -> str | None:
    """Where its source is, as it says."""
    return text_of(artifact, "source")


def revision_of(artifact: Artifact) -> str | None:
    """The commit it was built from, as it says."""
    return text_of(artifact, "revision")


def dependencies_in(artifact: Artifact) -> tuple[Dependency, ...]:
    """The packages it was built from, as `.dep-v0` sections say; each once."""
    found: dict[Dependency, None] = {}
    for section in artifact.all_customs:
        if section.name == ".dep-v0":
            found.update(dict.fromkeys(_or_none(read_dependencies, section.payload) or ()))
    return tuple(found)


def world_sections_in(artifact: Artifact) -> tuple[str, ...]:
    """The sections with a component's interface that a module waits to be wrapped into."""
    names = (section.name for section in artifact.all_customs)
    return tuple(name for name in names if name.partition(":")[0] == "component-type")


def signatures_in(artifact: Artifact) -> list[dict[str, object]]:
    """What can be said of signatures inside the file, which nobody checked."""
    found: list[dict[str, object]] = []
    for section in artifact.customs:
        if section.name != "signature":
            continue
        signatures = _or_none(read_signature, section.payload)
        if signatures is None:
            found.append({"format": "unknown", "offset": section.offset, "is_verified": False})
            continue
        found += [_told(signature, section.offset) for signature in signatures]
    return found


def _told(signature: Signature, offset: int) -> dict[str, object]:
    return {
        "format": "wasmsign2",
        "offset": offset,
        "algorithm": signature.algorithm,
        "key_id": signature.key_id,
        "parts": signature.parts,
        "is_verified": False,
    }


_READ: dict[str, Callable[[CustomSection], object]] = {
    "producers": lambda section: read_producers(section.payload),
    "target_features": lambda section: read_target_features(section.payload),
    "name": lambda section: read_own_name(section.payload),
    "component-name": lambda section: read_own_name(section.payload),
    ".dep-v0": lambda section: read_dependencies(section.payload),
    "signature": lambda section: read_signature(section.payload),
    **dict.fromkeys(_TEXTS, read_text),
}


def unreadable_in(artifact: Artifact) -> tuple[CustomSection, ...]:
    """The sections whose name is known and whose content is not what the name says."""
    unreadable = []
    for section in artifact.all_customs:
        try:
            if section.name in _READ:
                _READ[section.name](section)
        except MalformedError:
            unreadable.append(section)
    return tuple(unreadable)


def _or_none(read: Callable[[Content], Found], content: Content) -> Found | None:
    """What `read` makes of it; None when it cannot be read."""
    try:
        return read(content)
    except MalformedError:
        return None
