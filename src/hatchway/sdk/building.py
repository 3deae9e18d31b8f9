"""What the builds of several languages share: files of a project, and compilers as children."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import tempfile
from typing import TYPE_CHECKING

from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

_WALL_SECONDS = 300.0
_MOST_WORDS = 8000
_MOST_SAID_BYTES = 1 << 20
_MOST_FILES = 2000
_MOST_BYTES = 64 << 20
_MADE = frozenset({".wasm", ".pyc", ".tmp", ".swp"})
_NOT_SOURCE = frozenset({"__pycache__", "build", "dist", "node_modules", "target", "venv"})


def run_compiler(
    words: Sequence[str],
    *,
    project: Path,
    environment: Mapping[str, str] | None = None,
    tell: Callable[[str], None] | None = None,
    name: str = "",
) -> str:
    """What a compiler says that did well.

    It runs in the project, with an empty environment unless one is given, and without input.

    Args:
        words: Its command line; the first is an absolute path.
        project: Where it runs, so that relative paths, and none of this machine, get into
            what it makes.
        environment: All that it finds in its environment.
        tell: Told every line that a compiler says which fails; without it, they are part of
            the error.
        name: What it is called in an error; by default its file's name.

    Raises:
        ConfigError: `config.build_failed`, in the words of the compiler.
    """
    name = name or words[0].rpartition("/")[2]
    status, said = ended(words, directory=project, environment=environment or {})
    told = said[:_MOST_WORDS].decode("utf-8", "replace").strip()
    if status != 0:
        raise _refused(name, told or f"it ended with status {status}", tell)
    return told


def ended(
    words: Sequence[str], *, directory: Path, environment: Mapping[str, str]
) -> tuple[int, bytes]:
    """The status with which a program ended, and all that it said. It has no input.

    Raises:
        ConfigError: `config.build_failed`: it cannot be started, or does not end.
    """
    name = words[0].rpartition("/")[2]
    with tempfile.TemporaryFile() as said:
        try:
            child = subprocess.Popen(  # noqa: S603 - a path and arguments of ours; no shell
                list(words),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env=dict(environment),
                cwd=directory,
                close_fds=True,
                start_new_session=True,
            )
        except OSError as error:
            message = f"{name} cannot be started: {error.strerror}"
            raise ConfigError(message, code="config.build_failed") from error
        try:
            status = child.wait(_WALL_SECONDS)
        except subprocess.TimeoutExpired as error:
            message = f"{name} took longer than {_WALL_SECONDS:g} s"
            raise ConfigError(message, code="config.build_failed") from error
        finally:
            _end(child)
        said.seek(0)
        return status, said.read(_MOST_SAID_BYTES)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End it and whatever it started, which is a group of its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _refused(name: str, told: str, tell: Callable[[str], None] | None) -> ConfigError:
    if tell is None:
        return ConfigError(f"{name} does not take it: {told}", code="config.build_failed")
    for line in told.splitlines():
        tell(printable(line, limit=400))
    return ConfigError(f"{name} does not take it", code="config.build_failed")


def project_files(project: Path) -> list[Path]:
    """Every regular file of a project but what a build makes or a version control keeps.

    Raises:
        ConfigError: A directory cannot be read.
    """
    return [file for file in _regular_files(project) if file.suffix not in _MADE]


def source_files(project: Path, *endings: str) -> dict[str, bytes]:
    """The project's own files with one of these endings, by path, in order.

    Links are not followed, and what a build makes or a version control keeps is not looked at.

    Raises:
        ConfigError: They are too many or too large, or cannot be read.
    """
    found: dict[str, bytes] = {}
    size = 0
    for file in _regular_files(project):
        if not file.name.endswith(endings):
            continue
        try:
            content = file.read_bytes()
        except OSError as error:
            message = f"cannot read {str(file)!r}: {error.strerror}"
            raise ConfigError(message, code="config.unreadable") from error
        found[file.relative_to(project).as_posix()] = content
        size += len(content)
        if len(found) > _MOST_FILES or size > _MOST_BYTES:
            message = f"a project has {_MOST_FILES} files and {_MOST_BYTES} bytes at most"
            raise ConfigError(message, code="config.too_large")
    return dict(sorted(found.items()))


def _regular_files(directory: Path) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError as error:
        message = f"cannot read {str(directory)!r}: {error.strerror}"
        raise ConfigError(message, code="config.unreadable") from error
    for entry in entries:
        if entry.name.startswith(".") or entry.name in _NOT_SOURCE:
            continue
        mode = entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            yield from _regular_files(directory / entry.name)
        elif stat.S_ISREG(mode):
            yield directory / entry.name
