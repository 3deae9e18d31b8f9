"""Asking the web from inside a component."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def fetch(
    url: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    redirects: int = 3,
) -> Any:
    """Send a request and wait for the whole response: `.status`, `.text`, `.json()`, `.body`.

    The function says in `@tool(origins=…)` where it asks, and the operator grants it.

    Raises:
        OSError: It is not allowed (`PermissionError`), or there is no response.
        ValueError: The request cannot be sent as it is.
        RuntimeError: This is not a component.
    """
    try:
        import hatchway_fetch
    except ImportError:
        message = "fetch works inside the sandbox only, in a tool that names its origins"
        raise RuntimeError(message) from None
    return hatchway_fetch.fetch(url, method, headers, body, redirects)
