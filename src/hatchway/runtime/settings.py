"""Where Hatchway keeps what, after the XDG base directory specification."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hatchway.core.errors import ConfigError
from hatchway.registry.settings import NPM, PYPI, SourceSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = "hatchway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Directories:
    """Hatchway's own directories, one for each kind of thing.

    Attributes:
        config: The user's own policy and lockfile, and which projects are trusted.
        data: Artifacts and the key of the compiled cache.
        state: Events, and the token of the HTTP door.
        cache: Compiled code.
    """

    config: Path
    data: Path
    state: Path
    cache: Path

    @property
    def events(self) -> Path:
        """The newest file of the event log."""
        return self.state / "events.jsonl"

    @property
    def artifacts(self) -> Path:
        """The artifact store."""
        return self.data / "artifacts"

    @property
    def interpreters(self) -> Path:
        """What runs generated code, one file for each version that was built."""
        return self.data / "interpreters"

    @property
    def previous_pins(self) -> Path:
        """What was pinned before, for each policy."""
        return self.data / "previous"

    @property
    def remembered_pins(self) -> Path:
        """What was approved last, for each policy."""
        return self.data / "remembered"

    @property
    def approvals(self) -> Path:
        """What was audited on this machine."""
        return self.data / "approved.json"

    @property
    def compiled(self) -> Path:
        """The compiled cache."""
        return self.cache / "compiled"

    @property
    def compiled_key(self) -> Path:
        """The key that authenticates the compiled cache."""
        return self.data / "compiled.key"

    @property
    def trusted_projects(self) -> Path:
        """Which projects' policies are in force, with their hashes."""
        return self.config / "trusted.json"

    @property
    def http_token(self) -> Path:
        """The bearer token of the HTTP door."""
        return self.state / "http-token"


def directories(environment: Mapping[str, str] | None = None) -> Directories:
    """The directories that `environment` (by default the process's own) points to.

    Raises:
        ConfigError: There is no home directory and no variable that says where to go.
    """
    environment = os.environ if environment is None else environment

    def base(variable: str, *below_home: str) -> Path:
        value = environment.get(variable, "")
        # The specification says that relative values are to be ignored.
        if value.startswith("/"):
            return Path(value) / _NAME
        return _home(environment).joinpath(*below_home, _NAME)

    return Directories(
        config=base("XDG_CONFIG_HOME", ".config"),
        data=base("XDG_DATA_HOME", ".local", "share"),
        state=base("XDG_STATE_HOME", ".local", "state"),
        cache=base("XDG_CACHE_HOME", ".cache"),
    )


def source_settings(environment: Mapping[str, str] | None = None) -> SourceSettings:
    """Where sources are fetched from, by the variables that pip, uv, npm and docker use.

    Args:
        environment: By default the process's own.
    """
    environment = os.environ if environment is None else environment

    def first(*names: str, default: str) -> str:
        return next((environment[name] for name in names if environment.get(name)), default)

    docker = environment.get("DOCKER_CONFIG") or f"{environment.get('HOME', '')}/.docker"
    return SourceSettings(
        pypi_index=first("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL", default=PYPI),
        npm_registry=first("NPM_CONFIG_REGISTRY", "npm_config_registry", default=NPM),
        docker_config=Path(docker) / "config.json" if docker.startswith("/") else None,
    )


def home_directory() -> Path | None:
    """The user's own directory, or None where there is none."""
    try:
        return _home(os.environ)
    except ConfigError:
        return None


def _home(environment: Mapping[str, str]) -> Path:
    home = environment.get("HOME", "")
    if home.startswith("/"):
        return Path(home)
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError as error:
        message = "there is no home directory"
        hint = "set HOME, or XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_STATE_HOME and XDG_CACHE_HOME"
        raise ConfigError(message, code="config.no_home", hint=hint) from error
