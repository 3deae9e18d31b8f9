"""A package index, as the environment names it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote, urlsplit, urlunsplit

from hatchway.core.errors import ConfigError
from hatchway.core.secret import Secret
from hatchway.core.untrusted import printable
from hatchway.registry.credentials import Login
from hatchway.registry.hosts import Url, join_url, parse_url
from hatchway.registry.json_text import malformed
from hatchway.registry.members import MAX_PACKAGE_BYTES
from hatchway.registry.transport import require_success

if TYPE_CHECKING:
    from hatchway.registry.transport import Answer, Transport


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

    def package(
        self, place: str, transport: Transport, *, said: Answer, what: str, name: str
    ) -> bytes:
        """The file at a place that an answer of the index names.

        Args:
            place: Its URL, perhaps relative to where the answer came from.
            transport: Asks for it.
            said: The answer.
            what: What messages call the answer.
            name: What messages call the package.

        Raises:
            RegistryError: It is no place, or it cannot be had.
        """
        try:
            url = join_url(said.url, place)
        except ValueError as error:
            raise malformed(what, str(error)) from error
        answer = transport.request(
            "GET",
            url,
            limit_bytes=MAX_PACKAGE_BYTES,
            authorization=self.authorization_for(url),
        )
        return require_success(answer, name).body
