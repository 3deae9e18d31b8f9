"""Credentials for registries, and whom they may be shown to.

They are read from the `auths` of docker's `config.json`. Credential helpers are programs,
and none is run.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatchway.core.errors import ConfigError, RegistryError
from hatchway.core.secret import Secret
from hatchway.core.untrusted import printable
from hatchway.registry.json_text import read_object

if TYPE_CHECKING:
    from pathlib import Path

    from hatchway.registry.hosts import Url

_MAX_CONFIG_BYTES = 1 << 20
_MAX_CHALLENGE_CHARACTERS = 4096
_CHALLENGE = re.compile(r"\s*(Basic|Bearer)\s+(.*)", re.IGNORECASE)
_PARAMETER = re.compile(r'\s*([A-Za-z_]+)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=:-]{1,32768}")

DOCKER_HUB = "registry-1.docker.io"
"""What answers for `docker.io`."""

_NAMES = {DOCKER_HUB: ("docker.io", "index.docker.io", DOCKER_HUB)}
_TOKEN_SERVICES = {DOCKER_HUB: "auth.docker.io", "registry.gitlab.com": "gitlab.com"}
"""Registries that are known to have their tokens made by another host.

No registry may choose one by itself: it would name a host where others have an account, and be
handed the token that was made there.
"""


@dataclass(frozen=True, slots=True)
class Login:
    """A user name and a password."""

    user: str
    password: Secret

    def header(self) -> Secret:
        """The `Authorization` of a Basic login."""
        pair = f"{self.user}:{self.password.reveal()}".encode()
        return Secret(f"Basic {base64.b64encode(pair).decode()}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What a registry wants to see.

    Attributes:
        realm: Where tokens are made, for `bearer`.
        service: What the token is for, for `bearer`.
    """

    scheme: str
    realm: str = ""
    service: str = ""


def login_for(authority: str, config: Path | None) -> Login | None:
    """The login that docker's configuration has for a registry.

    Raises:
        ConfigError: There is such a file, and it cannot be understood.
    """
    auths = _auths(config)
    for name in _NAMES.get(authority, (authority,)):
        entry = auths.get(name)
        if isinstance(entry, dict) and isinstance(entry.get("auth"), str) and entry["auth"]:
            return _decoded(entry["auth"], name)
    return None


def _auths(config: Path | None) -> dict[str, Any]:
    if config is None:
        return {}
    try:
        with config.open("rb") as stream:
            data = stream.read(_MAX_CONFIG_BYTES)
    except FileNotFoundError:
        return {}
    except OSError as error:
        message = f"cannot read {str(config)!r}: {error.strerror}"
        raise ConfigError(message, code="config.unreadable") from error
    try:
        auths = read_object(data, what=str(config)).get("auths", {})
    except RegistryError as error:
        raise ConfigError(error.message, code="config.syntax") from error
    return {_bare(name): value for name, value in auths.items()} if isinstance(auths, dict) else {}


def _bare(name: str) -> str:
    """The host of a key such as `https://index.docker.io/v1/`."""
    return name.removeprefix("https://").removeprefix("http://").partition("/")[0].lower()


def _decoded(auth: str, name: str) -> Login:
    try:
        user, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except ValueError:
        user, colon, password = "", "", ""
    if not colon:
        message = f"the credentials for {printable(name)} in docker's config.json are damaged"
        raise ConfigError(message, code="config.syntax", hint=f"docker login {printable(name)}")
    return Login(user, Secret(password))


def challenge_of(header: str) -> Challenge:
    """What a `WWW-Authenticate` asks for; the first challenge counts.

    Raises:
        ValueError: It is not one that can be answered.
    """
    found = _CHALLENGE.match(header) if len(header) <= _MAX_CHALLENGE_CHARACTERS else None
    if found is None:
        message = f"{printable(header, limit=80)!r} is not a challenge that can be answered"
        raise ValueError(message)
    if found[1].lower() == "basic":
        return Challenge(scheme="basic")
    values: dict[str, str] = {}
    position = 0
    while parameter := _PARAMETER.match(found[2], position):
        values.setdefault(parameter[1].lower(), parameter[2])
        position = parameter.end()
    if not values.get("realm"):
        message = "it asks for a token, and does not say where they are made"
        raise ValueError(message)
    return Challenge(scheme="bearer", realm=values["realm"], service=values.get("service", ""))


def may_see_login(realm: Url, registry: Url) -> bool:
    """Whether the login for `registry` may be sent to where its tokens are made."""
    if realm.origin == registry.origin:
        return True
    known = _TOKEN_SERVICES.get(registry.authority)
    return realm.scheme == "https" and realm.authority == known


def bearer_of(document: dict[str, Any]) -> Secret:
    """The header for the token of a token service's answer.

    Raises:
        ValueError: There is none in it.
    """
    token = document.get("token") or document.get("access_token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        message = "the token service answered without a token"
        raise ValueError(message)
    return Secret(f"Bearer {token}")
