"""Where Hatchway keeps what."""

from __future__ import annotations

import pwd
from pathlib import Path

import pytest

from hatchway.core.errors import ConfigError
from hatchway.registry.settings import NPM, PYPI, SourceSettings
from hatchway.runtime.settings import Directories, directories, source_settings

ADA = pwd.struct_passwd(("ada", "x", 1000, 1000, "", "/home/ada", "/bin/sh"))
EVERY_VARIABLE = {
    "XDG_CONFIG_HOME": "/x/config",
    "XDG_DATA_HOME": "/x/data",
    "XDG_STATE_HOME": "/x/state",
    "XDG_CACHE_HOME": "/x/cache",
}


def test_each_kind_of_thing_has_its_directory_below_the_home() -> None:
    assert directories({"HOME": "/home/ada"}) == Directories(
        config=Path("/home/ada/.config/hatchway"),
        data=Path("/home/ada/.local/share/hatchway"),
        state=Path("/home/ada/.local/state/hatchway"),
        cache=Path("/home/ada/.cache/hatchway"),
    )


def test_variables_say_where_to_go_instead() -> None:
    assert directories({"HOME": "/home/ada", **EVERY_VARIABLE}) == Directories(
        config=Path("/x/config/hatchway"),
        data=Path("/x/data/hatchway"),
        state=Path("/x/state/hatchway"),
        cache=Path("/x/cache/hatchway"),
    )


@pytest.mark.parametrize("value", ["", "relative", "./x", "~/x"])
def test_a_variable_that_is_not_an_absolute_path_is_ignored(value: str) -> None:
    found = directories({"HOME": "/home/ada", "XDG_STATE_HOME": value})

    assert found.state == Path("/home/ada/.local/state/hatchway")


def test_with_all_variables_no_home_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    without_home(monkeypatch)

    assert directories(EVERY_VARIABLE).cache == Path("/x/cache/hatchway")


def test_the_environment_of_the_process_is_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    assert directories().data == tmp_path / "hatchway"


def without_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this process one whose user has no home anywhere."""

    def unknown(_: object) -> None:
        raise KeyError

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_without_any_home_the_operator_is_told_what_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_home(monkeypatch)

    with pytest.raises(ConfigError) as raised:
        directories({})

    assert raised.value.code == "config.no_home"
    assert raised.value.hint == (
        "set HOME, or XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_STATE_HOME and XDG_CACHE_HOME"
    )


@pytest.mark.parametrize("home", ["", "relative", "."])
def test_a_home_that_is_not_an_absolute_path_is_looked_up_in_the_user_database(
    home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", home)
    monkeypatch.setattr(pwd, "getpwuid", lambda _: ADA)

    assert directories({"HOME": home}).config == Path("/home/ada/.config/hatchway")


def test_without_a_home_in_the_environment_the_user_database_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", lambda _: ADA)

    assert directories({}).config == Path("/home/ada/.config/hatchway")


def test_every_file_has_its_place() -> None:
    found = directories(EVERY_VARIABLE)

    assert {
        "events": found.events,
        "artifacts": found.artifacts,
        "compiled": found.compiled,
        "compiled_key": found.compiled_key,
        "trusted_projects": found.trusted_projects,
        "http_token": found.http_token,
    } == {
        "events": Path("/x/state/hatchway/events.jsonl"),
        "artifacts": Path("/x/data/hatchway/artifacts"),
        "compiled": Path("/x/cache/hatchway/compiled"),
        "compiled_key": Path("/x/data/hatchway/compiled.key"),
        "trusted_projects": Path("/x/config/hatchway/trusted.json"),
        "http_token": Path("/x/state/hatchway/http-token"),
    }


def test_the_key_of_the_compiled_cache_is_not_in_the_cache() -> None:
    found = directories(EVERY_VARIABLE)

    assert not found.compiled_key.is_relative_to(found.cache)


# Where sources are fetched from


def test_without_variables_the_public_indexes_are_asked_and_the_login_is_that_of_docker() -> None:
    assert source_settings({"HOME": "/home/ada"}) == SourceSettings(
        pypi_index=PYPI,
        npm_registry=NPM,
        docker_config=Path("/home/ada/.docker/config.json"),
    )


@pytest.mark.parametrize("name", ["PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"])
def test_the_variables_of_pip_and_uv_say_which_index(name: str) -> None:
    found = source_settings({name: "https://index.example/simple"})

    assert found.pypi_index == "https://index.example/simple"


@pytest.mark.parametrize("name", ["NPM_CONFIG_REGISTRY", "npm_config_registry"])
def test_the_variables_of_npm_say_which_registry(name: str) -> None:
    assert source_settings({name: "https://npm.example"}).npm_registry == "https://npm.example"


def test_an_empty_variable_says_nothing() -> None:
    found = source_settings({"PIP_INDEX_URL": "", "UV_INDEX_URL": "https://index.example"})

    assert found.pypi_index == "https://index.example"


def test_docker_may_be_elsewhere_or_nowhere() -> None:
    elsewhere = source_settings({"DOCKER_CONFIG": "/etc/docker", "HOME": "/home/ada"})

    assert elsewhere.docker_config == Path("/etc/docker/config.json")
    assert source_settings({"DOCKER_CONFIG": "relative"}).docker_config is None


def test_the_environment_of_the_process_is_the_default_for_sources(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example")

    assert source_settings().pypi_index == "https://index.example"
