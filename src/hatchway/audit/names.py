"""The names that components give to imports, exports and labels.

Whatever has another form is refused, so that no name can hide in an unusual spelling.

Source: the component model's Explainer.md, "Import and Export Definitions". Versions, ranges
and hashes are checked for their characters only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatchway.audit import features

if TYPE_CHECKING:
    from hatchway.audit.binary import Reader

_LABEL = r"(?:[a-z][0-9a-z]*|[A-Z][0-9A-Z]*)(?:-(?:[0-9a-z]+|[0-9A-Z]+))*"
_VERSION = r"(?:@[0-9A-Za-z.+-]+)?"
_PLAIN = rf"(?:\[constructor\]{_LABEL}|\[(?:method|static)\]{_LABEL}\.{_LABEL}|{_LABEL})"
_INTERFACE = rf"(?:{_LABEL}:)+{_LABEL}(?:/{_LABEL})+{_VERSION}"
_URL = r"(?:url|integrity|locked-dep|unlocked-dep)=<[^<>]*>"

_IS_LABEL = re.compile(_LABEL)
_IS_PLAIN = re.compile(_PLAIN)
_IS_INTERFACE = re.compile(_INTERFACE)
_IS_URL = re.compile(rf"{_URL}(?:,{_URL})*")

_IMPLEMENTS, _VERSION_SUFFIX, _EXTERNAL_ID = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternName:
    """The name of an import or export.

    Attributes:
        name: What it is matched by.
        implements: The interface that it says it is of, when that is not its name.
        offset: Of its first byte.
    """

    name: str
    implements: str | None
    offset: int

    @property
    def interface(self) -> str:
        """The interface it is of, whatever it is called."""
        return self.implements or self.name

    @property
    def identity(self) -> str:
        """The same for two names that may not stand side by side."""
        is_plain = _IS_PLAIN.fullmatch(self.name) is not None
        return self.name.lower() if is_plain else self.name


def read_label(reader: Reader) -> str:
    """The name of a parameter, field, case or flag."""
    name = reader.name()
    if _IS_LABEL.fullmatch(name) is None:
        raise reader.malformed("a label is not in kebab case")
    return name


def read_extern_name(reader: Reader, found: set[str]) -> ExternName:
    """The name of an import or export, with what may be said of it.

    Args:
        reader: Where it stands.
        found: The features that were seen; one is added when attributes are used.
    """
    offset = reader.at
    form = reader.byte()
    if form > 2:
        raise reader.malformed(f"unknown form of name {form:#x}")
    name = reader.name()
    if not any(known.fullmatch(name) for known in (_IS_PLAIN, _IS_INTERFACE, _IS_URL)):
        raise reader.malformed("a name is neither a label nor that of an interface")
    implements = None
    if form == 2:
        found.add(features.COMPONENT_NAME_ATTRIBUTES)
        implements = _attributes(reader)
    return ExternName(name=name, implements=implements, offset=offset)


def _attributes(reader: Reader) -> str | None:
    """What is said of a name: the interface it implements, if that is said."""
    said: dict[int, str] = {}
    for _ in range(reader.count()):
        kind = reader.byte()
        if kind > _EXTERNAL_ID or kind in said:
            raise reader.malformed(f"attribute {kind:#x} of a name is repeated or unknown")
        said[kind] = reader.name()
    implements = said.get(_IMPLEMENTS)
    if implements is not None and _IS_INTERFACE.fullmatch(implements) is None:
        raise reader.malformed("a name implements what is no interface")
    return implements


def require_distinct(reader: Reader, names: list[str]) -> None:
    """Refuse labels of which two are the same but for their case.

    Raises:
        MalformedError: Two of them are.
    """
    if len({name.lower() for name in names}) < len(names):
        raise reader.malformed("two labels have one name")
