"""Interpreters are built once, kept, admitted and published like every other artifact."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import interpreters
import pytest
from typer.testing import CliRunner

from hatchway.cli.main import app
from hatchway.core.errors import ConfigError, RegistryError
from hatchway.registry.digests import digest_of
from hatchway.runtime.interpreters import place_of, ready
from hatchway.runtime.settings import directories
from hatchway.sdk import interpreters as recipes
from hatchway.sdk.interpreters import python

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class _Recipe:
    """An interpreter that is quickly made."""

    language, version, needs = "python", "1", ()

    def __init__(self) -> None:
        self.built = 0

    def missing(self) -> str | None:
        return None

    def build(self, tell: Callable[[str], None], *needed: bytes) -> bytes:
        assert needed == ()
        self.built += 1
        tell("building")
        return b"made"


def _ignore(_words: str) -> None:
    pass


def test_an_interpreter_is_built_at_first_use_and_then_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe, told = _Recipe(), list[str]()
    monkeypatch.setattr(python, "RECIPE", recipe)

    first = ready("python", directories=directories(), tell=told.append)
    second = ready("python", directories=directories(), tell=told.append)

    assert first == second == place_of("python", directories=directories())
    assert first.read_bytes() == b"made"
    assert (recipe.built, told) == (1, ["building"])


def test_of_many_that_ask_at_once_one_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = _Recipe()
    monkeypatch.setattr(python, "RECIPE", recipe)

    def ask() -> None:
        ready("python", directories=directories(), tell=_ignore)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert recipe.built == 1


def test_a_language_without_interpreter_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(ConfigError) as refused:
        ready("cobol", directories=directories(), tell=_ignore)

    assert refused.value.code == "config.unknown_language"
    assert refused.value.hint == f"there are {', '.join(recipes.LANGUAGES)}"


def test_what_cannot_be_built_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = _Recipe()
    monkeypatch.setattr(recipe, "missing", lambda: "x is not installed: pip install x")
    monkeypatch.setattr(python, "RECIPE", recipe)

    with pytest.raises(ConfigError, match="cannot be built: x is not installed") as refused:
        ready("python", directories=directories(), tell=_ignore)

    assert (refused.value.code, refused.value.hint) == ("config.no_builder", "pip install x")


def test_a_place_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python, "RECIPE", _Recipe())
    own = directories()
    own.data.parent.mkdir(parents=True, exist_ok=True)
    own.data.write_text("a file where a directory should be")

    with pytest.raises(ConfigError) as refused:
        ready("python", directories=own, tell=_ignore)

    assert refused.value.code == "config.unwritable"


def test_the_version_follows_everything_that_is_built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("componentize_py")
    before = python.RECIPE.version

    monkeypatch.setattr(python, "_zones", lambda: {"zones/Here": b""})

    assert python.RECIPE.version != before
    assert python.RECIPE.version.startswith("0.25.1-")


@pytest.mark.slow
def test_the_python_interpreter_is_added_called_and_published_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("componentize_py")
    interpreters.lend("python", directories())
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke
    layout = f"oci-layout:{tmp_path}/layout:1"

    added = run(app, ["add", "builtin:python", "--yes"])
    called = run(app, ["call", "python", '{"code": "6 * 7"}'])
    pushed = run(app, ["push", "builtin:python", layout])
    from_there = run(app, ["add", layout, "--name", "py", "--yes"])

    assert added.exit_code == 0, added.stderr
    assert "42" in called.stdout, called.stderr
    assert pushed.exit_code == 0, pushed.stderr
    assert from_there.exit_code == 0, from_there.stderr
    assert digest_of(interpreters.artifact()) in run(app, ["show", "py", "--json"]).stdout


def test_a_builtin_that_is_pinned_to_other_bytes_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(python, "RECIPE", _Recipe())
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(app, ["add", f"builtin:python@sha256:{'0' * 64}", "--yes"])

    assert isinstance(result.exception, RegistryError)
    assert result.exception.code == "registry.digest_mismatch"
