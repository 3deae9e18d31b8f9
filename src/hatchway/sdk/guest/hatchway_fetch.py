"""HTTP requests for Python tools that componentize-py builds: `hatchway:egress/fetch`.

Copy this file next to the tool, and `fetch.wit` into the folder `deps` beside its world, which
says `import hatchway:egress/fetch@0.1.0;`. Then:

    from hatchway_fetch import fetch

    stars = fetch("https://api.example.com/stars").raise_for_status().json()
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from componentize_py_types import Err
from wit_world.imports import fetch as host

if TYPE_CHECKING:
    from collections.abc import Mapping


class FetchError(OSError):
    """There is no response, or one that `raise_for_status` does not accept."""


class DeniedError(FetchError, PermissionError):
    """Policy does not allow the request. The operator is told what would."""


class TimedOutError(FetchError, TimeoutError):
    """The other side took too long."""


@dataclass(frozen=True, kw_only=True)
class Response:
    """What came back.

    Attributes:
        url: Where it came from in the end, after redirects.
        headers: Values by name in lower case; those of one name are joined with commas.
    """

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body, read as UTF-8."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The value that the body spells."""
        return json.loads(self.body)

    def raise_for_status(self) -> Response:
        """This response, unless its status is 400 or more.

        Raises:
            FetchError: It is.
        """
        if self.status >= 400:
            message = f"{self.url} answered with status {self.status}"
            raise FetchError(message)
        return self


def fetch(
    url: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    redirects: int = 3,
) -> Response:
    """Send a request and wait for the whole response, whatever its status.

    Raises:
        DeniedError: Policy does not allow it.
        TimedOutError: The other side took too long.
        FetchError: There is no response for another reason.
        ValueError: The request cannot be sent as it is.
    """
    request = host.Request(
        method=method.upper(),
        url=url,
        headers=list((headers or {}).items()),
        body=body,
        redirects=redirects,
    )
    try:
        found = host.fetch(request)
    except Err as error:
        raise _explained(error.value, f"{request.method} {url}") from None
    joined: dict[str, str] = {}
    for name, value in found.headers:
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return Response(status=found.status, url=found.url, headers=joined, body=found.body)


def _explained(error: Any, request: str) -> Exception:
    match error:
        case host.Error_Denied():
            return DeniedError(f"{request} is not allowed")
        case host.Error_Timeout():
            return TimedOutError(f"{request} took too long")
        case host.Error_TooLarge():
            return FetchError(f"{request}: the request or the response is too large")
        case host.Error_Invalid(value):
            return ValueError(f"{request}: {value}")
        case _:
            return FetchError(f"{request}: {error.value}")
