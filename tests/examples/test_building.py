"""The committed artifacts are what their sources say, and a tool in Python works too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import wasmtime

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "examples"
YEAR_2000 = 946_684_800


def hatchway(*arguments: str | Path) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "hatchway", *arguments], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.mark.parametrize("source", sorted(EXAMPLES.rglob("*.wat")), ids=lambda file: file.stem)
def test_what_is_written_as_text_assembles_to_the_committed_bytes(source: Path) -> None:
    assert wasmtime.wat2wasm(source.read_text()) == source.with_suffix(".wasm").read_bytes()


@pytest.mark.artifacts
@pytest.mark.slow
def test_every_example_builds_to_the_committed_bytes() -> None:
    done = subprocess.run(
        [sys.executable, REPOSITORY / "scripts" / "build-examples"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "DIFFERS" not in done.stdout


@pytest.mark.artifacts
@pytest.mark.slow
def test_a_python_tool_works_and_finds_neither_files_nor_time(tmp_path: Path) -> None:
    pytest.importorskip("componentize_py")
    source = tmp_path / "source"
    source.mkdir()
    for name in ("world.wit", "app.py"):
        (source / name).write_bytes((EXAMPLES / "python-tool" / name).read_bytes())
    artifact = tmp_path / "python-tool.wasm"
    build = ("-d", "world.wit", "-w", "python-tool", "componentize", "app", "-o", str(artifact))
    subprocess.run(
        [Path(sys.executable).with_name("componentize-py"), *build],
        cwd=source,
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )

    added = hatchway("add", artifact, "--yes", "--json")
    counted = hatchway(
        "call", "python-tool.common-words", '{"text": "b a b a b c", "most": 2}', "--json"
    )
    looked = hatchway("call", "python-tool.look-around", "{}", "--json")

    assert added["grants"] == []
    assert counted["structured"] == {
        "result": [{"word": "b", "count": 3}, {"word": "a", "count": 2}]
    }
    assert counted["denials"] == []
    around = looked["structured"]
    assert around["opened"] == "denied: Permission denied"
    assert around["environment"] == []
    assert YEAR_2000 <= around["time"] < YEAR_2000 + 60
    assert looked["gated"]["clock"] > 0
    assert [(item["capability"], item["attempted"]) for item in looked["denials"]] == [
        ("fs.read", "/etc/passwd")
    ]
