"""The sources that an artifact can have; `registry.spelling` reads their one spelling."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Self, TypeAlias
from urllib.parse import quote, unquote

from hatchway.core.untrusted import printable
from hatchway.registry.digests import is_digest

if TYPE_CHECKING:
    from hatchway.registry.hosts import Scheme


@dataclass(frozen=True, slots=True, kw_only=True)
class PathReference:
    """A file on this machine; the lockfile pins its bytes, the spelling cannot."""

    path: str

    is_pinned = False

    @property
    def file_name(self) -> str:
        """What stands for it beside a policy: the path itself."""
        return self.path

    def pinned(self, digest: str) -> PathReference:
        """Itself."""
        require_digest(digest)
        return self

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pinnable:
    """What can say which bytes it means.

    Attributes:
        digest: Of the artifact; for the OCI forms of the manifest. None when not pinned.
    """

    digest: str | None = None

    @property
    def is_pinned(self) -> bool:
        """Whether it can never mean other bytes."""
        return self.digest is not None

    def pinned(self, digest: str) -> Self:
        """The same reference, meaning the bytes of `digest` only."""
        return replace(self, digest=require_digest(digest))

    @property
    def _at_digest(self) -> str:
        return "" if self.digest is None else f"@{self.digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebReference(_Pinnable):
    """A file on a web server: `https://HOST/PATH[@sha256:HEX]`, the artifact's digest.

    Attributes:
        authority: Host, and port where it is another than the scheme's.
        path: With its first slash, percent-encoded where it must be.
    """

    scheme: Scheme
    authority: str
    path: str

    @property
    def file_name(self) -> str:
        """Its last segment."""
        return unquote(self.path.rpartition("/")[2]).replace("/", "_")

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}{self._at_digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OciReference(_Pinnable):
    """`oci://REGISTRY/REPOSITORY[:TAG][@sha256:HEX]`, the manifest's digest.

    Where there is a digest, the tag is for people and is never asked for.
    """

    registry: str
    repository: str
    tag: str | None = None

    @property
    def file_name(self) -> str:
        """The last part of the repository."""
        return f"{self.repository.rpartition('/')[2]}.wasm"

    def __str__(self) -> str:
        tag = "" if self.tag is None else f":{self.tag}"
        return f"oci://{self.registry}/{self.repository}{tag}{self._at_digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutReference(_Pinnable):
    """`oci-layout:DIR[:TAG][@sha256:HEX]`, a directory, the manifest's digest.

    Attributes:
        directory: As the file system has it; in the spelling `%`, `:` and `@` are encoded.
    """

    directory: str
    tag: str | None = None

    @property
    def file_name(self) -> str:
        """The directory's name."""
        return f"{PurePosixPath(self.directory).name or 'layout'}.wasm"

    def __str__(self) -> str:
        tag = "" if self.tag is None else f":{self.tag}"
        return f"oci-layout:{encoded_directory(self.directory)}{tag}{self._at_digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Packaged(_Pinnable):
    """A file in a package.

    Attributes:
        name: The package.
        version: Exactly one.
        member: Path of the file in the package.
    """

    name: str
    version: str
    member: str

    @property
    def file_name(self) -> str:
        """The file's own name."""
        return self.member.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class PypiReference(_Packaged):
    """`pypi:NAME==VERSION#PATH[@sha256:HEX]`: a file in a wheel, the artifact's digest."""

    def __str__(self) -> str:
        return f"pypi:{self.name}=={self.version}#{self.member}{self._at_digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NpmReference(_Packaged):
    """`npm:NAME@VERSION#PATH[@sha256:HEX]`: a file in a tarball, the artifact's digest.

    The path does not have the tarball's one outer directory, which npm takes away as well.
    """

    def __str__(self) -> str:
        return f"npm:{self.name}@{self.version}#{self.member}{self._at_digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltinReference(_Pinnable):
    """`builtin:NAME[@sha256:HEX]`: an interpreter that is built here, the artifact's digest.

    Which names there are, whoever builds them knows.
    """

    name: str

    @property
    def file_name(self) -> str:
        """The name."""
        return f"{self.name}.wasm"

    def __str__(self) -> str:
        return f"builtin:{self.name}{self._at_digest}"


RemoteReference: TypeAlias = WebReference | OciReference | PypiReference | NpmReference
Reference: TypeAlias = PathReference | LayoutReference | BuiltinReference | RemoteReference


def require_digest(digest: str) -> str:
    """`digest`, in its one spelling.

    Raises:
        ValueError: It is another.
    """
    if not is_digest(digest):
        shown = printable(digest, limit=90)
        message = f"{shown!r} is not sha256: and 64 hexadecimal digits in lower case"
        raise ValueError(message)
    return digest


def encoded_directory(directory: str) -> str:
    """`directory` without the characters that end one in a source."""
    return "".join(quote(one, safe="") if one in "%:@" else one for one in directory)
