"""Runs a piece of Python in a process that has gone through the walls of a worker."""

from __future__ import annotations

import base64
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hatchway
from hatchway.core.isolation import LAYERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hatchway.core.isolation import Layer

_COUNT = itertools.count()
_ROOT = str(Path(hatchway.__path__[0]).parent)

_BOOTSTRAP = """
import sys
sys.path[:0] = sys.argv[1:3]
import confined
confined.inside(sys.argv[3])
"""


def run_confined(
    code: str,
    layers: Iterable[Layer] = LAYERS,
    *,
    imports: str = "",
    values: Mapping[str, object] | None = None,
    read: Iterable[Path] = (),
    write: Iterable[Path] = (),
    connect_port: int | None = None,
    wants_network: bool = False,
    memory_bytes: int = 256 << 20,
    file_bytes: int = 1 << 20,
    is_tightened: bool = False,
    seconds: float = 60.0,
) -> dict[str, Any]:
    """What `code` leaves in `answer` after `enter` and `confine` with `layers`.

    It sees `os`, `socket`, `ctypes`, what `imports` bound before the walls went up, `values`,
    `directories` (the descriptors of `read` and then `write`), `port` (of the listener in its own
    network, or `connect_port`), `listener`, `confinement`, and `tried(function, *arguments)`,
    which is "done" or the name of the error. What was answered comes with `layers` (those that
    hold) and, when the process died, `status` instead of an answer. Nobody answers questions of
    seccomp's, so what it refuses fails with ENOSYS.
    """
    plan = {
        "code": code, "imports": imports, "layers": sorted(layers), "values": dict(values or {}),
        "read": [str(each) for each in read], "write": [str(each) for each in write],
        "connect_port": connect_port, "wants_network": wants_network,
        "memory_bytes": memory_bytes, "file_bytes": file_bytes, "is_tightened": is_tightened,
    }  # fmt: skip
    support = str(Path(__file__).parent)
    measuring = _measuring()
    plan["is_measured"] = measuring is not None
    child = subprocess.run(
        [sys.executable, "-I", "-P", "-c", _BOOTSTRAP, _ROOT, support, json.dumps(plan)],
        stdin=subprocess.DEVNULL, capture_output=True, env={}, cwd="/", timeout=seconds,
        check=False,
    )  # fmt: skip
    if child.returncode or not child.stdout:
        return {"status": child.returncode, "errors": child.stderr.decode()[-4000:]}
    found: dict[str, Any] = json.loads(child.stdout)
    measured = found.pop("measured", None)
    if measuring is not None and measured is not None:
        from coverage import CoverageData

        CoverageData(measuring, suffix=f"confined.{next(_COUNT)}.{os.getpid()}").loads(
            base64.b64decode(measured)
        )
    return found


def _measuring() -> str | None:
    """Where the data of a coverage run goes; None where nothing is measured."""
    try:
        from coverage import Coverage
    except ImportError:
        return None
    current = Coverage.current()
    return None if current is None else str(current.config.data_file)


def tried(function: Any, *arguments: Any) -> str:
    """What becomes of an attempt: "done", or the name of its error."""
    import errno

    try:
        function(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "OSError")
    except Exception as error:
        return type(error).__name__
    return "done"


def inside(plan_text: str) -> None:
    """The other side of `run_confined`."""
    plan = json.loads(plan_text)
    measure = _started() if plan["is_measured"] else None
    import ctypes
    import errno
    import socket

    from hatchway.workers.confinement.confining import (
        ConfinedDirectory,
        Confinement,
        confine,
        tighten,
    )
    from hatchway.workers.confinement.entering import enter

    names: dict[str, Any] = {
        "os": os, "socket": socket, "ctypes": ctypes, "errno": errno, "tried": tried,
    }  # fmt: skip
    exec(plan["imports"], names)  # noqa: S102 - the test's own words
    program = compile(plan["code"], "<confined>", "exec")
    directories = tuple(
        ConfinedDirectory(
            descriptor=os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC),
            is_writable=is_writable,
        )
        for paths, is_writable in ((plan["read"], False), (plan["write"], True))
        for path in paths
    )
    entered = enter(frozenset(plan["layers"]), wants_network=plan["wants_network"])
    port = entered.listener.getsockname()[1] if entered.listener else plan["connect_port"]
    confinement = Confinement(
        layers=entered.layers, directories=directories, connect_port=port,
        memory_bytes=plan["memory_bytes"], file_bytes=plan["file_bytes"],
    )  # fmt: skip
    asked = confine(confinement)
    if asked is not None:
        os.close(asked)
    if plan["is_tightened"]:
        tighten(confinement)
    names |= plan["values"]
    names |= {
        "directories": [each.descriptor for each in directories], "port": port,
        "listener": entered.listener, "confinement": confinement, "answer": None,
    }  # fmt: skip
    exec(program, names)  # noqa: S102 - the test's own words
    answer = {"answer": names["answer"], "layers": sorted(entered.layers)}
    if measure is not None:
        measure.stop()
        answer["measured"] = base64.b64encode(measure.get_data().dumps()).decode()
    _write(json.dumps(answer).encode())
    os._exit(0)


def _started() -> Any:
    """A measurement that stays in memory: there will be no file to write it to."""
    from coverage import Coverage

    warm = Coverage(data_file=None, branch=True, source_pkgs=["json"])
    warm.start()
    warm.stop()
    warm.get_data().dumps()  # imports all that the real one will need
    measure = Coverage(data_file=None, branch=True, source_pkgs=["hatchway"])
    measure.start()
    return measure


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]
