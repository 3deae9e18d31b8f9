"""The standard library in memory: what is used often is there, the rest is unpacked when asked for.

A component has no files of its own. So while it is built, the modules below are imported, and of
all others the compiled code is kept, packed.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import linecache
import marshal
import sys
import warnings
import zlib
import zoneinfo
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import CodeType, ModuleType

ROOT = Path("/python")
ZONES = Path("/0/zones")
PACKAGES = Path("/0/packages")

AT_HAND = """
__future__ abc argparse array ast asyncio atexit base64 binascii bisect builtins calendar cmath
codecs collections collections.abc concurrent.futures configparser contextlib contextvars copy
copyreg csv dataclasses datetime decimal difflib email.message email.parser email.policy
email.utils enum errno fnmatch fractions functools gc getpass glob gzip hashlib heapq hmac html
html.entities html.parser http http.client importlib importlib.resources inspect io ipaddress
itertools json keyword linecache locale logging math mimetypes numbers operator os os.path
pathlib pickle pkgutil platform posixpath pprint queue quopri random re reprlib sched secrets
select selectors shlex shutil signal socket sqlite3 stat statistics string struct subprocess sys
tarfile tempfile textwrap threading time timeit token tokenize traceback types typing
unicodedata unittest unittest.mock urllib.error urllib.parse urllib.request uuid warnings
weakref xml.dom xml.dom.minidom xml.etree.ElementTree xml.sax xml.sax.saxutils zipfile zlib
zoneinfo concurrent.futures.thread encodings.ascii encodings.cp1252 encodings.cp437
encodings.idna encodings.latin_1 encodings.utf_16 encodings.utf_16_le encodings.utf_8_sig
multiprocessing stringprep wsgiref.headers _strptime _sysconfigdata__wasi_wasm32-wasi sysconfig
"""
"""Imported while the interpreter is built; an import of them costs nothing."""

_LEFT_OUT = ("idlelib", "tkinter", "turtledemo", "test", "ensurepip", "pydoc_data", "lib2to3")
"""Of no use here, or not to be had."""

_NO_NATIVE = "it needs native code that is not part of this Python"
_NO_PROCESS = "there are no processes, users and terminals here"
REASONS = {
    "ssl": "there is no TLS in here; the host makes requests for those who are granted them",
    **dict.fromkeys(
        ("bz2", "lzma", "ctypes", "curses", "zstd", "mmap", "readline", "hashlib"), _NO_NATIVE
    ),
    **dict.fromkeys(("fcntl", "grp", "pwd", "resource", "syslog", "termios", "pty"), _NO_PROCESS),
    **dict.fromkeys(("tkinter", "turtle", "idlelib"), "there is no screen here"),
}
"""Why modules of the standard library are not there."""


class Library(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds and loads what was packed."""

    def __init__(self) -> None:
        self._packed: dict[str, tuple[bool, bytes]] = {}

    def pack(self, name: str, source: Path, *, is_package: bool) -> None:
        """Keep the code of a module."""
        code = compile(source.read_bytes(), str(source), "exec", dont_inherit=True)
        self._packed[name] = (is_package, zlib.compress(marshal.dumps(code), 9))

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        """The module, if it was packed."""
        found = self._packed.get(fullname)
        if found is None:
            return None
        return importlib.util.spec_from_loader(fullname, self, is_package=found[0])

    def exec_module(self, module: ModuleType) -> None:
        """Run the code of the module."""
        exec(self.get_code(module.__name__), module.__dict__)  # noqa: S102 - that is importing

    def get_code(self, fullname: str) -> CodeType:
        """What was packed, unpacked."""
        code: CodeType = marshal.loads(zlib.decompress(self._packed[fullname][1]))  # noqa: S302
        return code


def load() -> None:
    """Import what is to be at hand, pack the rest, and forget where all of it came from."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in AT_HAND.split():
            importlib.import_module(name)
        library = Library()
        for name, source in _modules(ROOT):
            if name not in sys.modules and not name.startswith(_LEFT_OUT):
                library.pack(name, source, is_package=source.name == "__init__.py")
        if PACKAGES.is_dir():
            for name, source in _modules(PACKAGES):
                library.pack(name, source, is_package=source.name == "__init__.py")
    sys.meta_path.insert(-1, library)
    _know_zones()
    sys.path.clear()
    sys.path_importer_cache.clear()
    sys.dont_write_bytecode = True
    _without_looking_for_source()


def _modules(directory: Path, package: str = "") -> Iterator[tuple[str, Path]]:
    for path in sorted(directory.iterdir()):
        if path.suffix == ".py" and path.stem.isidentifier():
            yield (
                (package.rstrip("."), path)
                if path.stem == "__init__"
                else (
                    package + path.stem,
                    path,
                )
            )
        elif path.name.isidentifier() and (path / "__init__.py").is_file():
            yield from _modules(path, f"{package}{path.name}.")


def _know_zones() -> None:
    """Keep the time zones of the package `tzdata` in memory, which is where they are found."""
    zones = {
        str(path.relative_to(ZONES)): path.read_bytes()
        for path in sorted(ZONES.rglob("*"))
        if path.is_file()
    }

    def load_tzdata(key: str) -> io.BytesIO:
        if key not in zones:
            message = f"No time zone found with key {key}"
            raise zoneinfo.ZoneInfoNotFoundError(message)
        return io.BytesIO(zones[key])

    zoneinfo.reset_tzpath(to=())
    zoneinfo._common.load_tzdata = load_tzdata  # type: ignore[assignment]  # noqa: SLF001
    zoneinfo.available_timezones = lambda: set(zones)


def _without_looking_for_source() -> None:
    """The source of the library is not there; looking for it would only be denied."""
    look = linecache.updatecache

    def updatecache(filename: str, module_globals: object = None) -> list[str]:
        if filename.startswith(("/python/", "/world/", "/bundled/", "/0/")):
            return []
        lines: list[str] = look(filename, module_globals)  # type: ignore[arg-type]
        return lines

    linecache.updatecache = updatecache
