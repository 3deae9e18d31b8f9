"""Pure Python packages from a lock of wheels: a requirements file in which all have hashes.

pip finds and checks them; nothing of a package runs, and pip never reads the lock itself, which
could tell it to. What is not pure is refused by name: a
component has no way to load a machine's own code.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable
from hatchway.sdk.building import ended
from hatchway.sdk.locked import requirements_of

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_BYTES = 128 << 20
_MOST_FILES = 20_000
_MOST_WORDS = 2000
_KEPT = ("PIP_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_", "HOME")
"""What pip needs of the environment where packages come from somebody's own index. Which bytes
are right is decided by the hashes in the lock."""
_PURE = (
    *("--only-binary=:all:", "--platform=any", "--implementation=py", "--abi=none"),
    "--python-version=3.14",
)


def packages_of(lock: Path, tell: Callable[[str], None]) -> dict[str, bytes]:
    """Everything the wheels of a lock hold, by path.

    Raises:
        ConfigError: The lock says more than versions and hashes, or a package is missing, has
            another hash, or is not pure.
    """
    requirements = requirements_of(lock)
    if not requirements:
        return {}
    tell(f"fetching the packages of {lock.name}")
    with tempfile.TemporaryDirectory(prefix="hatchway-wheels-") as directory:
        wanted, wheels = Path(directory) / "requirements.txt", Path(directory) / "wheels"
        wanted.write_text(requirements, encoding="utf-8")
        wheels.mkdir(mode=0o700)
        _download(lock.name, wanted, wheels)
        found: dict[str, bytes] = {}
        for wheel in sorted(wheels.iterdir()):
            found |= _unpacked(wheel)
    return found


def _download(name: str, wanted: Path, directory: Path) -> None:
    words = [sys.executable, "-I", "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"]
    words += ["--disable-pip-version-check", "--require-hashes", *_PURE]
    words += ["--dest", str(directory), "-r", str(wanted)]
    kept = {name: value for name, value in os.environ.items() if name.upper().startswith(_KEPT)}
    status, told = ended(words, directory=directory, environment=kept)
    if status != 0:
        said = printable(told.decode("utf-8", "replace").strip(), limit=_MOST_WORDS)
        message = f"pip cannot fetch the packages of {name}: {said}"
        hint = "only pure wheels will do, and each needs its hash: pip-compile --generate-hashes"
        raise ConfigError(message, code="config.build_failed", hint=hint)


def _unpacked(wheel: Path) -> dict[str, bytes]:
    name = printable(wheel.name, limit=120)
    if not wheel.name.endswith("-none-any.whl"):
        message = f"{name} is not a pure wheel"
        raise ConfigError(message, code="config.build_failed")
    found: dict[str, bytes] = {}
    size = 0
    try:
        with zipfile.ZipFile(io.BytesIO(wheel.read_bytes())) as archive:
            members = [each for each in archive.infolist() if not each.is_dir()]
            size = sum(each.file_size for each in members)
            if size > _MOST_BYTES or len(members) > _MOST_FILES:
                message = f"{name} is too large"
                raise ConfigError(message, code="config.too_large")
            for each in members:
                found[_safe(each.filename, name)] = archive.read(each)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        message = f"{name} cannot be unpacked: {printable(str(error), limit=200)}"
        raise ConfigError(message, code="config.build_failed") from error
    return {path: data for path, data in found.items() if ".dist-info/" not in path}


def _safe(path: str, wheel: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or "\0" in path:
        message = f"{wheel} holds the path {printable(path, limit=120)}"
        raise ConfigError(message, code="config.build_failed")
    return "/".join(parts)
