"""Which requests a grant allows: a pure decision about method, scheme, authority and path."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, cast

from hatchway.core.addresses import is_metadata
from hatchway.core.capability import DEFAULT_PORTS, HttpAccess
from hatchway.core.untrusted import shown
from hatchway.policy.authority import address_of, is_inside, read_authority
from hatchway.policy.cover import covers
from hatchway.policy.segments import plain_segments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hatchway.core.capability import Capability
    from hatchway.core.egress import EgressGrant

MAX_TARGET = 8 * 1024
"""Characters of a path and its query."""
MAX_AUTHORITY = 512

METHOD = re.compile(r"[A-Z]{1,16}", re.ASCII)
FORBIDDEN_METHODS = frozenset({"CONNECT", "TRACE", "TRACK"})
"""They open tunnels, or send back the credentials that were put in (Fetch, section 2.2.1)."""

_SPELLED_PATH = 1024
"""Characters of a path in a suggestion."""
_TARGET = re.compile(r"/[!-~]*", re.ASCII)
_NOT_A_TARGET = re.compile(r"[#\\]", re.ASCII)


class NotARequestError(ValueError):
    """What a guest asked for has not the one spelling in which requests are understood.

    Attributes:
        rule: The dotted name of the rule: `egress.bad_method`, `egress.bad_authority`, ….
    """

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a request asks for, checked and in its one spelling.

    Attributes:
        method: Upper case.
        host: Lower case; a name, a dotted IPv4 address, or an IPv6 address in brackets.
        path: Starts with a slash; as it will be sent.
        query: What follows the question mark, or None.
    """

    method: str
    scheme: Literal["http", "https"]
    host: str
    port: int
    path: str
    query: str | None = None

    @property
    def origin(self) -> str:
        """`scheme://host`, and the port where it is not the scheme's own."""
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What policy says of one request.

    Attributes:
        allowed_by: The grant that covers it, or None.
        rule: That grant as policy spells it, or the dotted name of the rule that denies:
            `egress.not_granted`, `egress.method`, `egress.path`, `egress.private_flow`.
        wanted: The capability that would allow it, as `hatchway grant` takes it, or empty when
            no grant would, or none can be recommended.
    """

    allowed_by: HttpAccess | None
    rule: str
    wanted: str = ""


def read_target(
    method: str, scheme: str | None, authority: str | None, target: str | None
) -> Target:
    """The request that a guest describes.

    Raises:
        NotARequestError: It has not the one spelling: `egress.bad_method`, `egress.bad_scheme`,
            `egress.bad_authority` or `egress.bad_target`.
    """
    if not METHOD.fullmatch(method) or method in FORBIDDEN_METHODS:
        raise NotARequestError("egress.bad_method", f"{shown(method)} is not a method to send")
    known = _scheme(scheme)
    if not authority or len(authority) > MAX_AUTHORITY:
        raise NotARequestError("egress.bad_authority", "a request needs one host")
    try:
        host, port = read_authority(authority)
    except ValueError as error:
        raise NotARequestError("egress.bad_authority", str(error)) from error
    path, has_query, query = _checked(target or "/").partition("?")
    return Target(
        method=method,
        scheme=known,
        host=host,
        port=DEFAULT_PORTS[known] if port is None else port,
        path=path,
        query=query if has_query else None,
    )


def _scheme(scheme: str | None) -> Literal["http", "https"]:
    # Checked first: some letters that are not ASCII become ASCII in lower case.
    known = scheme.lower() if scheme and scheme.isascii() else None
    if known not in DEFAULT_PORTS:
        message = f"expected the scheme http or https, got {shown(scheme)}"
        raise NotARequestError("egress.bad_scheme", message)
    return cast("Literal['http', 'https']", known)


def _checked(target: str) -> str:
    if len(target) > MAX_TARGET:
        message = f"a path and its query have at most {MAX_TARGET} characters"
        raise NotARequestError("egress.bad_target", message)
    if not _TARGET.fullmatch(target) or _NOT_A_TARGET.search(target):
        message = f"expected a path that starts with '/', got {shown(target)}"
        raise NotARequestError("egress.bad_target", message)
    return target


def capability_for(target: Target) -> str:
    """The least that would allow `target` where nothing of its origin is granted.

    Empty where a cloud hands out credentials: nobody is to be talked into granting that.
    """
    address = address_of(target.host)
    if address is not None and is_metadata(address):
        return ""
    access = HttpAccess(
        scheme=target.scheme,
        host=target.host,
        port=target.port,
        is_internal=is_inside(target.host),
    )
    return str(access)


def judge(grant: EgressGrant, target: Target, *, has_read_private: bool) -> Verdict:
    """Whether `grant` allows `target`, and why.

    Where several origins cover it, the most specific one decides: the longest prefix, then the
    exact host before the wildcard.
    """
    segments = plain_segments(target.path)
    asked = _access(target, segments or ())
    near = [origin for origin in grant.origins if covers(_whole(origin), asked)]
    if not near:
        return Verdict(allowed_by=None, rule="egress.not_granted", wanted=capability_for(target))
    if segments is None and any(origin.path_prefix != "/" for origin in near):
        # Where such a path leads is for the server to say, and prefixes mean something here.
        return Verdict(allowed_by=None, rule="egress.path")
    allowing = [origin for origin in near if covers(origin, asked)]
    if not allowing:
        return _denied(near, asked)
    if has_read_private and grant.flow is not None and not _reaches(grant.flow.may_reach, asked):
        return Verdict(allowed_by=None, rule="egress.private_flow")
    deciding = _most_specific(allowing)
    return Verdict(allowed_by=deciding, rule=str(deciding))


def _access(target: Target, segments: Iterable[str]) -> HttpAccess:
    return HttpAccess(
        scheme=target.scheme,
        host=target.host,
        port=target.port,
        path_prefix="/" + "/".join(segments),
        methods=(target.method,),
    )


def _whole(origin: HttpAccess) -> HttpAccess:
    return replace(origin, path_prefix="/", methods=None)


def _reaches(may_reach: Iterable[Capability], asked: HttpAccess) -> bool:
    return any(covers(origin, asked) for origin in may_reach)


def _denied(near: list[HttpAccess], asked: HttpAccess) -> Verdict:
    """The verdict on a request to a granted origin of which the path or the method is not."""
    below = _those(near, lambda origin: covers(replace(origin, methods=None), asked))
    if below:
        closest = _most_specific(below)
        wanted = replace(closest, host=asked.host, methods=asked.methods)
        return Verdict(allowed_by=None, rule="egress.method", wanted=str(wanted))
    willing = _those(near, lambda origin: covers(replace(origin, path_prefix="/"), asked))
    closest = _most_specific(willing or near)
    path = _suggested(asked.path_prefix)
    if path is None:
        return Verdict(allowed_by=None, rule="egress.path")
    methods = None if closest.methods is None else asked.methods
    wanted = replace(closest, host=asked.host, path_prefix=path, methods=methods)
    return Verdict(allowed_by=None, rule="egress.path", wanted=str(wanted))


def _those(origins: Iterable[HttpAccess], fits: Callable[[HttpAccess], bool]) -> list[HttpAccess]:
    return [origin for origin in origins if fits(origin)]


def _most_specific(origins: Iterable[HttpAccess]) -> HttpAccess:
    return max(origins, key=lambda origin: (_depth(origin.path_prefix), origin.host[0] != "*"))


def _depth(prefix: str) -> int:
    return sum(1 for part in prefix.split("/") if part)


def _suggested(path: str) -> str | None:
    """As much of `path` as a grant can spell; None for nothing of it."""
    kept = ""
    for part in path.split("/")[1:]:
        if not part.isprintable() or set(part) & set("?#") or len(kept + part) > _SPELLED_PATH:
            break
        kept += f"/{part}"
    return kept or None
