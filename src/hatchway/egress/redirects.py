"""What a request becomes when its answer is that it should be asked elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from hatchway.egress.headers import without_body, without_credentials

if TYPE_CHECKING:
    from hatchway.core.exchange import Headers
    from hatchway.policy.egress import Target

MAX_REDIRECTS = 20
"""However many a guest would have followed."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_URL = re.compile(r"[!-~]{0,8192}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request on its way to a decision: the guest's own, or what a redirect made of it.

    Attributes:
        has_body: It carries the guest's body.
    """

    method: str
    scheme: str | None
    authority: str | None
    target: str
    headers: Headers
    has_body: bool = True


def location_of(status: int, headers: Headers) -> str | None:
    """Where a response sends whoever asked; None when it does not, or not to one place."""
    if status not in _REDIRECTS:
        return None
    places = [value for name, value in headers if name == "location"]
    if len(places) != 1:
        return None
    location = places[0].decode("latin-1")
    return location if location and _URL.fullmatch(location) else None


def followed(asked: Asked, target: Target, status: int, location: str) -> Asked:
    """The request that a redirect asks for; nothing about it is decided.

    Methods and bodies change as in browsers (Fetch, section 4.4). What the guest wrote for the
    origin alone does not leave it.
    """
    joined = urlsplit(urljoin(url_of(target), location))
    becomes_get = (status == 303 and asked.method not in {"GET", "HEAD"}) or (
        status in {301, 302} and asked.method == "POST"
    )
    path = joined.path or "/"
    following = replace(
        asked,
        scheme=joined.scheme,
        authority=joined.netloc,
        target=f"{path}?{joined.query}" if joined.query else path,
    )
    if becomes_get:
        headers = without_body(following.headers)
        following = replace(following, method="GET", headers=headers, has_body=False)
    if f"{joined.scheme}://{joined.netloc}".lower() != target.origin:
        following = replace(following, headers=without_credentials(following.headers))
    return following


def url_of(target: Target) -> str:
    """`target` as a URL."""
    return target.origin + path_of(target)


def path_of(target: Target) -> str:
    """Path and query, as they are sent."""
    return target.path if target.query is None else f"{target.path}?{target.query}"
