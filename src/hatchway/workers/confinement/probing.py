"""Which walls stand on this machine: each is put up alone, in a child, and run against."""

from __future__ import annotations

import contextlib
import functools
import json
import mmap
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import hatchway
from hatchway.core.errors import HatchwayError
from hatchway.core.isolation import LAYERS
from hatchway.core.untrusted import printable
from hatchway.workers.confinement import landlock
from hatchway.workers.confinement.confining import Confinement, confine
from hatchway.workers.confinement.entering import enter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hatchway.core.isolation import Layer

_BOOTSTRAP: Final = """
import sys
sys.path.insert(0, sys.argv[1])
from hatchway.workers.confinement.probing import report
report()
"""
_SECONDS: Final = 30.0
_MEMORY_BYTES: Final = 64 << 20
_TOO_MUCH: Final = 1 << 30
_MICROSECONDS: Final = 1_000_000
_CLOSED_PORT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """One layer, as it is on this machine.

    Attributes:
        layer: Its name.
        holds: Whether it stopped, alone, all that it is there to stop.
        detail: What it does here, or why it does not.
        cost_us: What putting it up took, in microseconds; None where it cannot be put up.
    """

    layer: Layer
    holds: bool
    detail: str
    cost_us: int | None


@functools.cache
def walls() -> tuple[Wall, ...]:
    """Every layer, in the order of `LAYERS`. They are tried once per process."""
    found = _reported() if sys.platform == "linux" else {}
    missing = "the probe did not answer" if sys.platform == "linux" else "only Linux has it"
    return tuple(
        found.get(layer) or Wall(layer=layer, holds=False, detail=missing, cost_us=None)
        for layer in LAYERS
    )


def _reported() -> Mapping[str, Wall]:
    root = str(Path(hatchway.__path__[0]).parent)
    try:
        child = subprocess.Popen(  # noqa: S603 - our own interpreter, fixed arguments
            [sys.executable, "-I", "-P", "-c", _BOOTSTRAP, root],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
        )
    except OSError:
        return {}
    with child:
        try:
            said, _ = child.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            return {}
    found: dict[str, Wall] = {}
    for line in said.splitlines():
        with contextlib.suppress(ValueError, TypeError):
            wall = Wall(**json.loads(line))
            found[wall.layer] = wall
    return found


# What follows runs in the child, and in a child of that for each layer.


def report() -> None:
    """Try every layer, and print a line about each."""
    for layer in LAYERS:
        child = os.fork()
        if child == 0:
            try:
                _say(_tried(layer))
            finally:
                os._exit(0)
        os.waitpid(child, 0)


def _say(wall: dict[str, Any]) -> None:
    os.write(1, json.dumps(wall).encode() + b"\n")


def _tried(layer: Layer) -> dict[str, Any]:
    said = {"layer": layer, "holds": False, "cost_us": None}
    began = time.perf_counter()
    try:
        entered = enter(frozenset({layer}), wants_network=False)
        asked = confine(_confinement(entered.layers))
    except HatchwayError as error:
        return said | {"detail": printable(error.message, limit=200)}
    if layer not in entered.layers:
        return said | {"detail": "the kernel, or whoever administers it, does not allow them"}
    cost = round((time.perf_counter() - began) * _MICROSECONDS)
    if asked is not None:
        os.close(asked)
    passed = [name for name, attempt in _ATTEMPTS[layer] if _succeeds(attempt)]
    detail = _detail(layer, is_told=asked is not None)
    if passed:
        detail += f"; it does not stop: {', '.join(passed)}"
    return said | {"holds": not passed, "detail": detail, "cost_us": cost}


def _confinement(layers: frozenset[Layer]) -> Confinement:
    return Confinement(
        layers=layers,
        directories=(),
        connect_port=None,
        memory_bytes=_MEMORY_BYTES,
        file_bytes=0,
    )


def _detail(layer: Layer, *, is_told: bool) -> str:
    spoken = landlock.version()
    knows = ["files"]
    knows += ["TCP ports"] if spoken >= landlock.TCP_SINCE else []
    knows += ["signals", "abstract sockets"] if spoken >= landlock.SCOPES_SINCE else []
    return {
        "landlock": f"version {spoken}: {', '.join(knows)}",
        "seccomp": "a list of system calls; others "
        + ("are refused and reported" if is_told else "are refused, and nobody is told"),
        "namespaces": "users, mounts, network, processes and IPC of its own",
        "limits": "memory, files, descriptors and threads",
    }[layer]


def _succeeds(attempt: Callable[[], object]) -> bool:
    try:
        return attempt() is not False
    except (OSError, MemoryError, ValueError):
        return False


def _list_root() -> None:
    os.scandir("/").close()


def _reach_a_port() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as any_socket:
        try:
            any_socket.connect(("127.0.0.1", _CLOSED_PORT))
        except PermissionError:
            return False
        except OSError:
            return True  # it was asked for, and nobody was there
    return True


def _open_socket() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()


def _fork() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _see_programs() -> bool:
    return Path(sys.executable).exists()


def _see_networks() -> bool:
    return any(name != "lo" for _, name in socket.if_nameindex())


def _see_parents() -> bool:
    return os.getppid() != 0


def _take_memory() -> None:
    mmap.mmap(-1, _TOO_MUCH, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()


def _take_descriptors() -> None:
    held: list[int] = []
    try:
        for _ in range(1 << 14):
            held.append(os.dup(0))  # noqa: PERF401 - what is held must be given back
    finally:
        for descriptor in held:
            os.close(descriptor)


_ATTEMPTS: Final[Mapping[Layer, tuple[tuple[str, Callable[[], object]], ...]]] = {
    "landlock": (("listing a directory", _list_root), ("connecting to a port", _reach_a_port)),
    "seccomp": (("a socket", _open_socket), ("a process", _fork)),
    "namespaces": (
        ("the host's files", _see_programs),
        ("the host's networks", _see_networks),
        ("the host's processes", _see_parents),
    ),
    "limits": (("1 GiB of memory", _take_memory), ("16,384 descriptors", _take_descriptors)),
}
