"""Compilers that are on this machine already: where they are, and what they say they are."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_WALL_SECONDS = 20.0
_MOST_WORDS = 4000


def programs(name: str) -> Iterator[Path]:
    """The programs of that name, absolute, in the order of PATH.

    Relative entries of PATH are left out: what they mean depends on where one stands, and a
    project must not bring the compiler it is built with.
    """
    for directory in os.environ.get("PATH", "").split(os.pathsep):
        place = Path(directory)
        if place.is_absolute() and os.access(place / name, os.X_OK) and (place / name).is_file():
            yield place / name


def program(name: str) -> Path | None:
    """The program that a shell would start by that name, or None."""
    return next(programs(name), None)


def answer(words: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """What a program prints, without what surrounds it; empty when it fails."""
    try:
        child = subprocess.Popen(  # noqa: S603 - an absolute path and arguments of ours
            list(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environment or {}),
            cwd="/",
            start_new_session=True,
        )
    except OSError:
        return ""
    with child:
        try:
            said, _ = child.communicate(timeout=_WALL_SECONDS)
        except subprocess.TimeoutExpired:
            return ""
        finally:
            child.kill()
    if child.returncode != 0:
        return ""
    return said[:_MOST_WORDS].decode("utf-8", "replace").strip()


def passed_on(*names: str) -> dict[str, str]:
    """These variables of our own environment, as far as they are set."""
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def home() -> str:
    """The directory where a user's own tools keep their things."""
    return os.environ.get("HOME") or str(Path.home())


def cache_directory() -> Path:
    """Where builds keep what can be made again, after the XDG base directory specification."""
    value = os.environ.get("XDG_CACHE_HOME", "")
    # The specification says that relative values are to be ignored.
    base = Path(value) if value.startswith("/") else Path(home()) / ".cache"
    return base / "hatchway" / "builds"
