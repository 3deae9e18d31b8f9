"""Compiled code on disk, used only when its authentication code verifies.

Loading compiled code is running it: a forged file is native code in this process. So an
entry is bound to its artifact, to its compiler, to the engine's version and settings, and to
a key that stands outside the cache; the bytes that were verified are the bytes that are
loaded, from a sealed memory file that nobody can change in between.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import logging
import os
import secrets
import stat
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, get_args

from hatchway.core.errors import ConfigError
from hatchway.core.surface import Compilation, Compiler, Surface
from hatchway.engine.sealing import mapped, memory_file, seal
from hatchway.engine.settings import fingerprint

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

_LOG = logging.getLogger(__name__)

_KEY_BYTES = 32
_MAX_META_BYTES = 16 << 20
_COPY_BYTES = 1 << 20


class Description(NamedTuple):
    """What is known of compiled code without loading it."""

    surface: Surface
    compilation: Compilation


class CompiledCache:
    """A directory of authenticated compiled code.

    Args:
        directory: Created with mode 0700; only its owner may look inside.
        key_file: Created with mode 0600, outside `directory`.
    """

    def __init__(self, directory: Path, key_file: Path) -> None:
        if key_file.is_relative_to(directory):
            message = f"the cache key {str(key_file)!r} must not be inside the cache"
            raise ConfigError(message, code="config.unsafe_cache")
        _private_directory(directory)
        _private_directory(key_file.parent)
        self._directory = directory
        self._key = _key(key_file)
        self._settings = {compiler: fingerprint(compiler) for compiler in get_args(Compiler)}

    def description(self, digest: str, compiler: Compiler) -> Description | None:
        """What is known of the code that `compiler` made, or None if nothing verifies."""
        meta = self._meta(digest, compiler)
        return None if meta is None else _description(meta)

    @contextlib.contextmanager
    def code(self, digest: str, compiler: Compiler) -> Iterator[tuple[Description, int] | None]:
        """The description and a sealed descriptor of verified code, or None."""
        meta = self._meta(digest, compiler)
        if meta is None:
            yield None
            return
        try:
            path = self._path(digest, compiler, "cwasm")
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            yield None
            return
        with os.fdopen(descriptor, "rb") as stream, sealed_copy(stream) as sealed:
            if self._verifies(digest, compiler, meta, sealed):
                yield _description(meta), sealed
            else:
                _LOG.warning("compiled code of %s does not verify; it is built again", digest)
                yield None

    def put(self, digest: str, description: Description, code: IO[bytes]) -> bool:
        """Keep `code` for the next start; whether that went well.

        A cache that cannot be written is only a delay.
        """
        compiler = description.compilation.compiler
        meta = {
            "surface": description.surface.to_json(),
            "compiler": compiler,
            "given_up": description.compilation.given_up,
        }
        body = _body(meta)
        try:
            with mapped(code.fileno()) as data:
                seals = {
                    "meta_mac": self._mac(digest, compiler, body, b"").hex(),
                    "code_mac": self._mac(digest, compiler, body, data).hex(),
                }
                _replace(self._path(digest, compiler, "cwasm"), data)
            whole = json.dumps({**meta, **seals}).encode()
            _replace(self._path(digest, compiler, "json"), whole)
        except OSError as error:
            _LOG.warning("compiled code of %s cannot be cached: %s", digest, error)
            return False
        return True

    def _path(self, digest: str, compiler: Compiler, suffix: str) -> Path:
        settings = hashlib.sha256(self._settings[compiler].encode()).hexdigest()[:16]
        return self._directory / f"{digest.removeprefix('sha256:')}-{settings}.{suffix}"

    def _mac(self, digest: str, compiler: Compiler, body: bytes, code: bytes | mmap.mmap) -> bytes:
        mac = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in (digest.encode(), self._settings[compiler].encode(), body):
            mac.update(len(part).to_bytes(8, "little"))
            mac.update(part)
        mac.update(code)
        return mac.digest()

    def _meta(self, digest: str, compiler: Compiler) -> dict[str, Any] | None:
        """The entry's description, if its authentication code verifies."""
        path = self._path(digest, compiler, "json")
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            with os.fdopen(descriptor, "rb") as stream:
                meta = json.loads(stream.read(_MAX_META_BYTES))
            expected = self._mac(digest, compiler, _body(meta), b"").hex()
            if not hmac.compare_digest(str(meta["meta_mac"]), expected):
                _LOG.warning("the description of %s does not verify; it is built again", digest)
                return None
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            _LOG.warning("the cache entry of %s cannot be read: %s", digest, error)
            return None
        return dict(meta)

    def _verifies(self, digest: str, compiler: Compiler, meta: dict[str, Any], sealed: int) -> bool:
        try:
            with mapped(sealed) as data:
                expected = self._mac(digest, compiler, _body(meta), data).hex()
        except ValueError:  # an empty file cannot be mapped
            return False
        return hmac.compare_digest(str(meta.get("code_mac", "")), expected)


def _body(meta: dict[str, Any]) -> bytes:
    """What of a description is authenticated: all that anybody acts upon."""
    stated = {key: meta[key] for key in ("surface", "compiler", "given_up")}
    return json.dumps(stated, sort_keys=True).encode()


def _description(meta: dict[str, Any]) -> Description:
    compilation = Compilation(compiler=meta["compiler"], given_up=meta["given_up"])
    return Description(Surface.from_json(meta["surface"]), compilation)


@contextlib.contextmanager
def sealed_copy(stream: IO[bytes]) -> Iterator[int]:
    """A descriptor of a copy of `stream` that can no longer be changed by anybody."""
    with memory_file() as copy:
        _copy(stream, copy.fileno())
        seal(copy)
        yield copy.fileno()


def _copy(stream: IO[bytes], descriptor: int) -> None:
    while chunk := stream.read(_COPY_BYTES):
        view = memoryview(chunk)
        while view:
            view = view[os.write(descriptor, view) :]


def _private_directory(directory: Path) -> None:
    """Make sure that `directory` exists and that only its owner can look into it.

    Raises:
        ConfigError: It cannot be made so.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = directory.stat()
        if stat.S_IMODE(status.st_mode) & 0o077:
            directory.chmod(0o700)
    except OSError as error:
        message = f"cannot use {str(directory)!r}: {error.strerror}"
        hint = "point XDG_DATA_HOME and XDG_CACHE_HOME at directories you may write to"
        raise ConfigError(message, code="config.unwritable", hint=hint) from error


def _key(file: Path) -> bytes:
    """The key in `file`, made at first use.

    Raises:
        ConfigError: The file is not a private key of the right length.
    """
    with contextlib.suppress(FileExistsError):
        if not file.exists():
            _create(file, secrets.token_bytes(_KEY_BYTES))
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as stream:
        mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
        key = stream.read(_KEY_BYTES + 1)
    if len(key) != _KEY_BYTES or mode & 0o077:
        message = f"the cache key {str(file)!r} must hold {_KEY_BYTES} bytes and have mode 0600"
        raise ConfigError(message, code="config.unsafe_cache", hint=f"rm {file}")
    return key


def _create(file: Path, data: bytes) -> None:
    """Make `file` with all of `data` at once; fails if somebody else was first."""
    descriptor, name = tempfile.mkstemp(dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        Path(file).hardlink_to(name)
    finally:
        Path(name).unlink()


def _replace(file: Path, data: bytes | mmap.mmap) -> None:
    """Make `file` hold `data`; readers see the old content or the new, never half of it."""
    descriptor, name = tempfile.mkstemp(dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        Path(name).replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
