"""A Python tool that asks for little is built without the rest of WASI, and does what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from toolchains import require

from hatchway.audit.reading import read_artifact

if TYPE_CHECKING:
    from pathlib import Path

    from terminal import Terminal

pytestmark = pytest.mark.slow

APP = '''
"""Looks around."""

import os
import socket
import time
from pathlib import Path

from hatchway.sdk import tool


def found(look) -> str:
    try:
        return str(look())
    except OSError as error:
        return type(error).__name__


@tool(purpose="Say what is there", env="WHO", clock=True)
def look() -> list[str]:
    """Say what is there."""
    print("looking")
    return [
        os.environ.get("WHO", "nobody"),
        str(time.time() > 0),
        found(socket.socket),
        found(Path("/in/a").read_text),
        found(lambda: os.listdir("/")),
        str(Path("/etc/passwd").exists()),
    ]
'''


def test_a_tool_without_files_and_sockets_has_no_imports_for_them(
    terminal: Terminal, here: Path
) -> None:
    require("python")
    (here / "looks").mkdir()
    (here / "looks" / "app.py").write_text(APP)
    (here / "looks" / "tool.toml").write_text(
        'name = "looks"\nversion = "0.1.0"\nlicence = "MIT"\n'
    )

    built = terminal.run("build", "looks", "--json")
    said = terminal.run(
        *("run", "looks/looks.wasm", "--compiler", "winch", "--allow", "clock"),
        *("--allow", "env=WHO=Ada", "--", "{}"),
    )

    found = read_artifact((here / "looks" / "looks.wasm").read_bytes())
    names = {each.namespace for each in (*found.imports, *found.type_only)}
    assert {name for name in names if "sockets" in name or "filesystem" in name} == set()
    assert (built.status, built.json["grade"]) == (0, "A")
    assert said.status == 0
    assert '"Ada"' in said.out
    assert '"PermissionError", "FileNotFoundError", "FileNotFoundError", "False"' in " ".join(
        said.out.split()
    )
