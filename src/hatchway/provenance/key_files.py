"""Key files on disk, and other small files that signing and verifying read.

A private key is a file of 0600 that nobody else could read from the moment it exists, and no
existing file is ever written over.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from hatchway.core.errors import ConfigError
from hatchway.core.secret import Secret
from hatchway.core.untrusted import printable
from hatchway.provenance.keys import MAX_KEY_BYTES, MAX_PASSPHRASE_BYTES, is_encrypted

if TYPE_CHECKING:
    from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def create_key_files(private: Path, private_pem: bytes, public: Path, public_pem: bytes) -> None:
    """Write both halves of a key, or neither.

    Raises:
        ConfigError: `config.key_exists` when one is there already, or `config.unwritable`.
    """
    made: list[Path] = []
    try:
        for path, content, mode in ((private, private_pem, 0o600), (public, public_pem, 0o644)):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            made.append(path)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
    except OSError as error:
        for path in made:
            with contextlib.suppress(OSError):
                path.unlink()
        if isinstance(error, FileExistsError):
            message = f"{_shown(error.filename)} is there already, and a key is never written over"
            hint = "choose another name with --output"
            raise ConfigError(message, code="config.key_exists", hint=hint) from error
        message = f"cannot write {_shown(error.filename or private)}: {error.strerror}"
        raise ConfigError(message, code="config.unwritable") from error


def read_private_key_file(path: Path) -> bytes:
    """The contents of a private key's file, which is its owner's alone.

    Raises:
        ConfigError: `config.bad_key` when it holds something else, `config.key_exposed` when
            others may read or change it, or `config.unreadable`.
    """
    content, found = _read(path, MAX_KEY_BYTES)
    # First what it is: to somebody who named the wrong file, its mode is no help.
    is_encrypted(content, file=str(path))
    _require_private(path, found)
    return content


def read_small_file(path: Path, *, limit_bytes: int) -> bytes:
    """The contents of a file that is not larger than `limit_bytes`.

    Raises:
        ConfigError: `config.unreadable` when it is not there, no regular file, or too large.
    """
    return _read(path, limit_bytes)[0]


def read_passphrase_file(path: Path) -> Secret:
    """The first and only line of a file that holds a passphrase.

    Raises:
        ConfigError: `config.key_exposed` when others may read it, `config.bad_passphrase` when
            it has more lines, or `config.unreadable`.
    """
    content, found = _read(path, MAX_PASSPHRASE_BYTES + 2)
    _require_private(path, found)
    line = content.removesuffix(b"\n").removesuffix(b"\r")
    if b"\n" in line:
        message = f"{_shown(path)} has more than one line; a passphrase is one"
        raise ConfigError(message, code="config.bad_passphrase")
    return Secret(line.decode("utf-8", "surrogateescape"))


def _read(path: Path, limit_bytes: int) -> tuple[bytes, os.stat_result]:
    try:
        # Non-blocking, so that a FIFO cannot hold us up; what is opened is then looked at.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise _unreadable(path, str(why)) from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        # Looked at before a file object is made of it: Python makes none of a directory.
        os.close(descriptor)
        raise _unreadable(path, "it is not a regular file")
    with os.fdopen(descriptor, "rb") as stream:
        content = stream.read(limit_bytes + 1)
    if len(content) > limit_bytes:
        raise _unreadable(path, f"it is larger than {limit_bytes} bytes")
    return content, found


def _require_private(path: Path, found: os.stat_result) -> None:
    if found.st_mode & _OTHERS or found.st_uid not in (os.geteuid(), 0):
        mode = stat.S_IMODE(found.st_mode)
        message = f"{_shown(path)} may be read or changed by others (mode {mode:04o})"
        hint = f"chmod 600 {printable(str(path))}"
        raise ConfigError(message, code="config.key_exposed", hint=hint)


def _shown(path: object) -> str:
    return repr(printable(str(path)))


def _unreadable(path: Path, why: str) -> ConfigError:
    return ConfigError(f"cannot read {_shown(path)}: {why}", code="config.unreadable")
