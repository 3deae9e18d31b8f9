"""Powers over one named thing, as values.

One grammar spells them everywhere, in flags, policy, lockfile, events and explanations:
``CAPABILITY[=SCOPE][;OPTION[=VALUE]]…``. `str()` of a capability is its canonical
spelling; `hatchway.policy.grammar` reads it back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from hatchway.core.limits import GIBIBYTE, KIBIBYTE, MEBIBYTE

DEFAULT_PORTS = {"http": 80, "https": 443}


def encode_path(path: str) -> str:
    """`path` with the characters that the grammar uses spelled as percent escapes."""
    return path.replace("%", "%25").replace(":", "%3A").replace(";", "%3B")


def spell_bytes(count: int) -> str:
    """A byte count in the largest binary unit that divides it: ``64MiB``."""
    for unit, size in (("GiB", GIBIBYTE), ("MiB", MEBIBYTE), ("KiB", KIBIBYTE)):
        if count and count % size == 0:
            return f"{count // size}{unit}"
    return f"{count}B"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAccess:
    """Files below one directory.

    Attributes:
        access: `write` includes reading.
        guest_path: The directory's absolute name inside the sandbox.
        host_path: The absolute directory outside; None in a manifest, which may only
            speak of guest directories.
        is_shared: Another tool may be granted the same writable directory.
        quota_bytes: The most the directory may grow to; None means that the grant adds
            no quota of its own.
    """

    access: Literal["read", "write"]
    guest_path: str
    host_path: str | None = None
    is_shared: bool = False
    quota_bytes: int | None = None

    @property
    def name(self) -> str:
        """The capability's name in the grammar."""
        return f"fs.{self.access}"

    def __str__(self) -> str:
        scope = encode_path(self.guest_path)
        if self.host_path is not None and self.host_path != self.guest_path:
            scope = f"{encode_path(self.host_path)}:{scope}"
        options = ";shared" if self.is_shared else ""
        if self.quota_bytes is not None:
            options += f";quota={spell_bytes(self.quota_bytes)}"
        return f"{self.name}={scope}{options}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAccess:
    """Requests to one HTTP origin.

    Attributes:
        scheme: `http` or `https`.
        host: Lower case; may start with one ``*.`` label.
        port: Always explicit here; the spelling leaves a scheme's default port out.
        path_prefix: Starts with ``/``; covers whole path segments only.
        methods: Upper case and sorted; None means any.
        is_internal: The origin may be a private or loopback address.
        is_private: What is read there counts as private for flow rules.
    """

    scheme: Literal["http", "https"]
    host: str
    port: int
    path_prefix: str = "/"
    methods: tuple[str, ...] | None = None
    is_internal: bool = False
    is_private: bool = False

    @property
    def name(self) -> str:
        """The capability's name in the grammar."""
        return "net.http"

    def __str__(self) -> str:
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        prefix = "" if self.path_prefix == "/" else encode_path(self.path_prefix)
        options = "" if self.methods is None else f";methods={','.join(self.methods)}"
        options += ";internal" if self.is_internal else ""
        options += ";private" if self.is_private else ""
        return f"net.http={self.scheme}://{self.host}{port}{prefix}{options}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketAccess:
    """TCP connections to one host and port, or look-ups of one name.

    A connection needs the address; its grant allows to look the name up as well.

    Attributes:
        kind: `socket` for connections, `dns` for look-ups alone.
        host: Lower case.
        port: A look-up has none; it is spelled all the same.
        is_internal: The host may be a private or loopback address.
        is_private: What is read there counts as private for flow rules.
    """

    kind: Literal["socket", "dns"]
    host: str
    port: int
    is_internal: bool = False
    is_private: bool = False

    @property
    def name(self) -> str:
        """The capability's name in the grammar."""
        return f"net.{self.kind}"

    def __str__(self) -> str:
        options = ";internal" if self.is_internal else ""
        options += ";private" if self.is_private else ""
        return f"{self.name}={self.host}:{self.port}{options}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentVariable:
    """One environment variable.

    Attributes:
        variable: Its name.
        value: What the guest sees; None means the host's own value.
    """

    variable: str
    value: str | None = None

    @property
    def name(self) -> str:
        """The capability's name in the grammar."""
        return "env"

    def __str__(self) -> str:
        value = "" if self.value is None else f"={self.value}"
        return f"env={self.variable}{value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The real time of day, and real time passing."""

    @property
    def name(self) -> str:
        """The capability's name in the grammar."""
        return "clock"

    def __str__(self) -> str:
        return "clock"


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomSource:
    """Unpredictable bytes from the host."""

    @property
    def name(self) -> str:
        """The capability's name in the grammar."""
        return "random"

    def __str__(self) -> str:
        return "random"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """Calls to another admitted tool, or to one function of it."""

    tool: str
    function: str | None = None

    @property
    def name(self) -> str:
        """The capability's name in the grammar."""
        return "tool"

    def __str__(self) -> str:
        return f"tool={self.tool}" + ("" if self.function is None else f".{self.function}")


Capability: TypeAlias = (
    FileAccess | HttpAccess | SocketAccess | EnvironmentVariable | Clock | RandomSource | ToolUse
)

CAPABILITY_NAMES = (
    "fs.read",
    "fs.write",
    "net.http",
    "net.socket",
    "net.dns",
    "env",
    "clock",
    "random",
    "tool",
)
"""Every name of the grammar, in the order the documentation lists them."""
