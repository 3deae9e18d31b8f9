"""One file of an npm package.

Read by a reader of our own that takes only what npm writes: regular files and directories,
long names as pax or GNU spell them. Links, devices and sparse files are refused wherever
they stand, and the whole archive counts towards a limit while it is unpacked.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from hatchway.core.errors import RegistryError
from hatchway.registry.members import MAX_MEMBERS, archive_error, check_name, require_one

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_UNPACKED_BYTES = 1 << 30

_BLOCK = 512
_CHUNK = 1 << 20
_MAX_NAME_BYTES = 64 << 10
_REGULAR, _DIRECTORY, _LONG_NAME, _PAX, _PAX_GLOBAL = b"0", b"5", b"L", b"x", b"g"
_TAKEN = frozenset({_REGULAR, b"\0", _DIRECTORY, _LONG_NAME, _PAX, _PAX_GLOBAL})


def member_of_tarball(data: bytes, member: str, *, limit_bytes: int) -> bytes:
    """The file of that whole name, the one outer directory left out.

    Raises:
        RegistryError: There is not exactly one, it is too large, or the archive is one that
            npm does not make.
    """
    stream = _Unpacked(data)
    found: dict[str, bytes] = {}
    names: list[str] = []
    for name, size in _files(stream):
        inner = name.partition("/")[2]
        if inner.casefold() != member.casefold():
            stream.skip(size)
            continue
        names.append(inner)
        if size > limit_bytes:
            message = f"the file is larger than {limit_bytes} bytes"
            raise RegistryError(message, code="registry.too_large")
        found[inner] = stream.take(size)
        stream.skip(-size % _BLOCK, is_padding=True)
    require_one(names, member)
    return found[member]


class _Unpacked:
    """The bytes of a gzip file, one after the other, and never too many."""

    def __init__(self, data: bytes) -> None:
        self._inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._packed = data
        self._position = 0
        self._ready = b""
        self._total = 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes; fewer at the end.

        Raises:
            RegistryError: It is damaged, or larger than any package.
        """
        parts: list[bytes] = []
        while count > 0 and (self._ready or self._more()):
            parts.append(self._ready[:count])
            self._ready = self._ready[count:]
            count -= len(parts[-1])
        return b"".join(parts)

    def skip(self, size: int, *, is_padding: bool = False) -> None:
        """Leave out a file of `size` bytes, up to the next header."""
        left = size if is_padding else size + -size % _BLOCK
        while left > 0:
            passed = len(self.take(min(left, _CHUNK)))
            if not passed:
                raise archive_error("it ends in the middle of a file")
            left -= passed

    def _more(self) -> bool:
        """Whether there was more; it is ready then."""
        while not self._ready and not self._inflate.eof:
            packed = self._inflate.unconsumed_tail or self._next()
            try:
                self._ready = self._inflate.decompress(packed, _CHUNK)
            except zlib.error as error:
                raise archive_error(f"it is damaged ({error})") from error
            if not packed and not self._ready:
                raise archive_error("it ends too early")
            self._total += len(self._ready)
            if self._total > MAX_UNPACKED_BYTES:
                raise archive_error(f"it unpacks to more than {MAX_UNPACKED_BYTES} bytes")
        return bool(self._ready)

    def _next(self) -> bytes:
        """A little more of what is packed; slices of all that is left would add up."""
        piece = self._packed[self._position : self._position + _CHUNK]
        self._position += len(piece)
        return piece


def _files(stream: _Unpacked) -> Iterator[tuple[str, int]]:
    """Name and size of every regular file; its content is the next thing in `stream`."""
    long_name: str | None = None
    for _ in range(MAX_MEMBERS):
        header = stream.take(_BLOCK)
        if not header.strip(b"\0"):
            return
        kind, name, size = _header(header)
        if kind in (_LONG_NAME, _PAX, _PAX_GLOBAL):
            if size > _MAX_NAME_BYTES:
                raise archive_error("a name is longer than any name")
            content = stream.take(size)
            stream.skip(-size % _BLOCK, is_padding=True)
            if kind == _LONG_NAME:
                long_name = _text(content.rstrip(b"\0"))
            elif kind == _PAX:
                long_name = _pax_path(content) or long_name
            continue
        name, long_name = long_name or name, None
        check_name(name.removesuffix("/"))
        if kind == _DIRECTORY:
            stream.skip(size)
            continue
        yield name, size
    raise archive_error(f"it has more than {MAX_MEMBERS} members")


def _header(block: bytes) -> tuple[bytes, str, int]:
    if len(block) != _BLOCK:
        raise archive_error("it ends in the middle of a header")
    blank = block[:148] + b" " * 8 + block[156:]
    kind = block[156:157]
    if _octal(block[148:156]) != sum(blank):
        raise archive_error("a header is damaged")
    if kind not in _TAKEN:
        raise archive_error("it has a link, a device or a sparse file in it")
    name = block[:100].partition(b"\0")[0]
    if block[257:263] == b"ustar\0" and (prefix := block[345:500].partition(b"\0")[0]):
        name = prefix + b"/" + name
    return kind, _text(name), _octal(block[124:136])


def _octal(field: bytes) -> int:
    digits = field.strip(b"\0 ")
    if not digits or digits.strip(b"01234567"):
        raise archive_error("a header has a number that is none")
    return int(digits, 8)


def _pax_path(content: bytes) -> str | None:
    """The name that a pax header gives the next member; POSIX.1-2017, pax, extended header."""
    found: str | None = None
    while content:
        length, space, _ = content.partition(b" ")
        if not space or not length.isdigit() or len(length) > 6 or int(length) > len(content):
            raise archive_error("a pax header is damaged")
        record, content = content[: int(length)], content[int(length) :]
        key, equals, value = record[len(length) + 1 :].partition(b"=")
        if not equals or not value.endswith(b"\n"):
            raise archive_error("a pax header is damaged")
        if key in (b"size", b"linkpath") or key.startswith(b"GNU.sparse"):
            raise archive_error("a pax header says more than a name")
        if key == b"path":
            found = _text(value[:-1])
    return found


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        raise archive_error("a name is not UTF-8") from error
