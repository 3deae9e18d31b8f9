"""The import rules fail on the imports they forbid; a rule that cannot fail guards nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

PLANTED = {
    "a mechanism imports the path of a call": (
        "engine/module.py",
        "from hatchway.runtime import runtime",
    ),
    "mechanisms import each other": ("engine/module.py", "from hatchway.registry import store"),
    "a decision imports a mechanism": ("policy/decide.py", "from hatchway.engine import sandbox"),
    "words import a decision": ("core/grant.py", "from hatchway.policy import decide"),
    "the path of a call imports the wiring": ("runtime/runtime.py", "from hatchway import compose"),
    "the server imports the wiring": ("serve/server.py", "from hatchway import compose"),
    "the wiring imports the command line": ("compose/__init__.py", "from hatchway.cli import main"),
    "a decision reads the clock": ("policy/decide.py", "import time"),
    "a decision reads a file": ("policy/document.py", "import pathlib"),
    "a word reads the environment": ("core/limits.py", "import os"),
    "the path of a call knows the engine's library": ("runtime/runtime.py", "import wasmtime"),
    "what makes tools knows the engine's library": ("sdk/packing.py", "import wasmtime"),
    "the path of a call knows the protocol": ("runtime/runtime.py", "import mcp"),
    "the engine knows the command line's library": ("engine/module.py", "import rich"),
    "the store knows how signatures are checked": ("registry/store.py", "import cryptography"),
    "a package outside the layers": ("helpers/__init__.py", ""),
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_violation_breaks_a_contract(what: str, tmp_path: Path) -> None:
    place, planted = PLANTED[what]
    shutil.copytree(REPOSITORY / "src", tmp_path, dirs_exist_ok=True)
    file = tmp_path / "hatchway" / place
    file.parent.mkdir(exist_ok=True)
    file.write_text((file.read_text() if file.exists() else "") + f"\n{planted}\n")

    done = lint(tmp_path)

    assert done.returncode == 1
    # Importing what itself may not be imported breaks more than one.
    said = done.stdout + done.stderr
    assert re.search(r" [1-9]\d* broken|Missing|not specified|exhaustive", said), said


def test_without_a_violation_every_contract_is_kept() -> None:
    done = lint(REPOSITORY / "src")

    assert done.returncode == 0
    assert " 0 broken" in done.stdout


def lint(sources: Path) -> subprocess.CompletedProcess[str]:
    """Check the package in `sources` against the contracts of this repository."""
    return subprocess.run(
        [
            *(sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"),
            *("--config", str(REPOSITORY / "pyproject.toml"), "--no-cache"),
        ],
        cwd=sources,
        env={"PYTHONPATH": str(sources), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
