"""A Wassette `policy.yaml`, turned into capabilities and limits, or refused key by key.

Hatchway's grants say what is allowed and nothing else. So what a policy of Wassette denies, and
what it limits in a unit that nothing here measures, cannot be kept; and what is not kept must
not look as if it were. Each such key is named, and one is enough to convert nothing.

The schema is that of policy-mcp, version 1.0, with `resources` in its older and its newer form.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from hatchway.core.capability import encode_path
from hatchway.core.errors import ConfigError
from hatchway.core.limits import FOUR_GIBIBYTES, GIBIBYTE, KIBIBYTE, MEBIBYTE
from hatchway.core.untrusted import printable, shown
from hatchway.policy.authority import is_inside
from hatchway.policy.grammar import VARIABLE, parse_capability
from hatchway.policy.units import spell_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VERSION = "1.0"
MAX_ENTRIES = 256
"""Entries of one list."""

_LARGEST = FOUR_GIBIBYTES
_SMALLEST = 64 * KIBIBYTE
_UNITS = {"Ki": KIBIBYTE, "Mi": MEBIBYTE, "Gi": GIBIBYTE, "k": 1000, "M": 10**6, "G": 10**9}
_SIZE = re.compile(r"([0-9]{1,12})(Ki|Mi|Gi|k|M|G)", re.ASCII)
_ORIGIN = re.compile(r"(?:(https?)://)?([^/?#@;]+)(/[^?#;]*)?", re.ASCII)
_ACCESSES = ("read", "write")

_Path: TypeAlias = "tuple[str | int, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A key of the policy that nothing here would enforce.

    Attributes:
        key: Where it stands, such as `permissions.network.deny`; printable.
        reason: Why it is refused.
    """

    key: str
    reason: str

    def __str__(self) -> str:
        return f"{self.key}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What a policy of Wassette comes to.

    Attributes:
        allow: Capabilities, as an entry of `hatchway.toml` spells them.
        limits: The entry's limits.
        notes: What is a little different here, in words for whoever reads the result.
        refused: What could not be converted. The rest is not worth anything then.
    """

    allow: tuple[str, ...] = ()
    limits: Mapping[str, str | int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()


def from_wassette(document: Any, *, base: str) -> Converted:
    """The grants and limits that a policy of Wassette means.

    Args:
        document: The parsed YAML.
        base: The absolute directory that its relative paths start from: Wassette takes the one
            where the component and its policy lie.
    """
    reading = _Reading(base)
    reading.document(document)
    return Converted(
        allow=tuple(dict.fromkeys((*reading.directories(), *reading.allow))),
        limits=reading.limits,
        notes=tuple(reading.notes),
        refused=tuple(reading.refused),
    )


class _Reading:
    """One pass over a document, collecting."""

    def __init__(self, base: str) -> None:
        self.allow: list[str] = []
        self.limits: dict[str, str | int] = {}
        self.notes: list[str] = []
        self.refused: list[Refused] = []
        self._base = base
        self._accesses: dict[str, set[str]] = {}

    def document(self, document: Any) -> None:
        """All of it."""
        for key, value in self._members(document, ()):
            match key:
                case "version" if value == VERSION:
                    pass
                case "version":
                    self._refuse((key,), f"expected {VERSION!r}, got {shown(value)}")
                case "description" if isinstance(value, str):
                    pass
                case "permissions":
                    self._permissions(value)
                case _:
                    self._refuse((key,), "nobody here knows this key")
        if isinstance(document, dict) and "version" not in document:
            self._refuse(("version",), f"it is missing; expected {VERSION!r}")

    def _permissions(self, value: Any) -> None:
        for key, inner in self._members(value, ("permissions",)):
            path = ("permissions", key)
            match key:
                case "storage" | "network" | "environment":
                    self._lists(key, inner, path)
                case "resources":
                    self._resources(inner, path)
                case "ipc" | "runtime":
                    self._nothing(inner, path, _ELSEWHERE[key])
                case _:
                    self._refuse(path, "nobody here knows this key")

    def _lists(self, kind: str, value: Any, path: _Path) -> None:
        convert = {
            "storage": self._storage,
            "network": self._network,
            "environment": self._environment,
        }[kind]
        for key, entries in self._members(value, path):
            if key == "deny":
                self._nothing(entries, (*path, key), _NO_DENIALS)
            elif key != "allow":
                self._refuse((*path, key), "nobody here knows this key")
            elif entries is not None and (
                not isinstance(entries, list) or len(entries) > MAX_ENTRIES
            ):
                self._refuse((*path, key), f"expected a list of at most {MAX_ENTRIES} entries")
            else:
                for index, entry in enumerate(entries or ()):
                    convert(entry, (*path, key, index))

    # Storage

    def _storage(self, entry: Any, path: _Path) -> None:
        fields = self._fields(entry, path, ("uri", "access"))
        if fields is None:
            return
        uri, access = fields.get("uri"), fields.get("access")
        directory = _directory(uri)
        if directory is None:
            self._refuse((*path, "uri"), f"{shown(uri)} {_NO_DIRECTORY}")
        elif not isinstance(access, list) or not access or not _all_in(access, _ACCESSES):
            self._refuse((*path, "access"), f"expected read, write or both, got {shown(access)}")
        else:
            self._accesses.setdefault(directory, set()).update(access)

    def directories(self) -> Iterator[str]:
        """The grants of directories; every directory once, whatever was said about it where."""
        for directory, accesses in self._accesses.items():
            if accesses == {"write"}:
                path = ("permissions", "storage", "allow")
                self._refuse(path, f"{shown(directory)} is for writing only; {_WRITING_READS}")
                continue
            guest = _plain(directory)
            host = guest if directory.startswith("/") else _plain(f"{self._base}/{directory}")
            name = "fs.write" if "write" in accesses else "fs.read"
            scope = (
                encode_path(host) if host == guest else f"{encode_path(host)}:{encode_path(guest)}"
            )
            yield f"{name}={scope}"

    # Network

    def _network(self, entry: Any, path: _Path) -> None:
        if isinstance(entry, dict) and "cidr" in entry:
            self._refuse((*path, "cidr"), _NO_RANGES)
            return
        fields = self._fields(entry, path, ("host",))
        if fields is None:
            return
        host = fields.get("host")
        found = _ORIGIN.fullmatch(host) if isinstance(host, str) else None
        if found is None or host == "*":
            self._refuse((*path, "host"), f"{shown(host)} is not one host or origin")
            return
        scheme, authority, prefix = found[1] or "https", found[2].lower(), found[3] or ""
        spelled = f"net.http={scheme}://{authority}{'' if prefix == '/' else encode_path(prefix)}"
        if (reason := _unreachable(spelled)) is not None:
            self._refuse((*path, "host"), reason)
            return
        self.allow.append(spelled)
        if found[1] is None:
            self.notes.append(f"{authority}: HTTPS on its usual port; Wassette allows plain HTTP")
        if authority.startswith("*."):
            self.notes.append(f"{authority}: the star stands for one name, and no dot")

    # Environment and resources

    def _environment(self, entry: Any, path: _Path) -> None:
        fields = self._fields(entry, path, ("key",))
        if fields is None:
            return
        key = fields.get("key")
        if isinstance(key, str) and VARIABLE.fullmatch(key):
            self.allow.append(f"env={key}")
        else:
            self._refuse((*path, "key"), f"{shown(key)} is not the name of a variable")

    def _resources(self, value: Any, path: _Path) -> None:
        for key, inner in self._members(value, path):
            if key == "limits":
                self._resources(inner, (*path, key))
            elif key == "memory":
                self._memory(inner, (*path, key))
            elif key in _UNMEASURED:
                self._refuse((*path, key), _UNMEASURED[key])
            else:
                self._refuse((*path, key), "nobody here knows this key")

    def _memory(self, value: Any, path: _Path) -> None:
        found = _SIZE.fullmatch(value) if isinstance(value, str) else None
        size = int(found[1]) * _UNITS[found[2]] if found else 0
        if _SMALLEST <= size <= _LARGEST:
            self.limits["memory"] = spell_bytes(size)
        else:
            hint = "expected 64Ki to 4Gi with a unit (Ki, Mi, Gi, k, M, G)"
            self._refuse(path, f"{hint}, got {shown(value)}")

    # Reading

    def _members(self, value: Any, path: _Path) -> Iterator[tuple[str, Any]]:
        """The members of a mapping; nothing of an empty value."""
        if value is None:
            return
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            self._refuse(path or ("the document",), f"expected a mapping, got {shown(value)}")
            return
        yield from value.items()

    def _fields(self, entry: Any, path: _Path, known: tuple[str, ...]) -> dict[str, Any] | None:
        if not isinstance(entry, dict):
            self._refuse(path, f"expected {' and '.join(known)}, got {shown(entry)}")
            return None
        unknown = [key for key in entry if key not in known]
        for key in unknown:
            self._refuse((*path, key), "nobody here knows this key")
        return None if unknown else entry

    def _nothing(self, value: Any, path: _Path, reason: str) -> None:
        """Refuse a key unless it says nothing at all."""
        if isinstance(value, dict):
            for key, inner in value.items():
                self._nothing(inner, (*path, key), reason)
        elif value not in (None, []):
            self._refuse(path, reason)

    def _refuse(self, path: _Path, reason: str) -> None:
        key = ".".join(printable(str(part), limit=80) for part in path)
        self.refused.append(Refused(key=key, reason=reason))


_ELSEWHERE: dict[Literal["ipc", "runtime"] | str, str] = {
    "ipc": "a sandbox has no pipes and no sockets of the host's to reach",
    "runtime": "it speaks about containers, and there is none here",
}
_NO_DENIALS = "grants are exact here, so there is nothing to deny; allow less instead"
_NO_RANGES = "requests are allowed by name; a range of addresses is nobody's name"
_WRITING_READS = "here whoever may write a directory may read it too"
_NO_DIRECTORY = "is not a whole directory: fs://PATH or fs://PATH/**, without other patterns"
_UNMEASURED = {
    "cpu": "a share of a processor is not measured; limit fuel and deadline instead",
    "io": "bytes in and out are not limited by rate; limit output and scratch instead",
}


def _directory(uri: Any) -> str | None:
    """The path of the whole directory that a URI stands for; None if it is anything else."""
    if not isinstance(uri, str) or not uri.startswith("fs://") or "\0" in uri:
        return None
    path = uri.removeprefix("fs://").removesuffix("/**")
    parts = path.split("/")
    if not path.strip("/") or ".." in parts or any(set("*?[") & set(part) for part in parts):
        return None
    return path.rstrip("/")


def _plain(path: str) -> str:
    """The absolute path without empty and `.` parts; `..` was refused."""
    return "/" + "/".join(part for part in path.split("/") if part not in ("", "."))


def _all_in(values: list[Any], known: tuple[str, ...]) -> bool:
    return all(isinstance(value, str) and value in known for value in values)


def _unreachable(spelled: str) -> str | None:
    """Why a capability is no use as it stands; None if it is."""
    try:
        parsed = parse_capability(spelled, side="allowed")
    except ConfigError as error:
        return error.message
    if is_inside(getattr(parsed, "host", "")):
        return (
            "it is this machine or a network of yours, which has to be said on purpose: "
            f"hatchway grant NAME '{spelled};internal'"
        )
    return None
