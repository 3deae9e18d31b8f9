"""Compiled code is native code: nothing is loaded that was not authenticated."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from typing import TYPE_CHECKING, Any, get_args

import pytest
from guests import bomb, command, grant, wasi, wasm

from hatchway.core.errors import ConfigError
from hatchway.core.sandbox import CommandInvocation
from hatchway.core.surface import Compilation, Compiler
from hatchway.engine import compiling
from hatchway.engine.cache import CompiledCache, sealed_copy
from hatchway.engine.compiling import CompileBudget, CompileBudgets
from hatchway.engine.sandbox import EngineSandbox
from hatchway.engine.settings import has_winch
from hatchway.registry.store import digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from hatchway.engine.compiling import Compiled

HELLO = wasm(
    command(
        """
        (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 5))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        """,
        imports=wasi("fd_write"),
        declarations='(data (i32.const 64) "hello")',
    )
)
OTHER = HELLO.replace(b"hello", b"other")
DIGEST, OTHER_DIGEST, BOMB_DIGEST = digest_of(HELLO), digest_of(OTHER), digest_of(bomb())
COMPILERS: tuple[Compiler, ...] = get_args(Compiler)
IMPATIENT = CompileBudgets(cranelift=CompileBudget(cpu_seconds=1))

winch = pytest.mark.skipif(not has_winch(), reason="Winch is used on x86-64 only")


def cache_in(directory: Path) -> CompiledCache:
    return CompiledCache(directory / "cache" / "compiled", directory / "data" / "key")


def sandbox_over(cache: CompiledCache, budgets: CompileBudgets | None = None) -> EngineSandbox:
    artifacts = {DIGEST: HELLO, OTHER_DIGEST: OTHER}
    return EngineSandbox(artifacts=artifacts.__getitem__, cache=cache, budgets=budgets)


def output(sandbox: EngineSandbox, digest: str = DIGEST) -> bytes:
    return sandbox.run(digest, CommandInvocation(arguments=()), grant()).stdout


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The artifacts that were compiled during the test."""
    compiled: list[bytes] = []
    real = compiling.compile_artifact

    def counted(artifact: bytes, *arguments: object) -> Compiled:
        compiled.append(artifact)
        return real(artifact, *arguments)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr("hatchway.engine.supply.compile_artifact", counted)
    return compiled


def files(directory: Path, suffix: str) -> list[Path]:
    return sorted((directory / "cache" / "compiled").glob(f"*.{suffix}"))


def test_what_was_compiled_once_is_not_compiled_again(
    tmp_path: Path, compilations: list[bytes]
) -> None:
    sandbox_over(cache_in(tmp_path)).prepare(HELLO, DIGEST)

    assert output(sandbox_over(cache_in(tmp_path))) == b"hello"
    assert compilations == [HELLO]


def test_a_surface_is_known_without_loading_the_code(
    tmp_path: Path, compilations: list[bytes]
) -> None:
    prepared = sandbox_over(cache_in(tmp_path)).prepare(HELLO, DIGEST)

    later = sandbox_over(cache_in(tmp_path))

    assert later.surface(DIGEST) == prepared
    assert len(compilations) == 1


def _flip_a_byte_of_code(directory: Path) -> None:
    (file,) = files(directory, "cwasm")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))


def _truncate_the_code(directory: Path) -> None:
    (file,) = files(directory, "cwasm")
    file.write_bytes(file.read_bytes()[:-1])


def _empty_the_code(directory: Path) -> None:
    (file,) = files(directory, "cwasm")
    file.write_bytes(b"")


def _remove_the_code(directory: Path) -> None:
    (file,) = files(directory, "cwasm")
    file.unlink()


def _link_the_code_elsewhere(directory: Path) -> None:
    (file,) = files(directory, "cwasm")
    elsewhere = directory / "elsewhere"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)


def _change_the_surface(directory: Path) -> None:
    (file,) = files(directory, "json")
    meta = json.loads(file.read_text())
    meta["surface"]["imports"] = []
    file.write_text(json.dumps(meta))


def _claim_another_compiler(directory: Path) -> None:
    (file,) = files(directory, "json")
    meta = json.loads(file.read_text())
    meta["compiler"] = "winch"
    file.write_text(json.dumps(meta))


def _claim_that_cranelift_gave_up(directory: Path) -> None:
    (file,) = files(directory, "json")
    meta = json.loads(file.read_text())
    meta["given_up"] = "cranelift was tired"
    file.write_text(json.dumps(meta))


def _forge_the_code_mac(directory: Path) -> None:
    (file,) = files(directory, "json")
    meta = json.loads(file.read_text())
    meta["code_mac"] = "00" * 32
    file.write_text(json.dumps(meta))


def _drop_the_macs(directory: Path) -> None:
    (file,) = files(directory, "json")
    meta = json.loads(file.read_text())
    stated = {key: meta[key] for key in ("surface", "compiler", "given_up")}
    file.write_text(json.dumps(stated))


def _write_nonsense(directory: Path) -> None:
    (file,) = files(directory, "json")
    file.write_text("{" * 100_000)


def _change_the_key(directory: Path) -> None:
    (directory / "data" / "key").write_bytes(b"k" * 32)


DAMAGES = (
    _flip_a_byte_of_code,
    _truncate_the_code,
    _empty_the_code,
    _remove_the_code,
    _link_the_code_elsewhere,
    _change_the_surface,
    _claim_another_compiler,
    _claim_that_cranelift_gave_up,
    _forge_the_code_mac,
    _drop_the_macs,
    _write_nonsense,
    _change_the_key,
)


@pytest.mark.claim("cache.authentic")
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_does_not_verify_is_built_again(
    damage: object, tmp_path: Path, compilations: list[bytes]
) -> None:
    sandbox_over(cache_in(tmp_path)).prepare(HELLO, DIGEST)
    assert callable(damage)
    damage(tmp_path)

    assert output(sandbox_over(cache_in(tmp_path))) == b"hello"
    assert compilations == [HELLO, HELLO]


@pytest.mark.claim("cache.authentic")
def test_the_code_of_one_artifact_does_not_pass_for_anothers(
    tmp_path: Path, compilations: list[bytes]
) -> None:
    first = sandbox_over(cache_in(tmp_path))
    first.prepare(HELLO, DIGEST)
    first.prepare(OTHER, OTHER_DIGEST)
    for suffix in ("cwasm", "json"):
        one, two = files(tmp_path, suffix)
        one_data = one.read_bytes()
        one.write_bytes(two.read_bytes())
        two.write_bytes(one_data)

    swapped = sandbox_over(cache_in(tmp_path))

    assert output(swapped, DIGEST) == b"hello"
    assert output(swapped, OTHER_DIGEST) == b"other"
    assert len(compilations) == 4


@pytest.mark.claim("cache.authentic")
def test_code_for_other_engine_settings_is_not_used(
    tmp_path: Path, compilations: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox_over(cache_in(tmp_path)).prepare(HELLO, DIGEST)
    monkeypatch.setattr("hatchway.engine.cache.fingerprint", lambda _: "another engine")

    assert output(sandbox_over(cache_in(tmp_path))) == b"hello"
    assert len(compilations) == 2


@winch
@pytest.mark.claim("cache.authentic")
def test_the_code_of_one_compiler_does_not_pass_for_the_others(
    tmp_path: Path, compilations: list[bytes]
) -> None:
    first = sandbox_over(cache_in(tmp_path))
    for compiler in COMPILERS:
        first.prepare(HELLO, DIGEST, compiler)
    for suffix in ("cwasm", "json"):
        one, two = files(tmp_path, suffix)
        one_data = one.read_bytes()
        one.write_bytes(two.read_bytes())
        two.write_bytes(one_data)

    swapped = sandbox_over(cache_in(tmp_path))

    for compiler in COMPILERS:
        swapped.surface(DIGEST, compiler)
        assert swapped.compilation(DIGEST, compiler) == Compilation(compiler=compiler)
    assert len(compilations) == 4


@winch
def test_code_of_a_compiler_that_was_not_pinned_is_not_used(
    tmp_path: Path, compilations: list[bytes]
) -> None:
    sandbox_over(cache_in(tmp_path)).prepare(HELLO, DIGEST, "winch")

    automatic = sandbox_over(cache_in(tmp_path))
    automatic.prepare(HELLO, DIGEST)
    pinned = sandbox_over(cache_in(tmp_path))
    pinned.prepare(HELLO, DIGEST, "cranelift")

    assert automatic.compilation(DIGEST) == Compilation(compiler="cranelift")
    assert pinned.compilation(DIGEST, "winch") == Compilation(compiler="winch")
    assert len(compilations) == 2


@winch
def test_a_fallback_is_remembered_and_cranelift_is_not_tried_again(
    tmp_path: Path, compilations: list[bytes]
) -> None:
    sandbox_over(cache_in(tmp_path), IMPATIENT).prepare(bomb(), BOMB_DIGEST)

    later = sandbox_over(cache_in(tmp_path), IMPATIENT)
    execution = later.run(BOMB_DIGEST, CommandInvocation(arguments=()), grant())

    assert execution.compiler == "winch"
    assert str(later.compilation(BOMB_DIGEST)) == "winch (cranelift took more than 1 CPU-seconds)"
    assert compilations == [bomb()]


def test_code_that_nobody_made_has_no_compiler(tmp_path: Path) -> None:
    assert sandbox_over(cache_in(tmp_path)).compilation(DIGEST) is None


def test_cache_and_key_are_for_their_owner_only(tmp_path: Path) -> None:
    sandbox_over(cache_in(tmp_path)).prepare(HELLO, DIGEST)

    assert stat.S_IMODE((tmp_path / "cache" / "compiled").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "data" / "key").stat().st_mode) == 0o600


def test_a_cache_that_others_could_write_to_is_closed_to_them(tmp_path: Path) -> None:
    directory = tmp_path / "cache" / "compiled"
    directory.mkdir(parents=True)
    directory.chmod(0o777)

    cache_in(tmp_path)

    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_key_that_others_could_read_is_refused(tmp_path: Path) -> None:
    cache_in(tmp_path)
    (tmp_path / "data" / "key").chmod(0o644)

    with pytest.raises(ConfigError, match="0600") as refused:
        cache_in(tmp_path)

    assert refused.value.code == "config.unsafe_cache"


def test_a_key_of_the_wrong_length_is_refused(tmp_path: Path) -> None:
    cache_in(tmp_path)
    (tmp_path / "data" / "key").write_bytes(b"short")

    with pytest.raises(ConfigError):
        cache_in(tmp_path)


def test_a_key_inside_the_cache_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="inside"):
        CompiledCache(tmp_path / "cache", tmp_path / "cache" / "key")


def test_a_cache_that_cannot_be_written_is_only_slower(
    tmp_path: Path, compilations: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr("hatchway.engine.cache._replace", full)

    assert output(sandbox_over(cache_in(tmp_path))) == b"hello"
    assert output(sandbox_over(cache_in(tmp_path))) == b"hello"
    assert len(compilations) == 2


def test_a_directory_that_cannot_be_made_says_which_variable_to_set(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a directory")

    with pytest.raises(ConfigError) as refused:
        cache_in(tmp_path)

    assert refused.value.code == "config.unwritable"
    assert "XDG_CACHE_HOME" in str(refused.value.hint)


@pytest.mark.claim("cache.authentic")
@pytest.mark.skipif(sys.platform != "linux", reason="sealed memory files are Linux's")
def test_what_was_verified_can_no_longer_be_changed(tmp_path: Path) -> None:
    source = tmp_path / "code"
    source.write_bytes(b"verified")

    with source.open("rb") as stream, sealed_copy(stream) as sealed:
        for change in (
            lambda: os.pwrite(sealed, b"x", 0),
            lambda: os.ftruncate(sealed, 0),
            lambda: os.ftruncate(sealed, 100),
        ):
            with pytest.raises(OSError, match="Operation not permitted"):
                change()
        writable = os.open(f"/proc/self/fd/{sealed}", os.O_RDWR)
        try:
            with pytest.raises(OSError, match="Operation not permitted"):
                os.write(writable, b"x")
        finally:
            os.close(writable)
        assert os.pread(sealed, 100, 0) == b"verified"


@pytest.mark.claim("cache.authentic")
def test_a_file_swapped_after_it_was_copied_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window between checking and loading: the path is not looked at twice."""
    cache = cache_in(tmp_path)
    sandbox_over(cache).prepare(HELLO, DIGEST)
    real = CompiledCache._verifies

    def swap(self: CompiledCache, digest: str, compiler: Any, meta: Any, sealed: int) -> bool:
        verdict = real(self, digest, compiler, meta, sealed)
        (file,) = files(tmp_path, "cwasm")
        file.write_bytes(b"evil" * 1000)
        return verdict

    monkeypatch.setattr(CompiledCache, "_verifies", swap)

    assert output(sandbox_over(cache)) == b"hello"
