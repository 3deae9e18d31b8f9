"""The files of a new tool in Python."""

from __future__ import annotations

_APP = '''"""@NAME@: the functions of a tool."""

from collections import Counter

from hatchway.sdk import ToolError, tool


@tool(purpose="Count how often each word stands in a text", read_only=True, idempotent=True)
def count_words(text: str, at_least: int = 1) -> dict[str, int]:
    """Count how often each word stands in a text, whatever its case.

    Args:
        text: The text.
        at_least: Leave out words that stand there less often.
    """
    if at_least < 1:
        raise ToolError(f"at_least must be 1 or more, got {at_least}")
    counts = Counter(text.lower().split())
    return {word: count for word, count in sorted(counts.items()) if count >= at_least}
'''

_TEST = '''"""Tests of the functions: plain asserts, run by `hatchway test` or by pytest."""

from app import count_words


def test_case_does_not_matter() -> None:
    assert count_words("Oh oh my") == {"my": 1, "oh": 2}


def test_rare_words_are_left_out() -> None:
    assert count_words("a b b", at_least=2) == {"b": 2}
'''

CALLS = """# Calls that `hatchway test` makes, each in a fresh sandbox, as an MCP client would.

[[call]]
name = "counts words whatever their case"
function = "count_words"
arguments = { text = "Oh oh my" }
result = { my = 1, oh = 2 }

[[call]]
name = "says what is wrong"
function = "count_words"
arguments = { text = "", at_least = 0 }
error = "at_least must be 1 or more"
"""

_TOOL = """name = "@NAME@"
version = "0.1.0"
licence = "Apache-2.0"
"""

MAKEFILE = """.PHONY: build test dev clean

build:
\thatchway build

test:
\thatchway test

dev:
\thatchway dev

clean:
\trm -f @NAME@.wasm
"""

IGNORED = """*.wasm
__pycache__/
"""

_README = """# @NAME@

A tool for MCP clients, in Python. It runs in a WebAssembly sandbox and may touch nothing.

| File | Holds |
|---|---|
| `app.py` | the functions; every one with `@tool(…)` becomes a tool |
| `test_app.py` | tests of the functions |
| `calls.toml` | calls of the finished tool, and what they must answer |
| `tool.toml` | name, version, licence |

```sh
hatchway build            # compile, audit, write @NAME@.wasm
hatchway test             # run all tests in the sandbox
hatchway dev              # serve to an MCP client, and rebuild on every change
```
"""


def filled(files: dict[str, str], name: str) -> dict[str, str]:
    """`files` with the project's name where they leave room for it."""
    return {path: text.replace("@NAME@", name) for path, text in files.items()}


def files_of(name: str) -> dict[str, str]:
    """The files, by path."""
    files = {
        "app.py": _APP,
        "test_app.py": _TEST,
        "calls.toml": CALLS,
        "tool.toml": _TOOL,
        "Makefile": MAKEFILE,
        ".gitignore": IGNORED,
        "README.md": _README,
    }
    return filled(files, name)
