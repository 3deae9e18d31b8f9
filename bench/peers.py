"""Other ways to run code that somebody just wrote, so that they can be timed beside ours.

Each is started the way its own documentation says, runs the same line of Python and gives its
output back; whoever gives another answer is not in the table. What is not installed is named
with the command that installs it. `install` puts the Python and npm packages into one
directory, each into an environment of its own: they want different versions of one wheel.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

CODE = "print(sum(i*i for i in range(1000)))"
ANSWER = "332833500"

_DRIVERS = Path(__file__).resolve().parent / "drivers"
_PACKAGES = {
    "capsule": ("capsule-run==0.8.10", "capsule-run-adapter==0.3.5"),
    "llm-wasm-sandbox": ("llm-wasm-sandbox==0.4.4",),
}
_PYODIDE = "pyodide@314.0.7"


class Absent(Exception):  # noqa: N818 - no error: the machine simply has not got it
    """This way cannot be taken here; the text says why, and what would change that."""


class Peer(Protocol):
    """One way to run code.

    Attributes:
        name: The row in the table.
        isolation: What keeps the code in, in a few words.
        fresh: Whether every run starts with nothing of the one before.
        runs: How many runs of it a table needs; fewer where one takes seconds.
    """

    name: str
    isolation: str
    fresh: bool
    runs: int

    def start(self, scratch: Path) -> Callable[[], float]:
        """What runs the code once and gives the microseconds it took.

        Args:
            scratch: A directory for whatever it leaves lying about.

        Raises:
            Absent: It is not installed, or does not work here.
        """
        ...

    def stop(self) -> None:
        """Leave nothing behind."""
        ...


@dataclass
class Command:
    """A process for every run."""

    name: str
    isolation: str
    line: Callable[[Path], list[str]]
    fresh: bool = True
    runs: int = 60

    def start(self, scratch: Path) -> Callable[[], float]:
        """Try it once, then hand it out."""
        line = self.line(scratch)

        def once() -> float:
            began = time.perf_counter_ns()
            done = subprocess.run(
                line, cwd=scratch, capture_output=True, text=True, timeout=60, check=False
            )
            took = (time.perf_counter_ns() - began) / 1000
            if done.stdout.strip() != ANSWER:
                words = (done.stderr or done.stdout).strip().splitlines()
                raise Absent(f"it gave no answer here: {words[-1] if words else done.returncode}")
            return took

        once()
        return once

    def stop(self) -> None:
        """Its processes are over."""


@dataclass
class Driven:
    """A program that stays, and does a run for every line it reads."""

    name: str
    isolation: str
    line: Callable[[Path], list[str]]
    fresh: bool = True
    runs: int = 60
    process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def start(self, scratch: Path) -> Callable[[], float]:
        """Start the program and wait for its first answer, which compiles what it needs."""
        line = self.line(scratch)
        # What stands beside the interpreter is part of its environment.
        path = f"{Path(line[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        self.process = subprocess.Popen(
            line,
            cwd=scratch,
            env={**os.environ, "PATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._once()
        return self._once

    def _once(self) -> float:
        process = self.process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(json.dumps(CODE) + "\n")
        process.stdin.flush()
        for line in process.stdout:
            if line.startswith("ran "):
                _, took, answer = line.split(maxsplit=2)
                if answer.strip() != ANSWER:
                    raise Absent(f"it gave another answer: {answer.strip()[:80]}")
                return float(took)
        words = process.stderr.read().strip().splitlines()
        raise Absent(f"it ended: {words[-1] if words else process.wait()}")

    def stop(self) -> None:
        """End the program."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()


def peers(directory: Path | None) -> list[Peer]:
    """All of them; `directory` is where `install` put some."""
    return [
        Command("subprocess", "none: a plain process", _plain),
        Command("bwrap", "namespaces", _bwrap),
        Command("runc", "container", _runc, runs=30),
        Driven("capsule-run", "wasm", lambda _: _of_python("capsule", directory)),
        Driven(
            "llm-wasm-sandbox",
            "wasm",
            lambda _: _of_python("llm-wasm-sandbox", directory),
            runs=4,
        ),
        Driven("pyodide, warm", "none: state survives", lambda _: _node(directory, "warm"), False),
        Driven("pyodide, fresh", "wasm", lambda _: _node(directory, "fresh"), runs=4),
    ]


def install(directory: Path) -> None:
    """Put the packages of the peers under `directory`, and nowhere else."""
    for name, packages in _PACKAGES.items():
        place = directory / name
        if not (place / "ready").exists():
            print(f"installing {', '.join(packages)} …", file=sys.stderr)
            subprocess.run([sys.executable, "-m", "venv", place], check=True)
            pip = place / "bin" / "pip"
            subprocess.run([pip, "install", "--quiet", *packages], check=True)
            (place / "ready").touch()
    place = directory / "pyodide"
    npm = shutil.which("npm")
    if npm is not None and not (place / "ready").exists():
        print(f"installing {_PYODIDE} …", file=sys.stderr)
        place.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [npm, "install", "--silent", "--no-audit", "--ignore-scripts", _PYODIDE],
            cwd=place,
            check=True,
        )
        (place / "ready").touch()


def _found(program: str, package: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise Absent(f"{program} is not installed (apt-get install {package})")
    return found


def _python() -> str:
    """An interpreter without the environment's packages, so that nobody's are loaded."""
    return str(Path(sys.executable).resolve())


def _plain(_scratch: Path) -> list[str]:
    return [_python(), "-I", "-S", "-c", CODE]


def _bwrap(scratch: Path) -> list[str]:
    bwrap = _found("bwrap", "bubblewrap")
    walls = ["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108
    return [bwrap, *walls, "--unshare-all", "--die-with-parent", "--clearenv", *_plain(scratch)]


def _runc(bundle: Path) -> list[str]:
    runc = _found("runc", "runc")
    if os.geteuid() != 0:
        raise Absent("runc is asked for a whole container, which takes root here")
    kinds = ("pid", "network", "ipc", "uts", "mount")
    places = ("/usr", "/bin", "/lib", "/lib64", sys.base_prefix)
    mounts = [{"destination": "/proc", "type": "proc", "source": "proc"}] + [
        {"destination": place, "type": "bind", "source": place, "options": ["rbind", "ro"]}
        for place in places
        if Path(place).is_dir()
    ]
    (bundle / "root").mkdir()
    bundle.joinpath("config.json").write_text(
        json.dumps(
            {
                "ociVersion": "1.0.2",
                "process": {
                    "terminal": False,
                    "user": {"uid": 0, "gid": 0},
                    "args": _plain(bundle),
                    "env": ["PATH=/usr/bin:/bin"],
                    "cwd": "/",
                    "capabilities": {},
                    "noNewPrivileges": True,
                },
                "root": {"path": "root", "readonly": False},
                "mounts": mounts,
                "linux": {"namespaces": [{"type": kind} for kind in kinds]},
            }
        )
    )
    # A name for every run: one that is in use would be refused.
    script = f'exec {runc} run --bundle {bundle} "hatchway-bench-$$"'
    return ["/bin/sh", "-c", script]


def _of_python(name: str, directory: Path | None) -> list[str]:
    packages = " ".join(_PACKAGES[name])
    python = None if directory is None else directory / name / "bin" / "python"
    if python is None or not python.exists():
        raise Absent(f"{packages} is not installed (--install DIR puts it there)")
    return [str(python), str(_DRIVERS / f"{name.replace('-', '_')}_driver.py")]


def _node(directory: Path | None, how: str) -> list[str]:
    node = _found("node", "nodejs")
    modules = None if directory is None else directory / "pyodide" / "node_modules"
    if modules is None or not modules.exists():
        raise Absent(f"{_PYODIDE} is not installed (--install DIR puts it there)")
    return [node, str(_DRIVERS / "pyodide_driver.mjs"), str(modules), how]
