"""How the source of an artifact is spelled.

One thing has one spelling. What is nearly right is refused, and the refusal has the right
spelling in it: a reference ends in policies, lockfiles and rules of trust, where two
spellings of one thing are one too many.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable
from hatchway.registry.hosts import Scheme, check_authority, is_loopback
from hatchway.registry.members import problem_with_member
from hatchway.registry.reference import (
    BuiltinReference,
    LayoutReference,
    NpmReference,
    OciReference,
    PathReference,
    PypiReference,
    Reference,
    WebReference,
    encoded_directory,
    require_digest,
)

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
    return found[1], require_digest(found[2])


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
    if encoded_directory(directory) != encoded:
        message = f"the directory is spelled {printable(encoded_directory(directory), limit=200)!r}"
        raise ValueError(message)
    return LayoutReference(directory=directory, tag=_tag(tag) if colon else None, digest=digest)


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
