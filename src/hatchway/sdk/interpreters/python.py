"""The Python interpreter: CPython and its standard library, with the program in `python_guest`."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from hatchway.sdk import componentizing, guest
from hatchway.sdk.interpreters.describing import described
from hatchway.sdk.wheels import packages_of

if TYPE_CHECKING:
    from collections.abc import Callable

_HERE = Path(__file__).parent
_APP = "hatchway_interpreter"
_PACKAGE = "hatchway/sdk/interpreters/python_guest"
_MANIFEST = _HERE / "python_guest" / "tool.toml"

_WORLD = """package hatchway:interpreters;

world python {
  include hatchway:exec/interpreter@0.1.0;
  import wasi:cli/environment@0.2.0;
}
"""
# Of WASI 0.2, so that the program learns where its workspace is without looking for it.
_ENVIRONMENT = """package wasi:cli@0.2.0;

interface environment {
  get-environment: func() -> list<tuple<string, string>>;
  get-arguments: func() -> list<string>;
  initial-cwd: func() -> option<string>;
}
"""


class PythonRecipe:
    """How the Python interpreter is made."""

    language = "python"
    needs: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """The builder's version, and a digest of all that goes in."""
        if self.missing() is not None:
            return "missing"
        digest = hashlib.sha256()
        how = {"how": componentizing.how(), "tool.toml": _MANIFEST.read_bytes()}
        for name, content in sorted((_wit() | _source() | how).items()):
            digest.update(f"{len(name)} {len(content)} {name}".encode() + content)
        return f"{componentizing.builder_version()}-{digest.hexdigest()[:12]}"

    def missing(self) -> str | None:
        """What must be installed, and the command; None if nothing."""
        problem = componentizing.missing()
        if problem is None and _tzdata() is None:
            return f"tzdata is not installed: {componentizing.INSTALL}"
        return problem

    def build(self, tell: Callable[[str], None], *needed: bytes) -> bytes:
        """The component, twice the same.

        Raises:
            ConfigError: It cannot be built.
        """
        assert not needed
        return build(tell=tell)


RECIPE = PythonRecipe()


def build(*, lock: Path | None = None, tell: Callable[[str], None]) -> bytes:
    """A Python interpreter, the same bytes for the same packages.

    Args:
        lock: Requirements with hashes, as pip reads them; what their wheels hold can be imported
            by the code. They must be pure Python. Nothing of them runs while it is built.
        tell: Told in one line what is happening.

    Raises:
        ConfigError: It cannot be built, or a package is missing, another, or not pure.
    """
    packages = {} if lock is None else packages_of(lock, tell)
    source = _source() | {f"packages/{path}": data for path, data in packages.items()}
    tell("building the Python interpreter (once, about ten seconds)")
    made = componentizing.componentize_python(wit=_wit(), world="python", app=_APP, source=source)
    return described(made, _MANIFEST)


def _wit() -> dict[str, bytes]:
    return {
        "python.wit": _WORLD.encode(),
        "deps/cli/environment.wit": _ENVIRONMENT.encode(),
        "deps/exec/exec.wit": (guest.path() / "exec.wit").read_bytes(),
        "deps/tools/tools.wit": (guest.path() / "tools.wit").read_bytes(),
    }


def _source() -> dict[str, bytes]:
    """The guest's modules, below the same names as here, and the world's time zones."""
    app = f"from {_PACKAGE.replace('/', '.')}.app import Code as Code\n"
    source = {f"{_APP}.py": app.encode()}
    for parent in (Path(_PACKAGE), *Path(_PACKAGE).parents[:-1]):
        source[f"{parent}/__init__.py"] = b""
    for module in (_HERE / "python_guest").glob("[!_]*.py"):
        source[f"{_PACKAGE}/{module.name}"] = module.read_bytes()
    return source | _zones()


def _zones() -> dict[str, bytes]:
    """The files of the package `tzdata`, as it lists them."""
    root = _tzdata()
    assert root is not None
    names = (root / "zones").read_text().split()
    return {f"zones/{name}": (root / "zoneinfo" / name).read_bytes() for name in names}


def _tzdata() -> Path | None:
    found = importlib.util.find_spec("tzdata")
    return None if found is None or found.origin is None else Path(found.origin).parent
