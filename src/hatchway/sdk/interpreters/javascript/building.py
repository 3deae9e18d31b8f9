"""The build in a child of ours: what wasmtime takes for it is gone when it is done."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable

_CHILD = """
import sys
sys.path[:0] = sys.argv[1:]
from hatchway.sdk.interpreters.javascript.component import build
sys.stdout.buffer.write(build(sys.stdin.buffer.read()))
"""
_WALL_SECONDS = 120.0
_MOST_WORDS = 4000


def built(engine: bytes) -> bytes:
    """The component around `engine`, from a child with an empty environment.

    Raises:
        ConfigError: The child failed.
    """
    command = [sys.executable, "-I", "-B", "-c", _CHILD, _root("hatchway"), _root("wasmtime")]
    with subprocess.Popen(  # noqa: S603 - our own interpreter, fixed arguments
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={},
        cwd="/",
        start_new_session=True,
    ) as child:
        try:
            component, words = child.communicate(engine, timeout=_WALL_SECONDS)
        except subprocess.TimeoutExpired as error:
            message = f"building took longer than {_WALL_SECONDS:g} s"
            raise ConfigError(message, code="config.build_failed") from error
        finally:
            child.kill()
    if child.returncode != 0:
        said = printable(words[-_MOST_WORDS:], limit=_MOST_WORDS)
        message = f"the JavaScript interpreter was not built: {said}"
        raise ConfigError(message, code="config.build_failed")
    return component


def _root(package: str) -> str:
    """Where the package is imported from."""
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.origin is not None
    return str(Path(found.origin).parent.parent)
