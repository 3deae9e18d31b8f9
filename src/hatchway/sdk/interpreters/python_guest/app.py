"""The export `hatchway:exec/code`, and what is done once, before the picture is taken."""

from __future__ import annotations

import builtins
import gc
import os
import random
import sys
import tempfile

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.code import Failure
from wit_world.imports import environment

from hatchway.sdk.interpreters.python_guest import library

library.load()

from hatchway.sdk.interpreters.python_guest import (  # noqa: E402 - they use the library
    failures,
    looping,
    running,
    streams,
    tools,
)

globals()["__builtins__"] = vars(builtins).copy()

_seed = random.seed


def _seed_once() -> None:
    """What componentize-py calls before the first export: 32 random bytes instead of 2,496."""
    random.seed = _seed
    _seed(os.urandom(32))


class Code(exports.Code):  # type: ignore[misc]  # made when the component is built
    """What runs code."""

    def run(self, code: str, inputs: str) -> str | None:
        """Run `code` from top to bottom."""
        workspace = environment.initial_cwd()
        if workspace is not None:
            os.chdir(workspace)
            sys.path.append(workspace)
            tempfile.tempdir = workspace
        sys.argv.append(failures.FILE)
        try:
            return running.run(code, inputs, workspace)
        except running.Ended as ended:
            raise Err(Failure(*ended.told)) from None


def _prepare() -> None:
    sys.modules["tools"] = tools
    tools.__name__ = tools.ToolError.__module__ = "tools"
    looping.install()
    sys.unraisablehook = failures.tell_unraisable
    sys.stdout = sys.__stdout__ = streams.text_over(streams.STDOUT)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = streams.text_over(streams.STDERR)  # type: ignore[misc]
    random.seed = _seed_once  # type: ignore[assignment]
    running.settle()
    gc.collect()
    gc.freeze()


_prepare()
