"""The README and every guide say what happens: their commands are run, their output compared.

A `console` block is run line by line where `$` stands, in one directory per document, with the
examples beside it. `…` in the expected output stands for anything. A block with `file=NAME` is
written to that file. Blocks marked `sh` are commands that the gate itself runs, or that need a
network or an end that a person gives.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from code_homes import move_in
from toolchains import require, use_kept_builds

from hatchway.sdk.languages import LANGUAGES

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    REPOSITORY / "README.md",
    REPOSITORY / "examples" / "README.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
]
# Guides that need a compiler, by the language of `hatchway new` that they are about.
COMPILED = {REPOSITORY / "docs" / "guides" / f"{name}.md": name for name in LANGUAGES}
# Those whose compiler comes from a package registry.
FETCHED = ("go", "javascript", "rust")
# What runs an interpreter.
WITH_INTERPRETERS = ("$ hatchway exec", "| hatchway exec", "$ hatchway add builtin:")
_BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Command:
    """One line after `$`, and what the document says it prints."""

    line: str
    expected: str

    def explain(self, printed: str) -> str:
        return f"$ {self.line}\n--- the document says\n{self.expected}--- it prints\n{printed}"


def commands_of(block: str) -> list[Command]:
    found = []
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, _, expected = part.partition("\n")
        found.append(Command(line, expected))
    return found


def matches(expected: str, printed: str) -> bool:
    # A line that is nothing but … stands for any number of lines, also none.
    pattern = re.escape(expected.replace("\n…\n", "\n⋮").removeprefix("…\n"))
    if expected.startswith("…\n"):
        pattern = "(?:.*\n)*?" + pattern
    pattern = pattern.replace("⋮", "(?:.*\n)*?").replace("…", "[^\n]*")
    return re.fullmatch(pattern, printed) is not None


def with_commands(file: Path) -> bool:
    return any(kind == "console" for kind, _, _ in _BLOCK.findall(file.read_text()))


def marks_of(file: Path) -> list[pytest.MarkDecorator]:
    is_fetched = COMPILED.get(file) in FETCHED
    return [pytest.mark.artifacts, pytest.mark.slow] if is_fetched else []


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(file, id=file.relative_to(REPOSITORY).as_posix(), marks=marks_of(file))
        for file in DOCUMENTS
        if with_commands(file)
    ],
)
def test_what_a_document_says_happens(
    document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if document in COMPILED:
        use_kept_builds(monkeypatch)
        require(COMPILED[document])
    if any(words in document.read_text() for words in WITH_INTERPRETERS):
        move_in(monkeypatch)  # building an interpreter anew would take half a minute
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    shutil.copytree(REPOSITORY / "examples", tmp_path / "examples")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment |= {"NO_COLOR": "1", "TERM": "dumb"}
    shell = subprocess.Popen(
        ["bash", "--noprofile", "--norc"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=tmp_path,
        env=environment,
        text=True,
    )
    try:
        for kind, name, block in _BLOCK.findall(document.read_text()):
            if name:
                (tmp_path / name).write_text(block)
            for command in commands_of(block) if kind == "console" else []:
                printed, status = run(shell, command.line)
                is_as_said = not command.expected or matches(command.expected, printed)
                if status != 0 or not is_as_said:
                    pytest.fail(command.explain(printed), pytrace=False)
    finally:
        shell.kill()
        shell.communicate()


def run(shell: subprocess.Popen[str], line: str) -> tuple[str, int]:
    """What a line prints in the shell that is open, and its status."""
    assert shell.stdin is not None
    assert shell.stdout is not None
    end = "that was all"
    # What the commands themselves read is not the shell's own input.
    shell.stdin.write(f"{{ {line}\n}} < /dev/null; printf '\\n%s %d\\n' '{end}' $?\n")
    shell.stdin.flush()
    printed: list[str] = []
    while text := shell.stdout.readline():
        if text.startswith(end):
            break
        printed.append(text)
    else:
        raise AssertionError(f"the shell ended: {line}")
    # The newline before the end is ours, unless the output did not end with one.
    joined = "".join(printed)
    if joined == "\n" or joined.endswith("\n\n"):
        joined = joined.removesuffix("\n")
    return joined, int(text.rpartition(" ")[2])


@pytest.mark.parametrize(
    ("expected", "printed", "is_match"),
    [
        ("a\n", "a\n", True),
        ("a\n", "b\n", False),
        ("a…c\n", "abc\n", True),
        ("a…c\n", "a\nc\n", False),
        ("a\n…\nc\n", "a\nc\n", True),
        ("a\n…\nc\n", "a\nx\ny\nc\n", True),
        ("a\n…\nc\n", "a\nx\ny\n", False),
        ("…\nc\n", "c\n", True),
        ("a\n…\n", "a\n", True),
        ("a\n…\n", "a\nb\n", True),
        ("(.)\n", "x\n", False),
    ],
)
def test_the_comparison_itself(expected: str, printed: str, is_match: bool) -> None:
    assert matches(expected, printed) is is_match
