"""How the source of an artifact is spelled.

One thing has one spelling. What is nearly right is refused, and the refusal has the right
spelling in it: a reference ends in policies, lockfiles and rules of trust, where two
spellings of one thing are one too many.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Self, TypeAlias
from urllib.parse import quote, unquote

from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable
from hatchway.registry.digests import is_digest
from hatchway.registry.hosts import Scheme, check_authority, is_loopback
from hatchway.registry.members import problem_with_member

_MAX_CHARACTERS = 4096
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_PINNED = re.compile(r"(.*)@([A-Za-z0-9_+.-]+:[^/@]*)", re.DOTALL)
# The grammar of repository names and tags is the OCI distribution specification's.
_REPOSITORY = re.compile(
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_URL_SEGMENT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2})+")
_NEEDLESS_ESCAPE = re.compile(
    r"%(?:2D|2E|2F|5C|5F|7E|0[0-9A-F]|1[0-9A-F]|7F|3[0-9]|[46][1-9A-F]|[57][0-9A])"
)
_BUILTIN_NAME = re.compile(r"[a-z][a-z0-9]{0,39}")
_PYPI_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
# PEP 440, in its canonical form, with a local version.
_PYPI_VERSION = re.compile(
    r"(?:[1-9][0-9]*!)?(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*"
    r"(?:(?:a|b|rc)(?:0|[1-9][0-9]*))?(?:\.post(?:0|[1-9][0-9]*))?"
    r"(?:\.dev(?:0|[1-9][0-9]*))?(?:\+[a-z0-9]+(?:\.[a-z0-9]+)*)?"
)
_NPM_NAME = re.compile(r"(?:@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*")
# Semantic Versioning 2.0.0.
_NPM_VERSION = re.compile(
    r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*)){2}(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)


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
        _require(digest)
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
        return replace(self, digest=_require(digest))

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
        return f"oci-layout:{_encoded(self.directory)}{tag}{self._at_digest}"


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

_FORMS = {
    "https": "https://HOST/PATH/x.wasm[@sha256:HEX]",
    "http": "https://HOST/PATH/x.wasm[@sha256:HEX]",
    "oci": "oci://REGISTRY/REPOSITORY[:TAG][@sha256:HEX]",
    "oci-layout": "oci-layout:DIR[:TAG][@sha256:HEX]",
    "pypi": "pypi:NAME==VERSION#PATH/IN/WHEEL.wasm[@sha256:HEX]",
    "npm": "npm:NAME@VERSION#PATH/IN/PACKAGE.wasm[@sha256:HEX]",
    "builtin": "builtin:NAME[@sha256:HEX], as builtin:python",
}


def parse_reference(text: str) -> Reference:
    """The source that `text` spells.

    Raises:
        ConfigError: `config.bad_source`, with the right spelling.
    """
    found = _SCHEME.match(text)
    if found is None:
        return PathReference(path=text)
    scheme = found[1]
    try:
        return _parse(scheme, text)
    except ValueError as error:
        message = f"{printable(text, limit=200)!r} is not a source: {error}"
        hint = f"spelled: {_FORMS.get(scheme.lower(), f'a path, as ./FILE, or one of {_known()}')}"
        raise ConfigError(message, code="config.bad_source", hint=hint) from error


def place_of(text: str) -> str:
    """Where, from the policy's directory, the sidecar of a source would lie beside.

    A source that is fetched has its sidecar beside the policy, under the fetched file's name.
    """
    try:
        return parse_reference(text).file_name
    except ConfigError:
        return text  # It is refused where it is used.


def _known() -> str:
    return ", ".join(f"{scheme}:" for scheme in _FORMS if scheme != "http")


def _parse(scheme: str, text: str) -> Reference:
    _require_known(scheme)
    if len(text) > _MAX_CHARACTERS:
        message = f"it is longer than {_MAX_CHARACTERS} characters"
        raise ValueError(message)
    rest, digest = _without_digest(text.partition(":")[2])
    match scheme:
        case "oci":
            return _oci(rest, digest)
        case "oci-layout":
            return _layout(rest, digest)
        case "pypi":
            return _pypi(rest, digest)
        case "npm":
            return _npm(rest, digest)
        case "builtin":
            return _builtin(rest, digest)
        case _:
            return _web("https" if scheme == "https" else "http", rest, digest)


def _builtin(rest: str, digest: str | None) -> BuiltinReference:
    _matches(_BUILTIN_NAME, rest, "the name of something that is built in")
    return BuiltinReference(name=rest, digest=digest)


def _require_known(scheme: str) -> None:
    if scheme in _FORMS:
        return
    if scheme.lower() in _FORMS:
        message = f"schemes are spelled in lower case: {scheme.lower()!r}"
        raise ValueError(message)
    message = f"there is no kind of source called {printable(scheme, limit=40)!r}"
    raise ValueError(message)


def _without_digest(text: str) -> tuple[str, str | None]:
    found = _PINNED.fullmatch(text)
    if found is None:
        return text, None
    if _PINNED.fullmatch(found[1]):
        message = "it names two digests"
        raise ValueError(message)
    return found[1], _require(found[2])


def _require(digest: str) -> str:
    if not is_digest(digest):
        shown = printable(digest, limit=90)
        message = f"{shown!r} is not sha256: and 64 hexadecimal digits in lower case"
        raise ValueError(message)
    return digest


def _authority(rest: str, scheme: Scheme) -> tuple[str, str]:
    """Authority, and what follows it with its first slash."""
    if not rest.startswith("//"):
        message = "two slashes must follow the scheme"
        raise ValueError(message)
    authority, slash, path = rest[2:].partition("/")
    if "@" in authority:
        message = "credentials never stand in a source"
        raise ValueError(message)
    check_authority(authority, scheme=scheme)
    return authority, slash + path


def _web(scheme: Scheme, rest: str, digest: str | None) -> WebReference:
    if "?" in rest or "#" in rest:
        message = "it has a query or a fragment; those carry secrets, and the lockfile is public"
        raise ValueError(message)
    authority, path = _authority(rest, scheme)
    if scheme == "http" and not is_loopback(authority):
        message = "http is for this machine only"
        raise ValueError(message)
    for segment in path.split("/")[1:] or [""]:
        if segment in ("", ".", "..") or not _URL_SEGMENT.fullmatch(segment):
            message = f"{printable(segment, limit=80)!r} is not a part of a URL's path"
            raise ValueError(message)
        if needless := _NEEDLESS_ESCAPE.search(segment):
            message = f"{needless[0]!r} may not be encoded, or not stand there at all"
            raise ValueError(message)
    return WebReference(scheme=scheme, authority=authority, path=path, digest=digest)


def _oci(rest: str, digest: str | None) -> OciReference:
    scheme: Scheme = "http" if is_loopback(rest[2:].partition("/")[0]) else "https"
    registry, path = _authority(rest, scheme)
    repository, colon, tag = path[1:].partition(":")
    if not _REPOSITORY.fullmatch(repository) or len(repository) > 255:
        message = f"{printable(repository, limit=80)!r} is not the name of a repository"
        raise ValueError(message)
    return OciReference(
        registry=registry,
        repository=repository,
        tag=_tag(tag) if colon else None,
        digest=digest,
    )


def _layout(rest: str, digest: str | None) -> LayoutReference:
    encoded, colon, tag = rest.partition(":")
    directory = unquote(encoded, errors="surrogateescape")
    if not directory or "\0" in directory:
        message = "it names no directory"
        raise ValueError(message)
    if _encoded(directory) != encoded:
        message = f"the directory is spelled {printable(_encoded(directory), limit=200)!r}"
        raise ValueError(message)
    return LayoutReference(directory=directory, tag=_tag(tag) if colon else None, digest=digest)


def _encoded(directory: str) -> str:
    return "".join(quote(one, safe="") if one in "%:@" else one for one in directory)


def _tag(text: str) -> str:
    if not _TAG.fullmatch(text):
        message = f"{printable(text, limit=80)!r} is not a tag"
        raise ValueError(message)
    return text


def _pypi(rest: str, digest: str | None) -> PypiReference:
    package, _, member = rest.partition("#")
    name, equals, version = package.partition("==")
    if not equals:
        message = "it names no version with =="
        raise ValueError(message)
    if not _PYPI_NAME.fullmatch(name):
        right = re.sub(r"[-_.]+", "-", name).lower()
        better = f"; did you mean {right!r}?" if _PYPI_NAME.fullmatch(right) else ""
        message = f"{printable(name, limit=80)!r} is not a package's normalized name{better}"
        raise ValueError(message)
    _matches(_PYPI_VERSION, version, "one exact version (PEP 440)")
    return PypiReference(name=name, version=version, member=_member(member), digest=digest)


def _npm(rest: str, digest: str | None) -> NpmReference:
    package, _, member = rest.partition("#")
    name, _, version = package.rpartition("@")
    if not _NPM_NAME.fullmatch(name) or len(name) > 214:
        message = f"{printable(name, limit=80)!r} is not a package's name, followed by @VERSION"
        raise ValueError(message)
    _matches(_NPM_VERSION, version, "one exact version (semver)")
    return NpmReference(name=name, version=version, member=_member(member), digest=digest)


def _matches(pattern: re.Pattern[str], text: str, what: str) -> None:
    if not pattern.fullmatch(text):
        message = f"{printable(text, limit=80)!r} is not {what}"
        raise ValueError(message)


def _member(text: str) -> str:
    if not text:
        message = "it names no file in the package, after #"
        raise ValueError(message)
    problem = problem_with_member(text)
    if problem is not None:
        raise ValueError(problem)
    return text
