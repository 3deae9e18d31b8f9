"""A tool in Python at the command line, whole: one build, its calls and its own tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from code_homes import move_in
from egress_servers import echo, serving
from toolchains import require

if TYPE_CHECKING:
    from pathlib import Path

    from terminal import Terminal

pytestmark = pytest.mark.slow

APP = '''
"""Looks things up."""

from hatchway.sdk import ToolError, fetch, tool


@tool(purpose="Look a word up", origins="http://localhost", read_only=True)
def look_up(url: str, word: str = "none") -> dict[str, str]:
    """Look a word up.

    Args:
        url: Where.
    """
    if not word:
        raise ToolError("which word?")
    asked = fetch(url, method="POST", headers={"x-word": word}, body=word.encode()).json()
    named = dict(asked["headers"])
    return {"method": asked["method"], "target": asked["target"], "word": named["x-word"]}
'''

TESTS = """
import os
import sys

import pytest_is_not_needed
from app import look_up


def test_that_is_good() -> None:
    assert pytest_is_not_needed.FACT == 1


def test_that_is_wrong() -> None:
    print("about to compare")
    assert {"a": 1} == {"a": 2}


def test_that_wants_a_fixture(tmp_path) -> None:
    pass


def test_that_leaves() -> None:
    sys.exit(0)


def test_that_looks_around() -> None:
    assert not os.path.exists("/etc/passwd")
    assert "HOME" not in os.environ
    assert "PATH" not in os.environ


def test_that_asks_the_web() -> None:
    look_up("http://localhost/")


def helper() -> None:
    raise AssertionError("nobody calls this")
"""


WRONG = {
    "sub.test_broken": "ModuleNotFoundError: No module named 'nothing_like_it'",
    "test_app.test_that_is_wrong": 'File "/work/test_app.py", line 15, in test_that_is_wrong',
    "test_app.test_that_wants_a_fixture": "a test takes no parameters",
    "test_app.test_that_leaves": "SystemExit: 0",
    "test_app.test_that_asks_the_web": "fetch works inside the sandbox only",
}


def calls(port: int) -> str:
    origin = f"http://localhost:{port}"
    return f"""
allow = ["net.http=http://localhost;internal"]

[[call]]
name = "asks where it may"
allow = ["net.http={origin};internal"]
arguments = {{ url = "{origin}/a?b", word = "ä" }}
result = {{ method = "POST", target = "/a?b", word = "ä" }}

[[call]]
name = "is denied where it may not"
arguments = {{ url = "{origin}/a" }}
error = "is not allowed"
denied = ["net.http"]

[[call]]
name = "says what is wrong in its own words"
arguments = {{ url = "{origin}/a", word = "" }}
error = "which word?"
denied = []
"""


def project(directory: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)


def test_calls_and_functions_are_tried_in_the_sandbox_and_told_apart(
    terminal: Terminal, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require("python")
    move_in(monkeypatch)
    with serving(echo) as origin:
        project(
            here / "words",
            {
                "app.py": APP,
                "pytest_is_not_needed.py": "FACT = 1\n",
                "test_app.py": TESTS,
                "sub/test_broken.py": "import nothing_like_it\n",
                "calls.toml": calls(origin.port),
                "tool.toml": 'name = "words"\nversion = "0.1.0"\nlicence = "MIT"\n',
            },
        )

        shared = "net.http=http://localhost;internal"
        own = f"net.http=http://localhost:{origin.port};internal"
        tested = terminal.run("test", "words", "--allow", shared, "--allow", own, "--json")

    found: dict[str, Any] = {each["name"]: each for each in tested.json["tests"]}
    assert (tested.status, tested.json["ok"]) == (1, False)
    assert {name for name, each in found.items() if each["ok"]} == {
        "asks where it may",
        "is denied where it may not",
        "says what is wrong in its own words",
        "test_app.test_that_is_good",
        "test_app.test_that_looks_around",
    }
    assert {each["kind"] for name, each in found.items() if "test_" in name} == {"function"}
    assert {name: why for name, why in WRONG.items() if why not in complaint(found[name])} == {}
    assert found["test_app.test_that_is_wrong"]["output"] == "about to compare\n"
    assert "10 tests, 5 failed" in tested.err
    assert [heard.target for heard in origin.heard] == ["/a?b"]


def complaint(tried: dict[str, Any]) -> str:
    return "\n".join(tried["complaints"])


WORLD = """
package local:greeting;

world greeting {
  import wasi:random/random@0.2.0;
  export greet-all: func(names: list<string>) -> string;
}
"""
RANDOM = """
package wasi:random@0.2.0;

interface random {
  get-random-u64: func() -> u64;
}
"""
GREETER = """
from wit_world.imports import random


class WitWorld:
    def greet_all(self, names: list[str]) -> str:
        return f"Hello, {' and '.join(names)}! {type(random.get_random_u64()).__name__}"
"""
MANIFEST = """
name = "greeter"
version = "0.1.0"
licence = "MIT"

[[tools]]
name = "greet-all"
purpose = "Greet several people at once"
parameters = { names = "Who." }
requires = [{ capability = "random", reason = "so that no greeting is like another" }]
"""


def test_a_program_may_implement_a_world_of_its_authors_own(terminal: Terminal, here: Path) -> None:
    require("python")
    project(
        here / "greeter",
        {
            "app.py": GREETER,
            "wit/world.wit": WORLD,
            "wit/deps/random/random.wit": RANDOM,
            "tool.toml": MANIFEST,
        },
    )

    built = terminal.run("build", "greeter")
    said = terminal.run(
        *("run", "greeter/greeter.wasm", "--compiler", "winch", "--allow", "random"),
        *("--", '{"names": ["Ada", "Grace"]}'),
    )

    assert built.status == 0
    assert "tools        greeter.greet-all" in built.out
    assert "will ask for random: so that no greeting is like another" in built.out
    assert "can use      random (get-random-bytes, get-random-u64)" in built.out
    assert (said.status, said.out) == (0, "Hello, Ada and Grace! int\n")
