"""A file on a web server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.registry.hosts import parse_url
from hatchway.registry.transport import Transport, require_success

if TYPE_CHECKING:
    from hatchway.registry.reference import WebReference


def fetch_web(reference: WebReference, transport: Transport, *, limit_bytes: int) -> bytes:
    """What the server sends; its digest is compared by whoever asked.

    Raises:
        RegistryError: It sends nothing, or too much.
    """
    url = parse_url(f"{reference.scheme}://{reference.authority}{reference.path}")
    answer = transport.request("GET", url, limit_bytes=limit_bytes)
    return require_success(answer, str(url)).body
