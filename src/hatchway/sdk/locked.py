"""What a lock of packages may say: names, versions and hashes, and nothing that pip would obey.

A requirements file can name other files, indexes, archives that run code when they are looked at,
and variables of the environment. A lock comes with a project, and so from anybody: it is read
here, and pip gets a file of ours.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MOST_BYTES = 4 << 20
_COMMENT = re.compile(r"(?:^|[ \t])#.*")
_PINNED = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)[ \t]*==[ \t]*"
    r"(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_-]*)(?P<hashes>(?:[ \t]+--hash=sha256:[0-9a-f]{64})+)"
)
_HINT = "pip-compile --generate-hashes writes such a file"


def requirements_of(lock: Path) -> str:
    """The requirements of a lock, one a line, for pip.

    Raises:
        ConfigError: It cannot be read, or says anything but versions with their hashes.
    """
    return "".join(f"{each}\n" for each in _requirements(_text(lock), lock.name))


def _requirements(text: str, file: str) -> Iterator[str]:
    for number, line in _lines(text):
        found = _PINNED.fullmatch(line)
        if found is None:
            said = printable(line, limit=200)
            message = f"{file}:{number}: not NAME==VERSION with --hash=sha256:…: {said}"
            raise ConfigError(message, code="config.build_failed", hint=_why(line))
        yield " ".join([f"{found['name']}=={found['version']}", *found["hashes"].split()])


def _why(line: str) -> str:
    if ";" in line:
        return "a lock is for the one interpreter there is: leave conditions after ';' out"
    if "[" in line:
        return "leave extras out: what they bring has a line of its own in a lock"
    return _HINT


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """What is said, each with the number of its first line; without comments and line ends."""
    parts: list[str] = []
    first = 0
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        bare = _COMMENT.sub("", line.removesuffix("\r")).strip(" \t")
        if not parts:
            first = number
        parts.append(bare.removesuffix("\\").strip(" \t"))
        if bare.endswith("\\"):
            continue
        if whole := " ".join(filter(None, parts)):
            yield first, whole
        parts = []


def _text(lock: Path) -> str:
    """Its text. A pipe would never end, and a device say nothing good."""
    try:
        with os.fdopen(os.open(lock, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                message = f"{lock.name} is not a file"
                raise ConfigError(message, code="config.unreadable")
            data = file.read(_MOST_BYTES + 1)
            text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot read {printable(lock.name)}: {error}"
        raise ConfigError(message, code="config.unreadable") from error
    if len(data) > _MOST_BYTES:
        message = f"{lock.name}: larger than {_MOST_BYTES} bytes"
        raise ConfigError(message, code="config.too_large")
    return text
