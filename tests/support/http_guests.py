"""Components that ask HTTP APIs, built from unmodified libraries as their own tools build them.

A Python one, by componentize-py from `requests`, an adapter others published, and asyncio; and a
JavaScript one, by `hatchway build` from `fetch`. Both run on any host of `wasi:http`. What is
fetched for them is pinned by hash, and a build is kept until one of its sources changes.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from packages import CACHE, REPOSITORY, _npm

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = REPOSITORY / "examples"
JAVASCRIPT = REPOSITORY / "src" / "hatchway" / "sdk" / "javascript"
KEPT = REPOSITORY / ".artifacts" / "guests"
_SOURCES = {
    "api-python": ("app.py", "requirements.txt", "wasi.txt", "wit/world.wit"),
    "api-javascript": ("tool.js", "tool.toml", "world.wit"),
}
_WASI = "0.2.6"
_SECONDS = 900
_PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")


def python_guest() -> Path:
    """The component of `examples/api-python`."""
    compiler = f"componentize-py {importlib.metadata.version('componentize-py')}"
    return _built("api-python", compiler, _build_python)


def javascript_guest() -> Path:
    """The component of `examples/api-javascript`."""
    compiler = (JAVASCRIPT / "package-lock.json").read_text()
    return _built("api-javascript", compiler, _build_javascript)


def _built(name: str, compiler: str, build: Callable[[Path, Path], None]) -> Path:
    sources = {part: (EXAMPLES / name / part).read_bytes() for part in _SOURCES[name]}
    digest = hashlib.sha256(compiler.encode())
    for part, content in sources.items():
        digest.update(f"\0{part}\0{len(content)}\0".encode() + content)
    kept = KEPT / f"{name}-{digest.hexdigest()[:16]}.wasm"
    if not kept.is_file():
        KEPT.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=KEPT) as scratch:
            source = Path(scratch, "source")
            for part, content in sources.items():
                (source / part).parent.mkdir(parents=True, exist_ok=True)
                (source / part).write_bytes(content)
            output = Path(scratch, "guest.wasm")
            build(source, output)
            output.rename(kept)
    return kept


def _build_python(source: Path, output: Path) -> None:
    for requirements, target in (("requirements.txt", "site"), ("wasi.txt", "../wasi")):
        checked = ("--only-binary", ":all:", "--require-hashes", "-r", requirements)
        _run(sys.executable, *_PIP, *checked, "--target", target, directory=source)
    interfaces = source.parent / "wasi" / "spin_sdk" / "wit" / "deps"
    for package in interfaces.glob(f"*@{_WASI}"):
        shutil.copytree(package, source / "wit" / "deps" / package.name)
    _run(
        str(Path(sys.executable).with_name("componentize-py")),
        *("-d", "wit", "-w", "api", "componentize", "app"),
        *("-p", ".", "-p", "site", "-o", str(output)),
        directory=source,
    )


def _build_javascript(source: Path, output: Path) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    node = str(Path(_npm(CACHE)[0]).parent)
    words = (sys.executable, "-m", "hatchway", "build", ".", "-o", str(output))
    _run(*words, directory=source, path=node)


def _run(*words: str, directory: Path, path: str = "/usr/bin") -> None:
    done = subprocess.run(
        words,
        cwd=directory,
        env={
            **os.environ,
            "PATH": f"{path}:{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    assert done.returncode == 0, f"{words[0]} failed:\n{done.stdout[-500:]}{done.stderr[-2000:]}"
