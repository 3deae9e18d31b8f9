"""The files that code made: written where somebody wants them, or named."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from typing import TYPE_CHECKING

from hatchway.cli.output import plural, say
from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SHOWN = 20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OBEYED = frozenset({"hatchway.toml", "hatchway.lock", "tool.toml", "head"})
"""Files that Hatchway obeys wherever they lie, and the one that makes a directory git's."""


class _RefusedError(Exception):
    """A file that is not written, with the reason and what to do instead."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why)
        self.hint = hint


def save(files: Mapping[str, bytes], directory: Path | None, *, overwrite: bool = False) -> None:
    """Write `files` below `directory`, or say that they are lost without one.

    Their names are the code's own words. No link is followed that one of them could name, and
    nothing is written over unless `overwrite` says so: then a file is replaced by another one of
    its name, if it is a regular file that has no other name. What programs obey is never written:
    names with a part that begins with a dot, policies, lockfiles and manifests.

    Raises:
        ConfigError: One is not written. All those that may be have been by then.
    """
    refused: list[ConfigError] = []
    kept: dict[str, bytes] = {}
    for name, data in files.items():
        try:
            if directory is not None:
                _write(directory, name, data, overwrite=overwrite)
            kept[name] = data
        except ConfigError as error:
            refused.append(error)
    _tell(kept, directory)
    if refused:
        raise _all_of(refused)


def _tell(files: Mapping[str, bytes], directory: Path | None) -> None:
    shown = [
        f"{printable(name, limit=120)} ({plural(len(data), 'byte')})"
        for name, data in list(files.items())[:_SHOWN]
    ]
    if len(files) > _SHOWN:
        shown.append(f"and {len(files) - _SHOWN} more")
    if files and directory is None:
        say(f"made {', '.join(shown)}")
        say("  hint: --out DIR keeps what the code makes")
    elif files:
        say(f"wrote {', '.join(shown)} to {directory}")


def _all_of(refused: list[ConfigError]) -> ConfigError:
    """The first of them, which says how many more there are."""
    first, more = refused[0], len(refused) - 1
    if not more:
        return first
    message = f"{first.message}; {plural(more, 'more file')} not written either"
    return ConfigError(message, code=first.code, hint=first.hint)


def _write(directory: Path, name: str, data: bytes, *, overwrite: bool) -> None:
    try:
        parts = name.split("/")
        _require_harmless(parts)
        directory.mkdir(parents=True, exist_ok=True)
        here = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _write_below(here, parts, data, overwrite=overwrite)
        finally:
            os.close(here)
    except (OSError, ValueError, _RefusedError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        hint = error.hint if isinstance(error, _RefusedError) else None
        message = f"cannot write {printable(name, limit=120)!r} to {str(directory)!r}: {why}"
        raise ConfigError(message, code="config.unwritable", hint=hint) from error


def _require_harmless(parts: list[str]) -> None:
    """Refuse what git, an editor, an MCP client or Hatchway would obey."""
    last = parts[-1].casefold()
    if any(part.startswith(".") for part in parts):
        why = "a part of its name begins with a dot"
    elif last in _OBEYED or last.endswith(".tool.toml"):
        why = "programs obey a file of this name"
    else:
        return
    raise _RefusedError(why, "let the code give it another name")


def _write_below(here: int, parts: list[str], data: bytes, *, overwrite: bool) -> None:
    """Write one file below an open directory, each step by its descriptor."""
    opened: list[int] = []
    try:
        for part in parts[:-1]:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, dir_fd=here)
            here = os.open(part, _DIRECTORY, dir_fd=here)
            opened.append(here)
        _put(here, parts[-1], data, overwrite=overwrite)
    finally:
        for each in opened:
            os.close(each)


def _put(here: int, name: str, data: bytes, *, overwrite: bool) -> None:
    """Make a file in an open directory; one that is there is replaced, or an objection."""
    try:
        _create(here, name, data)
    except FileExistsError:
        there = os.stat(name, dir_fd=here, follow_symlinks=False)
        if not stat.S_ISREG(there.st_mode):
            message = "something else than a file is there"
            raise ValueError(message) from None
        if not overwrite:
            why = "it is there already"
            raise _RefusedError(why, "--overwrite replaces it; or another --out DIR") from None
        if there.st_nlink > 1:
            message = "the file there has another name as well (a hard link)"
            raise ValueError(message) from None
        _replace(here, name, data)


def _replace(here: int, name: str, data: bytes) -> None:
    """Put a whole new file in the place of one that is there."""
    beside = f".hatchway-{secrets.token_hex(8)}"
    _create(here, beside, data)
    try:
        os.rename(beside, name, src_dir_fd=here, dst_dir_fd=here)
    except OSError:
        os.unlink(beside, dir_fd=here)
        raise


def _create(here: int, name: str, data: bytes) -> None:
    with os.fdopen(os.open(name, _NEW, 0o644, dir_fd=here), "wb") as stream:
        stream.write(data)
