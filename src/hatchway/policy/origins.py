"""Where an artifact comes from, in one spelling, and the patterns that rules match it with.

A rule must not be dodged by spelling a place another way, nor caught by a place that merely
looks like it. So a place has exactly one spelling here, its *origin*: no version, no digest,
no upper case in names that know none, no escapes. What has no such spelling has no origin, and
no rule matches it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hatchway.policy.grammar import absolute_path

_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_HOST = rf"(?P<host>{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{{1,5}}))?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_DIGEST = r"sha256:[0-9a-f]{64}"

_OCI = re.compile(
    rf"(?P<scheme>oci)://{_HOST}/(?P<path>{_PART}(?:/{_PART})*)"
    rf"(?::[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}})?(?:@{_DIGEST})?",
    re.ASCII,
)
_WEB = re.compile(
    rf"(?P<scheme>https?)://{_HOST}/(?P<path>[A-Za-z0-9._~!$&'()+,;=:@/-]*?)(?:@{_DIGEST}|#sha256=[0-9a-f]{{64}})?",
    re.ASCII,
)
_PYPI = re.compile(
    r"pypi:(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:(?:==|#)[^\s]*)?", re.ASCII
)
_NPM_PART = r"[a-z0-9~-][a-z0-9._~-]*"
_NPM = re.compile(rf"npm:(?P<name>(?:@{_NPM_PART}/)?{_NPM_PART})(?:[@#][^\s]*)?", re.ASCII)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:", re.ASCII)

_LAYOUT = re.compile(
    rf"oci-layout:(?P<path>[^%:@]+)(?::[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}})?(?:@{_DIGEST})?"
)
_LAYOUT_SCHEME = "oci-layout:"

_WHOLE = ("oci://", "https://", "http://", "oci-layout:", "pypi:", "npm:")
"""What stands before `*` for everything of one kind."""

_DEFAULT_PORTS = ("443", "80")
"""They are left out. What spells them names a place in a second way."""

EXAMPLES = 'match = "oci://ghcr.io/acme/*", "./tools/*", "pypi:NAME", "npm:@acme/*" or "*"'


def origin_of(source: str, *, base: str) -> str | None:
    """The one spelling of the place that `source` names, or None when it has none.

    Tags, versions, digests and paths inside a package are left out: a rule is about a place.

    Args:
        source: As a policy spells it.
        base: The absolute directory that relative paths start from.
    """
    if _SCHEME.match(source) is None:
        return _path(source, base)
    if match := _OCI.fullmatch(source) or _WEB.fullmatch(source):
        return _remote(match)
    if match := _LAYOUT.fullmatch(source):
        return _prefixed(_LAYOUT_SCHEME, _path(match["path"], base))
    if match := _PYPI.fullmatch(source):
        return "pypi:" + re.sub(r"[-_.]+", "-", match["name"]).lower()
    if match := _NPM.fullmatch(source):
        return f"npm:{match['name']}"
    return None


def _remote(match: re.Match[str]) -> str | None:
    if any(part in ("", ".", "..") for part in match["path"].split("/")):
        return None
    port = match["port"]
    if port is None:
        return f"{match['scheme']}://{match['host']}/{match['path']}"
    if port in _DEFAULT_PORTS or port.startswith("0") or int(port) > 65535:
        return None
    return f"{match['scheme']}://{match['host']}:{port}/{match['path']}"


def _prefixed(scheme: str, path: str | None) -> str | None:
    return None if path is None else scheme + path


def _path(source: str, base: str) -> str | None:
    if not source or "\0" in source:
        return None
    return absolute_path(source, base)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """Which places a rule is about: one, or everything below one.

    Attributes:
        literal: An origin, or for everything below it the part before the `*`.
        is_exact: It is one place.
    """

    literal: str
    is_exact: bool

    def matches(self, origin: str) -> bool:
        """Whether the place `origin` is one of them."""
        return origin == self.literal if self.is_exact else origin.startswith(self.literal)

    @property
    def specificity(self) -> tuple[int, bool]:
        """The more, the more specific: the length of what must be equal, then exactness.

        Of all patterns that match one place no two have the same, unless they are equal.
        """
        return (len(self.literal), self.is_exact)


def parse_pattern(text: str, *, base: str) -> Pattern:
    """The pattern that `text` spells.

    Raises:
        ValueError: It is none, or not in the one spelling; the message says what would be.
    """
    if text == "*":
        return Pattern(literal="", is_exact=False)
    before, star, after = text.partition("*")
    if after:
        raise ValueError("one '*' may stand at its end, for everything below")
    if star and before in _WHOLE:
        return Pattern(literal=before, is_exact=False)
    if star and not before.endswith("/"):
        message = "'*' stands after a '/', so that a name that only begins alike does not match"
        raise ValueError(message)
    if before.startswith(_LAYOUT_SCHEME):
        return _path_pattern(_LAYOUT_SCHEME, before, base, is_exact=not star)
    if _SCHEME.match(before) is None:
        return _path_pattern("", before, base, is_exact=not star)
    return _remote_pattern(before, base, is_exact=not star)


def _remote_pattern(literal: str, base: str, *, is_exact: bool) -> Pattern:
    # What could stand there must be an origin exactly as it is written.
    sample = literal if is_exact else f"{literal}x"
    origin = origin_of(sample, base=base)
    if origin is None:
        raise ValueError("it is not a place: check case, escapes, '..' and empty parts")
    if origin != sample:
        raise ValueError("a place has one spelling, without tag, version and digest")
    return Pattern(literal=literal, is_exact=is_exact)


def _path_pattern(scheme: str, text: str, base: str, *, is_exact: bool) -> Pattern:
    path = text.removeprefix(scheme)
    if not path.startswith(("/", "./")):
        raise ValueError("a path starts with '/' or './'")
    parts = path.removeprefix("./").removeprefix("/").split("/")
    if not is_exact:
        parts.pop()
    if any(part in ("", ".", "..") for part in parts):
        raise ValueError("a path has no '.', '..' or empty parts")
    origin = origin_of(text, base=base)
    if origin is None or (scheme and set(":@") & set(path)):
        raise ValueError("it is not a path without tag and digest")
    literal = origin if is_exact else f"{origin.rstrip('/')}/"
    return Pattern(literal=literal, is_exact=is_exact)
