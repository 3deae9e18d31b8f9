"""The tests of a Python project: plain functions, run by the interpreter in the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.sdk.building import source_files
from hatchway.sdk.languages.python import guest_files

if TYPE_CHECKING:
    from pathlib import Path

RUNNER = """
import contextlib, importlib, inspect, io, sys, traceback

WORK = "/work"
sys.path.insert(0, WORK)
for name in [name for name in sys.modules if name.partition(".")[0] == "hatchway"]:
    del sys.modules[name]  # the interpreter's own; the author's import finds the one in WORK


def _tests(loaded):
    for name, value in list(vars(loaded).items()):
        if name.startswith("test_") and inspect.isfunction(value):
            if value.__module__ == loaded.__name__:
                yield name, value


def _why(test):
    if inspect.signature(test).parameters:
        return "a test takes no parameters: there is nobody who would give them"
    try:
        test()
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if frame.filename.startswith(WORK)]
        lines = traceback.format_list(own)
        return "".join([*lines, *traceback.format_exception_only(error)]).strip()
    return ""


def _results(module):
    loaded = importlib.import_module(module)
    for name, test in _tests(loaded):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            why = _why(test)
        yield {"name": name, "why": why[-4000:], "output": printed.getvalue()[-2000:]}


list(_results(module))
"""
"""Runs the tests of the module whose name is in `module`; the result says what came of each."""


def test_modules(project: Path) -> tuple[str, ...]:
    """The modules that hold tests, by name."""
    return tuple(
        path.removesuffix(".py").replace("/", ".")
        for path in source_files(project, ".py")
        if path.rpartition("/")[2].startswith("test_")
    )


def test_files(project: Path) -> tuple[tuple[str, ...], dict[str, bytes]]:
    """The modules that hold tests, and everything of the project and of ours they can import."""
    files = {**source_files(project, ".py"), **guest_files()}
    return test_modules(project), files
