"""The tools of the gallery that take files: hashes and archives, passed along or granted."""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from guests import grant, sandbox, stop_code
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import often
from workbench import Workbench, ask, workbench

from hatchway.core.sandbox import CommandInvocation
from hatchway.registry.store import digest_of

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ALGORITHMS = ("sha256", "sha512", "blake2b")


@functools.cache
def prepared(name: str) -> str:
    artifact = (EXAMPLES / name / f"{name}.wasm").read_bytes()
    sandbox().prepare(artifact, digest_of(artifact))
    return digest_of(artifact)


def run(name: str, stdin: bytes, *arguments: str) -> Any:
    """A run of a tool with the default limits and no grants."""
    words = tuple(word.encode() for word in (name, *arguments))
    return sandbox().run(
        prepared(name), CommandInvocation(arguments=words, stdin=stdin), grant(), None
    )


def with_directory(name: str, directory: Path) -> Workbench:
    """A tool that was granted `directory` / data."""
    bench = workbench(directory)
    artifact = EXAMPLES / name / f"{name}.wasm"
    (directory / "data").mkdir(exist_ok=True)
    bench.application.keeper.admit(name, str(artifact), [f"fs.read={directory}/data:/data"])
    return bench


def text_of(outcome: Any) -> str:
    return "".join(block.to_json()["text"] for block in outcome.content)


# Hashes


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(data=st.integers(0, 300).flatmap(lambda size: st.binary(min_size=size, max_size=size)))
@settings(deadline=None, max_examples=often(40))
def test_a_digest_is_that_of_the_standard_library(algorithm: str, data: bytes) -> None:
    execution = run("hash", data, f"--algorithm={algorithm}", "text")

    answer = json.loads(execution.stdout)
    assert answer["digest"] == hashlib.new(algorithm, data).hexdigest()
    assert answer["bytes"] == len(data)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("size", [55, 56, 63, 64, 111, 112, 127, 128, 129, 256, 65_536, 200_001])
def test_no_length_is_special(algorithm: str, size: int) -> None:
    data = hashlib.shake_128(b"seed").digest(size)

    execution = run("hash", data, f"--algorithm={algorithm}", "text")

    assert json.loads(execution.stdout)["digest"] == hashlib.new(algorithm, data).hexdigest()


def test_every_file_of_a_granted_directory_is_hashed_and_no_link_is_followed(
    tmp_path: Path,
) -> None:
    runtime = with_directory("hash", tmp_path).runtime()
    (tmp_path / "secret").write_text("secret")
    data = tmp_path / "data"
    (data / "b" / "ü").mkdir(parents=True)
    (data / "b" / "ü" / "x").write_bytes(b"x" * 70_000)
    (data / "a").write_text("a")
    (data / "link").symlink_to(tmp_path / "secret")

    whole = ask(runtime, "hash.files", {"algorithm": "sha256"})
    one = ask(runtime, "hash.files", {"algorithm": "sha256", "path": "a"})

    assert whole.structured is not None
    assert [file["path"] for file in whole.structured["files"]] == ["a", "b/ü/x"]
    digests = {file["path"]: file["digest"] for file in whole.structured["files"]}
    assert digests["b/ü/x"] == hashlib.sha256(b"x" * 70_000).hexdigest()
    assert one.structured is not None
    assert one.structured["files"] == whole.structured["files"][:1]


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "b/../../secret", "x" * 1000, "none"])
def test_nothing_outside_of_the_directory_is_hashed(path: str, tmp_path: Path) -> None:
    runtime = with_directory("hash", tmp_path).runtime()
    (tmp_path / "secret").write_text("secret")

    outcome = ask(runtime, "hash.files", {"algorithm": "sha256", "path": path})

    assert outcome.is_error
    assert "cannot find /data/" in text_of(outcome)
    assert hashlib.sha256(b"secret").hexdigest() not in text_of(outcome)


def test_without_a_grant_there_are_no_files_and_text_is_hashed_all_the_same(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.application.keeper.admit("hash", str(EXAMPLES / "hash" / "hash.wasm"), [])
    runtime = bench.runtime()

    files = ask(runtime, "hash.files", {"algorithm": "sha512"})
    text = ask(runtime, "hash.text", {"algorithm": "sha512", "text": "é"})

    assert "cannot find /data: not granted" in text_of(files)
    assert text.structured is not None
    assert text.structured["digest"] == hashlib.sha512("é".encode()).hexdigest()
    (denial,) = bench.events("capability.denied")
    assert (denial["capability"], denial["attempted"]) == ("fs.read", "/data")


def test_a_directory_that_is_too_deep_or_too_full_is_refused_in_words(tmp_path: Path) -> None:
    runtime = with_directory("hash", tmp_path).runtime()
    (tmp_path / "data" / "deep" / "/".join("d" * 17)).mkdir(parents=True)
    (tmp_path / "data" / "full").mkdir()
    for number in range(1001):
        (tmp_path / "data" / "full" / str(number)).touch()

    deep = ask(runtime, "hash.files", {"algorithm": "sha256", "path": "deep"})
    full = ask(runtime, "hash.files", {"algorithm": "sha256", "path": "full"})

    assert "nested more than 16 deep" in text_of(deep)
    assert "more than 1000 entries" in text_of(full)


# Archives


def listed(archive: bytes) -> Any:
    execution = run("archive", archive)
    assert execution.stop is None, execution.stderr
    return json.loads(execution.stdout)


def zipped(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def tarred(mode: str, *members: tuple[str, bytes, str], form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar file of names, contents and the targets of links."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode, format=form) as archive:  # type: ignore[call-overload]
        for name, data, target in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if target:
                info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def test_a_zip_file_is_listed_with_what_is_odd() -> None:
    answer = listed(
        zipped(("a/", b""), ("a/é.txt", b"text"), ("../up", b"x"), ("zeros", bytes(2_000_000)))
    )

    assert answer["format"] == "zip"
    entries = {entry["path"]: entry for entry in answer["entries"]}
    assert entries["a/"]["kind"] == "directory"
    assert entries["a/é.txt"] == {"path": "a/é.txt", "kind": "file", "bytes": 4, "odd": []}
    assert "leads out" in entries["../up"]["odd"][0]
    assert "two hundred times" in entries["zeros"]["odd"][0]
    assert answer["total"]["bytes"] == 2_000_005
    assert answer["odd"] == ["it grows more than two hundred times"]


@pytest.mark.parametrize("mode", ["w:", "w:gz"])
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_a_tar_file_of_every_format_is_listed(mode: str, form: int) -> None:
    long = "d" * 90 + "/" + "ü" * 30
    archive = tarred(
        mode,
        (long, b"x" * 700, ""),
        ("l/in", b"", "../b"),
        ("l/out", b"", "../../b"),
        ("/root", b"r", ""),
        form=form,
    )

    answer = listed(archive)

    assert answer["format"] == ("tar" if mode == "w:" else "tar.gz")
    entries = answer["entries"]
    assert [entry["path"] for entry in entries] == [long, "l/in", "l/out", "/root"]
    assert [entry["bytes"] for entry in entries] == [700, 0, 0, 1]
    assert [bool(entry["odd"]) for entry in entries] == [False, False, True, True]
    assert entries[2]["target"] == "../../b"


@given(
    st.lists(
        st.tuples(st.text("abé/.", min_size=1, max_size=150), st.binary(max_size=2000)), max_size=6
    ),
    st.integers(0, 9),
)
@settings(deadline=None, max_examples=often(40))
def test_what_gzip_packed_at_any_level_is_read(
    members: list[tuple[str, bytes]], level: int
) -> None:
    plain = tarred("w:", *((f"x{name}y", data, "") for name, data in members))

    packed = listed(gzip.compress(plain, compresslevel=level, mtime=0))

    assert packed["entries"] == listed(plain)["entries"]
    assert [entry["bytes"] for entry in packed["entries"]] == [len(data) for _, data in members]


def test_a_tar_bomb_is_left_alone_after_16_mib() -> None:
    bomb = gzip.compress(tarred("w:", ("a", b"1", ""))[:1024] + _huge_entry(), mtime=0)

    answer = listed(bomb)

    assert [entry["path"] for entry in answer["entries"]] == ["a", "huge"]
    assert "larger than 16 MiB" in answer["odd"][0]


def _huge_entry() -> bytes:
    info = tarfile.TarInfo("huge")
    info.size = 40 << 20
    return info.tobuf() + bytes(info.size)


def test_a_zip_bomb_whose_entries_overlap_is_told() -> None:
    archive = bytearray(zipped(*((f"{number}", b"x" * 50) for number in range(50))))
    place = 0
    while (place := archive.find(b"PK\1\2", place + 1)) > 0:
        archive[place + 20 : place + 24] = (1 << 20).to_bytes(4, "little")

    answer = listed(bytes(archive))

    assert answer["odd"] == ["its entries overlap, as those of a zip bomb do"]


def test_more_than_a_thousand_entries_are_counted_and_not_shown() -> None:
    answer = listed(zipped(*((f"{number}", b"") for number in range(1200))))

    assert len(answer["entries"]) == 1000
    assert answer["total"]["entries"] == 1200
    assert answer["odd"] == ["only the first 1000 entries are shown"]


def test_a_name_that_is_no_text_is_shown_as_well_as_it_can_be() -> None:
    archive = zipped(("zzzz", b"")).replace(b"zzzz", b"\xff\n\xc0\x80")

    (entry,) = listed(archive)["entries"]

    assert entry["path"] == "�\n��"
    assert entry["odd"] == ["its name is not UTF-8"]


@pytest.mark.parametrize(
    ("archive", "complaint"),
    [
        (b"", "neither a zip file nor a tar file"),
        (b"hello" * 500, "neither a zip file nor a tar file"),
        (b"PK\3\4", "it has no end"),
        (b"PK\5\6" + b"\xff" * 18, "outside of it"),
        (b"\x1f\x8b\x08", "damaged"),
        (gzip.compress(b"text " * 300, mtime=0), "neither a zip file nor a tar file"),
        (gzip.compress(hashlib.shake_128(b"seed").digest(5000), mtime=0)[:-2000], "damaged"),
    ],
)
def test_what_is_no_archive_is_refused_in_words(archive: bytes, complaint: str) -> None:
    execution = run("archive", archive)

    assert stop_code(execution) == "guest.exited"
    assert complaint in execution.stderr.decode()


_WHOLE = (
    zipped(("a/b", b"text" * 50), ("c" * 40, bytes(300))),
    tarred("w:", ("a" * 150, b"text", ""), ("b", b"", "../x")),
    tarred("w:gz", ("a" * 150, b"text" * 300, ""), ("b", b"", "../x")),
)


@given(
    st.sampled_from(_WHOLE), st.lists(st.tuples(st.integers(0), st.integers(0, 255)), max_size=6)
)
@settings(deadline=None, max_examples=often(200))
def test_an_archive_that_was_tampered_with_never_makes_it_trap(
    archive: bytes, changes: list[tuple[int, int]]
) -> None:
    damaged = bytearray(archive)
    for place, byte in changes:
        damaged[place % len(damaged)] = byte

    execution = run("archive", bytes(damaged))

    assert stop_code(execution) in (None, "guest.exited")
    assert execution.stdout.startswith(b"{") if execution.stop is None else execution.stderr


def test_archives_come_with_the_call_or_from_a_granted_directory(tmp_path: Path) -> None:
    runtime = with_directory("archive", tmp_path).runtime()
    archive = zipped(("a", b"1"))
    (tmp_path / "data" / "a.zip").write_bytes(archive)
    (tmp_path / "data" / "link.zip").symlink_to(tmp_path / "data" / "a.zip")

    passed = ask(runtime, "archive.list", {"archive": base64.b64encode(archive).decode()})
    there = ask(runtime, "archive.list-file", {"path": "a.zip"})
    linked = ask(runtime, "archive.list-file", {"path": "link.zip"})
    outside = ask(runtime, "archive.list-file", {"path": "../a.zip"})

    assert passed.structured is not None
    assert passed.structured == there.structured
    assert linked.is_error
    assert outside.is_error
