"""Rust: what is missing is said exactly, and a project builds to the same bytes anywhere."""

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

CARGO = """set > {told}; echo "$@" >> {told}
mkdir -p "$CARGO_TARGET_DIR/wasm32-wasip1/release"
echo wasm > "$CARGO_TARGET_DIR/wasm32-wasip1/release/words.wasm" """
RUSTC = 'case "$2" in --target=wasm32-wasip1) echo {place};; *) exit 1;; esac'


def with_cargo(directory: Path, monkeypatch: pytest.MonkeyPatch, *, has_target: bool) -> Path:
    """A cargo that writes down what it is told, and a rustc with or without the target."""
    told, place = directory / "told", directory / "libdir"
    if has_target:
        place.mkdir()
    program(directory / "bin", "cargo", CARGO.format(told=told))
    program(directory / "bin", "rustc", RUSTC.format(place=place))
    monkeypatch.setenv("PATH", str(directory / "bin"))
    return told


def test_a_new_project_is_recognised_and_its_tables_can_be_read(tmp_path: Path) -> None:
    project = new_project("rust", tmp_path)

    manifest = parse_manifest_toml((project / "tool.toml").read_text(), file="tool.toml")
    calls = parse_calls((project / "calls.toml").read_text(), file="calls.toml")

    assert language("rust").recognises(project)
    assert not language("rust").recognises(tmp_path / "elsewhere")
    assert manifest.name == "words"
    assert len(calls.calls) == 2


def test_without_cargo_the_command_that_brings_it_is_the_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ConfigError, match="cargo is not installed") as raised:
        build("rust", new_project("rust", tmp_path))

    assert raised.value.code == "config.no_builder"
    assert raised.value.hint == "apt-get install cargo rustc libstd-rust-dev-wasm32 lld"


def test_a_cargo_without_the_target_is_told_which_to_add(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_cargo(tmp_path, monkeypatch, has_target=False)

    problem = language("rust").missing()

    assert problem == (
        "cargo has no standard library for wasm32-wasip1: rustup target add wasm32-wasip1"
    )


def test_what_cargo_is_told_depends_on_the_project_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = with_cargo(tmp_path, monkeypatch, has_target=True)
    # The program above is a shell script, and needs `mkdir` where cargo needs a linker.
    project = new_project("rust", tmp_path / "project")
    monkeypatch.setenv("RUSTFLAGS", "--cfg=evil")
    monkeypatch.setenv("SECRET", "hunter2")

    built = build("rust", project)

    words = told.read_text()
    assert built.artifact == b"wasm\n"
    assert "--locked --offline --target=wasm32-wasip1 --bin=words" in words
    assert f"--remap-path-prefix={project}=/project" in words
    assert "evil" not in words
    assert "hunter2" not in words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[[bin]]\nname = "a"\n[[bin]]\nname = "b"\n', "has 2 programs, and a tool is one"),
        ("[dependencies]\n", "has no \\[package\\] with a name"),
        ("bin = 1\npackage = 2\n", "has no \\[package\\] with a name"),
        ("[[", "cannot read"),
    ],
)
def test_a_package_that_is_not_one_program_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str
) -> None:
    with_cargo(tmp_path, monkeypatch, has_target=True)
    project = new_project("rust", tmp_path / "project")
    (project / "Cargo.toml").write_text(text)

    with pytest.raises(ConfigError, match=expected):
        build("rust", project)


@pytest.mark.artifacts
@pytest.mark.slow
def test_two_copies_of_a_project_build_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_kept_builds(monkeypatch)
    require("rust")

    first = build("rust", new_project("rust", tmp_path / "one")).artifact
    second = build("rust", new_project("rust", tmp_path / "a" / "longer" / "way")).artifact

    assert first == second
    assert str(tmp_path).encode() not in first


@pytest.mark.artifacts
@pytest.mark.slow
def test_what_does_not_compile_is_said_in_rusts_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_kept_builds(monkeypatch)
    require("rust")
    project = new_project("rust", tmp_path)
    (project / "src" / "main.rs").write_text("fn main() { nothing() }\n")

    with pytest.raises(ConfigError, match="cannot find function `nothing`") as raised:
        build("rust", project)

    assert raised.value.code == "config.build_failed"
