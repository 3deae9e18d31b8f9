"""One file of a wheel.

Read by a reader of our own that takes only what build tools write: no ZIP64, no encryption,
no comments that hide a second directory, and of the ways to compress only none and deflate.
What the central directory says must be what stands before the file itself.
"""

from __future__ import annotations

import stat
import struct
import zlib
from dataclasses import dataclass

from hatchway.core.errors import RegistryError
from hatchway.registry.members import MAX_MEMBERS, archive_error, check_name, require_one

# APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_ZIP64_LOCATOR = b"PK\x06\x07"
_ZIP64_LOCATOR_BYTES = 20
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_UTF8 = 0x800
_WHOLE = 0xFFFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    name: str
    method: int
    checksum: int
    packed: int
    size: int
    offset: int


def member_of_wheel(data: bytes, member: str, *, limit_bytes: int) -> bytes:
    """The file of that whole name.

    Raises:
        RegistryError: There is not exactly one, it is too large, or the archive is one that
            no build tool makes.
    """
    try:
        entries = list(_entries(data))
        found = [entry for entry in entries if entry.name.casefold() == member.casefold()]
        require_one([entry.name for entry in found], member)
        return _content(data, found[0], limit_bytes)
    except (struct.error, zlib.error, UnicodeDecodeError) as error:
        raise archive_error(f"it is damaged ({error})") from error


def _entries(data: bytes) -> list[_Entry]:
    start = len(data) - _END.size
    if start < 0:
        raise archive_error("it is no wheel")
    signature, disk, first, here, count, size, offset, comment = _END.unpack_from(data, start)
    if signature != b"PK\x05\x06" or comment:
        raise archive_error("it does not end as a wheel does")
    if data[max(start - _ZIP64_LOCATOR_BYTES, 0) : start].startswith(_ZIP64_LOCATOR):
        raise archive_error("it is ZIP64")
    if disk or first or here != count or count > MAX_MEMBERS or offset + size != start:
        raise archive_error("its directory is not where it says")
    entries: list[_Entry] = []
    position = offset
    for _ in range(count):
        entry, position = _entry(data, position, start)
        entries.append(entry)
    if position != start:
        raise archive_error("its directory holds more than it says")
    return entries


def _entry(data: bytes, position: int, end: int) -> tuple[_Entry, int]:
    fields = _CENTRAL.unpack_from(data, position)
    signature, _, _, flags, method, _, _, checksum, packed, size = fields[:10]
    name_bytes, extra_bytes, comment_bytes, disk, _, external, offset = fields[10:]
    after = position + _CENTRAL.size + name_bytes + extra_bytes + comment_bytes
    if signature != b"PK\x01\x02" or after > end or disk:
        raise archive_error("its directory is damaged")
    if flags & _ENCRYPTED:
        raise archive_error("it is encrypted")
    if _WHOLE in (packed, size, offset):
        raise archive_error("it is ZIP64")
    raw = data[position + _CENTRAL.size :][:name_bytes]
    name = raw.decode("utf-8" if flags & _UTF8 else "ascii")
    kind = stat.S_IFMT(external >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise archive_error("it has a link or a device in it")
    check_name(name.removesuffix("/"))
    entry = _Entry(
        name=name, method=method, checksum=checksum, packed=packed, size=size, offset=offset
    )
    return entry, after


def _content(data: bytes, entry: _Entry, limit_bytes: int) -> bytes:
    fields = _LOCAL.unpack_from(data, entry.offset)
    signature, _, flags, method, *_, name_bytes, extra_bytes = fields
    start = entry.offset + _LOCAL.size + name_bytes + extra_bytes
    name = data[entry.offset + _LOCAL.size :][:name_bytes]
    is_same = name == entry.name.encode() and method == entry.method and not flags & _ENCRYPTED
    if signature != b"PK\x03\x04" or not is_same or start + entry.packed > len(data):
        raise archive_error("a file is not what its directory says")
    if entry.size > limit_bytes:
        message = f"the file is larger than {limit_bytes} bytes"
        raise RegistryError(message, code="registry.too_large")
    content = _unpacked(data[start : start + entry.packed], entry)
    if len(content) != entry.size or zlib.crc32(content) != entry.checksum:
        raise archive_error("a file is not what its directory says")
    return content


def _unpacked(packed: bytes, entry: _Entry) -> bytes:
    if entry.method == _STORED:
        return packed
    if entry.method != _DEFLATED:
        raise archive_error(f"it is compressed by method {entry.method}")
    # One byte more than was announced is enough to know that it lies.
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, entry.size + 1)
