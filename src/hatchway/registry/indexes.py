"""A package index, as the environment names it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self
from urllib.parse import unquote, urlsplit, urlunsplit

from hatchway.core.errors import ConfigError
from hatchway.core.secret import Secret
from hatchway.core.untrusted import printable
from hatchway.registry.credentials import Login
from hatchway.registry.hosts import Url, parse_url


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A base URL, and the credentials that stood in it.

    Attributes:
        base: With a slash at its end.
        login: Shown to this origin only.
    """

    base: Url
    login: Login | None

    @classmethod
    def parse(cls, text: str, *, what: str) -> Self:
        """The index that `text` names.

        Raises:
            ConfigError: It is no URL that may be asked. The URL is not shown: it may hold a
                password.
        """
        try:
            parts = urlsplit(text)
            bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
            base = parse_url(bare if bare.endswith("/") else f"{bare}/")
        except ValueError as error:
            host = printable(text.rpartition("@")[2], limit=120)
            message = f"{what} cannot be asked at {host!r}"
            hint = "it must be https://…, or http:// on this machine"
            raise ConfigError(message, code="config.bad_source", hint=hint) from error
        login = None
        if parts.username:
            login = Login(unquote(parts.username), Secret(unquote(parts.password or "")))
        return cls(base=base, login=login)

    def below(self, path: str) -> Url:
        """A place below the index."""
        return parse_url(f"{self.base}{path}")

    def authorization_for(self, url: Url) -> Secret | None:
        """The header for a request to `url`: none for any other origin."""
        if self.login is None or url.origin != self.base.origin:
            return None
        return self.login.header()
