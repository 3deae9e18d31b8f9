"""Files in packages, among them packages that somebody made to do harm."""

from __future__ import annotations

import contextlib
import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.core.errors import RegistryError
from hatchway.registry import members, tarballs
from hatchway.registry.tarballs import member_of_tarball
from hatchway.registry.wheels import member_of_wheel

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 10_000
names = st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8}){0,2}\.wasm", fullmatch=True)
contents = st.dictionaries(names, st.binary(max_size=600), min_size=1, max_size=6)


def wheel(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return stream.getvalue()


def tarball(*files: tuple[str, bytes], kind: int = tarfile.PAX_FORMAT, **changed: Any) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", format=kind) as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for key, value in changed.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def refusal(read: Callable[..., bytes], data: bytes, member: str = "a.wasm") -> RegistryError:
    with pytest.raises(RegistryError) as raised:
        read(data, member, limit_bytes=LIMIT)
    assert raised.value.message.isprintable()
    return raised.value


# Both kinds


@given(contents, st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
def test_every_file_of_an_honest_wheel_is_read(files: dict[str, bytes], method: int) -> None:
    data = wheel(*files.items(), method=method)

    for name, content in files.items():
        assert member_of_wheel(data, name, limit_bytes=LIMIT) == content


@given(contents, st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT]))
def test_every_file_of_an_honest_tarball_is_read(files: dict[str, bytes], kind: int) -> None:
    data = tarball(*((f"package/{name}", content) for name, content in files.items()), kind=kind)

    for name, content in files.items():
        assert member_of_tarball(data, name, limit_bytes=LIMIT) == content


@pytest.mark.parametrize(
    "name", ["/".join(["directory"] * 20) + "/a.wasm", "d" * 140 + "/a.wasm", "ü" * 90 + "/a.wasm"]
)
@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_are_understood_as_pax_and_gnu_spell_them(name: str, kind: int) -> None:
    data = tarball((f"package/{name}", b"it"), ("package/other", b"x"), kind=kind)

    assert member_of_tarball(data, name, limit_bytes=LIMIT) == b"it"
    assert member_of_tarball(data, "other", limit_bytes=LIMIT) == b"x"


def test_the_outer_directory_may_have_any_name() -> None:
    data = tarball(("x-1.0/a.wasm", b"it"))

    assert member_of_tarball(data, "a.wasm", limit_bytes=LIMIT) == b"it"


@given(st.binary(max_size=400))
def test_rubbish_is_refused_and_nothing_else_happens(data: bytes) -> None:
    refusal(member_of_wheel, data)
    refusal(member_of_tarball, gzip.compress(data + b"\1" * 512))


@given(st.data())
def test_a_damaged_archive_is_refused_or_read_rightly(data: st.DataObject) -> None:
    for read, whole in (
        (member_of_wheel, wheel(("b.txt", b"b" * 50), ("a.wasm", b"a" * 50))),
        (member_of_tarball, tarball(("package/b.txt", b"b" * 50), ("package/a.wasm", b"a" * 50))),
    ):
        damaged = bytearray(whole)
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, len(damaged) - 1))
            damaged[at] = data.draw(st.integers(0, 255))
        cut = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
        for spoilt in (bytes(damaged), cut):
            with contextlib.suppress(RegistryError):
                assert len(read(spoilt, "a.wasm", limit_bytes=LIMIT)) <= LIMIT


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../a.wasm", "x/../../a.wasm", "./a.wasm", "x//a.wasm", "x\\..\\a.wasm"]
)
@pytest.mark.claim("sources.archives")
def test_a_name_that_leaves_the_package_spoils_all_of_it(name: str) -> None:
    for read, data in (
        (member_of_wheel, wheel(("a.wasm", b"good"), (name, b"evil"))),
        (member_of_tarball, tarball(("p/a.wasm", b"good"), (name, b"evil"))),
    ):
        assert refusal(read, data).code == "registry.archive"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("other", ["a.wasm", "A.wasm", "a.WASM"])
def test_two_files_that_could_be_the_one_are_not_chosen_from(other: str) -> None:
    for read, data in (
        (member_of_wheel, wheel(("a.wasm", b"good"), (other, b"evil"))),
        (member_of_tarball, tarball(("p/a.wasm", b"good"), (f"q/{other}", b"evil"))),
    ):
        assert refusal(read, data).code == "registry.archive"


def test_a_file_that_is_not_there_is_missed() -> None:
    for read, data in (
        (member_of_wheel, wheel(("b.wasm", b"b"))),
        (member_of_tarball, tarball(("p/b.wasm", b"b"))),
        (member_of_tarball, tarball(("a.wasm", b"no outer directory"))),
    ):
        assert refusal(read, data).code == "registry.not_found"


def test_a_file_is_read_up_to_the_limit_and_no_further() -> None:
    for read, make, prefix in (
        (member_of_wheel, wheel, ""),
        (member_of_tarball, tarball, "package/"),
    ):
        fits = make((f"{prefix}a.wasm", b"x" * LIMIT))
        too_large = make((f"{prefix}a.wasm", b"x" * (LIMIT + 1)))

        assert len(read(fits, "a.wasm", limit_bytes=LIMIT)) == LIMIT
        assert refusal(read, too_large).code == "registry.too_large"


@pytest.mark.claim("sources.archives")
def test_a_bomb_beside_the_file_does_not_go_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tarballs, "MAX_UNPACKED_BYTES", 1 << 20)
    bomb = b"\0" * (2 << 20)

    assert member_of_wheel(
        wheel(("bomb", bomb), ("a.wasm", b"good")), "a.wasm", limit_bytes=LIMIT
    ) == (b"good")
    error = refusal(member_of_tarball, tarball(("p/bomb", bomb), ("p/a.wasm", b"good")))
    assert error.code == "registry.archive"
    assert "unpacks to more than" in error.message


def test_more_members_than_any_package_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tarballs, "MAX_MEMBERS", 5)
    monkeypatch.setattr("hatchway.registry.wheels.MAX_MEMBERS", 5)
    many = [(f"p/{number}", b"") for number in range(6)]

    assert members.MAX_MEMBERS == 100_000
    assert refusal(member_of_wheel, wheel(*many)).code == "registry.archive"
    assert refusal(member_of_tarball, tarball(*many)).code == "registry.archive"


# Wheels


def patched(data: bytes, signature: bytes, offset: int, value: bytes) -> bytes:
    at = data.rindex(signature) + offset
    return data[:at] + value + data[at + len(value) :]


CENTRAL, LOCAL, END = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"


@pytest.mark.parametrize(
    ("signature", "offset", "value", "said"),
    [
        (CENTRAL, 8, b"\x01\x00", "it is encrypted"),
        (CENTRAL, 8, b"\x40\x00", "it is encrypted"),
        (CENTRAL, 10, b"\x0c\x00", "a file is not what its directory says"),
        (CENTRAL, 20, b"\xff\xff\xff\xff", "it is ZIP64"),
        (CENTRAL, 24, b"\xff\xff\xff\xff", "it is ZIP64"),
        (CENTRAL, 42, b"\xff\xff\xff\xff", "it is ZIP64"),
        (CENTRAL, 24, b"\x05\x00\x00\x00", "a file is not what its directory says"),
        (CENTRAL, 24, b"\x03\x00\x00\x00", "a file is not what its directory says"),
        (CENTRAL, 16, b"\0\0\0\0", "a file is not what its directory says"),
        (CENTRAL, 42, b"\x01\0\0\0", "a file is not what its directory says"),
        (CENTRAL, 20, b"\x00\xff\0\0", "a file is not what its directory says"),
        (CENTRAL, 34, b"\x01\x00", "its directory is damaged"),
        (CENTRAL, 28, b"\xff\x00", "its directory is damaged"),
        (CENTRAL, 46, b"\xff", "it is damaged"),
        (CENTRAL, 38, struct.pack("<I", 0o120777 << 16), "a link or a device"),
        (CENTRAL, 38, struct.pack("<I", 0o010777 << 16), "a link or a device"),
        (LOCAL, 30, b"b", "a file is not what its directory says"),
        (LOCAL, 6, b"\x01\x00", "a file is not what its directory says"),
        (END, 4, b"\x01\x00", "its directory is not where it says"),
        (END, 8, b"\x00\x00", "its directory is not where it says"),
        (END, 10, b"\x02\x00", "its directory is not where it says"),
        (END, 12, b"\x00\x00", "its directory is not where it says"),
        (END, 20, b"\x01\x00", "it does not end as a wheel does"),
    ],
)
@pytest.mark.claim("sources.archives")
def test_a_wheel_that_contradicts_itself_is_refused(
    signature: bytes, offset: int, value: bytes, said: str
) -> None:
    data = patched(wheel(("a.wasm", b"good")), signature, offset, value)

    error = refusal(member_of_wheel, data)

    assert error.code == "registry.archive"
    assert said in error.message


def test_a_method_that_no_build_tool_uses_is_refused() -> None:
    data = wheel(("a.wasm", b"good"), method=zipfile.ZIP_BZIP2)

    assert "it is compressed by method 12" in refusal(member_of_wheel, data).message


def test_a_file_that_unpacks_to_more_than_it_says_is_not_unpacked_further() -> None:
    data = wheel(("a.wasm", b"\0" * (50 << 20)))
    data = patched(data, CENTRAL, 24, struct.pack("<I", 100))

    assert refusal(member_of_wheel, data).code == "registry.archive"


def test_a_directory_longer_or_shorter_than_it_says_is_refused() -> None:
    data = wheel(("a.wasm", b"good"), ("b.wasm", b"b"))
    fewer = patched(data, END, 8, b"\x01\x00\x01\x00")
    more = patched(data, END, 8, b"\x03\x00\x03\x00")

    assert "holds more than it says" in refusal(member_of_wheel, fewer).message
    assert refusal(member_of_wheel, more).code == "registry.archive"


def test_a_zip64_wheel_is_refused_however_it_is_marked() -> None:
    data = wheel(("a.wasm", b"good"))
    end = data.rindex(END)
    central = data.index(CENTRAL)
    locator = b"PK\x06\x07" + b"\0" * 16
    size = struct.pack("<I", end - central + len(locator))
    marked = data[:end] + locator + data[end : end + 12] + size + data[end + 16 :]

    assert "it is ZIP64" in refusal(member_of_wheel, marked).message


def test_bytes_before_or_after_a_wheel_are_refused() -> None:
    data = wheel(("a.wasm", b"good"))

    assert refusal(member_of_wheel, b"#!/bin/sh\n" + data).code == "registry.archive"
    assert refusal(member_of_wheel, data + b"x").code == "registry.archive"
    assert refusal(member_of_wheel, data + data[data.rindex(END) :]).code == "registry.archive"


def test_names_in_unicode_are_compared_as_they_are() -> None:
    data = wheel(("ü/a.wasm", b"good"))

    assert member_of_wheel(data, "ü/a.wasm", limit_bytes=LIMIT) == b"good"
    assert refusal(member_of_wheel, data, "u\u0308/a.wasm").code == "registry.not_found"


# Tarballs


def with_members(*infos: tarfile.TarInfo) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for info in infos:
            archive.addfile(info)
        good = tarfile.TarInfo("package/a.wasm")
        good.size = 4
        archive.addfile(good, io.BytesIO(b"good"))
    return stream.getvalue()


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE,
             tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE, tarfile.GNUTYPE_LONGLINK]
)  # fmt: skip
@pytest.mark.claim("sources.archives")
def test_a_link_or_device_anywhere_spoils_the_tarball(kind: bytes) -> None:
    info = tarfile.TarInfo("package/x")
    info.type, info.linkname = kind, "a.wasm"

    error = refusal(member_of_tarball, with_members(info))

    assert error.code == "registry.archive"


def test_directories_are_passed_over() -> None:
    info = tarfile.TarInfo("package/x")
    info.type = tarfile.DIRTYPE

    assert member_of_tarball(with_members(info), "a.wasm", limit_bytes=LIMIT) == b"good"


@pytest.mark.parametrize("headers", [{"size": "1"}, {"linkpath": "x"}, {"GNU.sparse.major": "1"}])
def test_a_pax_header_that_changes_more_than_a_name_is_refused(headers: dict[str, str]) -> None:
    data = tarball(("package/a.wasm", b"good"), pax_headers=headers)

    assert "says more than a name" in refusal(member_of_tarball, data).message


def test_other_pax_headers_mean_nothing() -> None:
    data = tarball(("package/a.wasm", b"good"), pax_headers={"comment": "x", "mtime": "1.5"})

    assert member_of_tarball(data, "a.wasm", limit_bytes=LIMIT) == b"good"


def block(name: bytes, size: bytes, kind: bytes = b"0") -> bytes:
    """A header with a right checksum, whatever else is wrong with it."""
    header = bytearray(512)
    header[: len(name)] = name
    header[124:136] = size.ljust(12, b"\0")
    header[156:157] = kind
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


@pytest.mark.parametrize(
    "raw",
    [
        block(b"p/a.wasm", b"\x80" + b"\0" * 10 + b"\x04"),
        block(b"p/a.wasm", b"-4"),
        block(b"p/a.wasm", b"9"),
        block(b"p/a.wasm", b""),
        block(b"p/a.wasm", b"77777777777"),
        block(b"p/b.wasm", b"77777777777"),
        block(b"p/a.wasm", b"4")[:300],
        block(b"p/a.wasm", b"4").replace(b"p", b"q", 1),
        block(b"p/\xff", b"4"),
        block(b"", b"4"),
        block(b"x", b"77777777", b"x"),
        block(b"x", b"10", b"x") + b"0 path=".ljust(512, b"\0"),
        block(b"x", b"10", b"x") + b"99 a=b\n".ljust(512, b"\0"),
        block(b"x", b"7", b"x") + b"7 a\xffb\n".ljust(512, b"\0"),
        block(b"x", b"13", b"x") + b"11 path=\xff\xff\n".ljust(512, b"\0"),
        block(b"x", b"7", b"x") + b"7 a=bc.".ljust(512, b"\0"),
        block(b"p/a.wasm", b"4") + b"go",
    ],
)
def test_a_header_that_no_npm_writes_is_refused(raw: bytes) -> None:
    assert refusal(member_of_tarball, gzip.compress(raw)).code in {
        "registry.archive", "registry.too_large",
    }  # fmt: skip


def test_a_gzip_file_that_breaks_off_is_refused() -> None:
    whole = tarball(("package/b", b"x" * 5000), ("package/a.wasm", b"good"))

    assert refusal(member_of_tarball, whole[:-30]).code == "registry.archive"
    assert refusal(member_of_tarball, whole[:40]).code == "registry.archive"
    assert refusal(member_of_tarball, b"").code == "registry.archive"


def test_what_is_packed_twice_is_unpacked_once() -> None:
    inner = gzip.compress(zlib.compress(b"\0" * 1000))

    assert refusal(member_of_tarball, inner).code == "registry.archive"
