"""The operator's proxy, as its URL describes it."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import unquote_to_bytes, urlsplit

if TYPE_CHECKING:
    from hatchway.egress.headers import Fields

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[0-9A-Za-z._:-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """Where every request goes first.

    Attributes:
        scheme: How it is spoken to.
        host: A name, or an address without brackets.
        fields: What proves to it who we are; empty where it need not know.
    """

    scheme: Literal["http", "https"]
    host: str
    port: int
    fields: tuple[tuple[bytes, bytes], ...] = ()


def read_proxy(url: str) -> Proxy:
    """The proxy that `url` names: `http://[USER:PASSWORD@]HOST[:PORT]`, or with `https`.

    Raises:
        ValueError: It names none; the message does not repeat it, for it may hold a password.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in _PORTS or not _HOST.fullmatch(host):
        message = "a proxy is http://HOST[:PORT] or https://HOST[:PORT]"
        raise ValueError(message)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        message = "the URL of a proxy has no path"
        raise ValueError(message)
    return Proxy(
        scheme=cast("Literal['http', 'https']", parts.scheme),
        host=host,
        port=parts.port or _PORTS[parts.scheme],
        fields=tuple(_login(parts.username, parts.password)),
    )


def _login(user: str | None, password: str | None) -> Fields:
    if user is None:
        return []
    login = unquote_to_bytes(user) + b":" + unquote_to_bytes(password or "")
    return [(b"proxy-authorization", b"Basic " + base64.b64encode(login))]
