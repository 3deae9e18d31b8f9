"""What each layer stops alone, and that all of them together stop everything."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from confined import run_confined

from hatchway.core.isolation import LAYERS
from hatchway.workers.confinement import landlock
from hatchway.workers.confinement.probing import walls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.core.isolation import Layer

pytestmark = pytest.mark.skipif(
    landlock.version() < landlock.SCOPES_SINCE, reason="needs Linux with Landlock 6"
)

IMPORTS = """
import mmap, signal
libc = ctypes.CDLL(None, use_errno=True)

def raw(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)

def ran(path):
    child = os.fork()
    if child == 0:
        try:
            os.execv(path, [path])
        finally:
            os._exit(1)
    if os.waitpid(child, 0)[1]:
        raise OSError(errno.EACCES, "exec")

def forked():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)

def written(path):
    with open(path, "w"):
        os.unlink(path)

def reached(kind, address):
    with socket.socket(kind, socket.SOCK_STREAM) as ours:
        ours.connect(address)

def waited():
    with socket.socket() as ours:
        ours.bind(("127.0.0.1", 0))
        ours.listen()

def datagram():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.sendto(b"x", ("127.0.0.1", 9))

def peeked(process, address):
    here = ctypes.create_string_buffer(8)
    ours = (ctypes.c_size_t * 2)(ctypes.addressof(here), 8)
    theirs = (ctypes.c_size_t * 2)(address, 8)
    raw("process_vm_readv", process, ours, 1, theirs, 1, 0)

def memory_file():
    descriptor = os.memfd_create("x")
    try:
        os.ftruncate(descriptor, 2 << 30)
    finally:
        os.close(descriptor)
"""

CODE = """
answer = {
    "read a file": tried(open, canary),
    "list a directory": tried(os.listdir, home),
    "write a file": tried(written, home + "/new"),
    "read the server's environment": tried(open, f"/proc/{server}/environ"),
    "connect to another port": tried(reached, socket.AF_INET, ("127.0.0.1", other_port)),
    "wait at a port": tried(waited),
    "send a datagram": tried(datagram),
    "connect to a socket's path": tried(reached, socket.AF_UNIX, unix_path),
    "connect to an abstract socket": tried(reached, socket.AF_UNIX, "\\0" + abstract),
    "signal the server": tried(os.kill, server, 0),
    "read the server's memory": tried(peeked, server, address),
    "trace the server": tried(raw, "ptrace", 0x4206, server, None, None),
    "become somebody else": tried(os.setuid, 1),
    "mount": tried(raw, "mount", b"none", b"/", b"tmpfs", 0, None),
    "fork": tried(forked),
    "run a program": tried(ran, "/bin/true"),
    "take 2 GiB": tried(mmap.mmap, -1, 2 << 30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS),
    "share 2 GiB": tried(mmap.mmap, -1, 2 << 30),
    "keep 2 GiB in a memory file": tried(memory_file),
    "make another user namespace": tried(raw, "unshare", 0x10000000),
}
"""

NOTHING: frozenset[Layer] = frozenset()

# What gives up capabilities stands without any layer, and so stops what only those can do.
STOPPED_BY: dict[str, set[str]] = {
    "read a file": {"landlock", "namespaces"},
    "list a directory": {"landlock", "seccomp", "namespaces"},
    "write a file": {"landlock", "seccomp", "namespaces"},
    "read the server's environment": {"nothing", "landlock", "seccomp", "namespaces", "limits"},
    "connect to another port": {"landlock", "seccomp", "namespaces"},
    "wait at a port": {"landlock", "seccomp"},
    "send a datagram": {"seccomp"},
    "connect to a socket's path": {"seccomp", "namespaces"},
    "connect to an abstract socket": {"landlock", "seccomp", "namespaces"},
    "signal the server": {"landlock", "seccomp", "namespaces"},
    "read the server's memory": {"nothing", "landlock", "seccomp", "namespaces", "limits"},
    "trace the server": {"nothing", "landlock", "seccomp", "namespaces", "limits"},
    "become somebody else": {"nothing", "landlock", "seccomp", "namespaces", "limits"},
    "mount": {"nothing", "landlock", "seccomp", "namespaces", "limits"},
    "fork": {"seccomp"},
    "run a program": {"landlock", "seccomp", "namespaces"},
    "take 2 GiB": {"limits"},
    "share 2 GiB": {"seccomp"},
    "keep 2 GiB in a memory file": {"seccomp", "limits"},
    "make another user namespace": {"seccomp"},
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, object]]:
    """What is there to be reached by whoever is not stopped."""
    home = tmp_path_factory.mktemp("home")
    (home / "canary").write_text("the canary")
    abstract = f"hatchway-test-{os.getpid()}"
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as at_path,
        socket.socket(socket.AF_UNIX) as nowhere,
    ):
        unix_path = f"/tmp/{abstract}"  # noqa: S108 - a socket's path has to be short
        at_path.bind(unix_path)
        at_path.listen()
        nowhere.bind("\0" + abstract)
        nowhere.listen()
        yield {
            "canary": str(home / "canary"), "home": str(home), "server": os.getpid(),
            "other_port": server.getsockname()[1], "unix_path": unix_path, "abstract": abstract,
            "address": id(home),
        }  # fmt: skip
        Path(unix_path).unlink()


@pytest.fixture(scope="module")
def results(world: dict[str, object]) -> dict[str, dict[str, str]]:
    """What became of every attempt behind nothing, behind each layer alone, and behind all."""
    behind: dict[str, frozenset[Layer]] = {"nothing": NOTHING, "all": frozenset(LAYERS)}
    behind |= {layer: frozenset({layer}) for layer in LAYERS}
    return {name: attempted(layers, world) for name, layers in behind.items()}


def attempted(layers: frozenset[Layer], world: dict[str, object]) -> dict[str, str]:
    found = run_confined(CODE, layers, imports=IMPORTS, values=world)
    assert set(found.get("layers", ())) == layers, found
    answer: dict[str, str] = found["answer"]
    return answer


@pytest.mark.parametrize("attempt", STOPPED_BY)
def test_each_layer_alone_stops_what_it_is_there_for(
    attempt: str, results: dict[str, dict[str, str]]
) -> None:
    stopped = {name for name, found in results.items() if found[attempt] != "done"}

    if os.geteuid() != 0:  # a server without privileges is less of a stranger to its worker
        stopped -= {"nothing"}
        expected = STOPPED_BY[attempt] - {"nothing"}
        assert expected - {"limits"} <= stopped | {"limits"}
    else:
        assert stopped == STOPPED_BY[attempt] | {"all"}


@cache
def in_its_own_network() -> dict[str, Any]:
    code = """
def sent(flags, kind=0):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, kind) as ours:
        ours.sendto(b"x", flags, ("127.0.0.1", port))

def reached(to):
    with socket.socket() as ours:
        ours.connect(("127.0.0.1", to))

def waited():
    with socket.socket() as ours:
        ours.bind(("127.0.0.1", 0))

answer = {
    "its port": tried(reached, port), "another": tried(reached, port ^ 1), "a bind": tried(waited),
    "a fast open": tried(sent, 0x20000000), "multipath": tried(sent, 0, 262),
    "six": tried(socket.socket, socket.AF_INET6), "unix": tried(socket.socketpair),
    "netlink": tried(socket.socket, 16, 3), "raw": tried(socket.socket, 2, 3),
}
"""
    found: dict[str, Any] = run_confined(code, wants_network=True)["answer"]
    return found


def test_its_own_port_is_all_that_a_worker_reaches() -> None:
    found = in_its_own_network()

    assert found.pop("its port") == "done"
    assert found.pop("another") in ("EACCES", "ECONNREFUSED")
    assert set(found.values()) <= {"ENOSYS", "EACCES", "EPERM"}


def test_a_granted_directory_is_all_that_opens(tmp_path: Path) -> None:
    for name in ("read", "write"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("granted")
    (tmp_path / "canary").write_text("the canary")
    code = """
def opened(path, directory, flags=0):
    os.close(os.open(path, flags, 0o600, dir_fd=directory))

read, write = directories
answer = {
    "granted": [tried(opened, "file", read), tried(opened, "file", write, os.O_RDWR),
                tried(opened, "new", write, os.O_RDWR | os.O_CREAT),
                tried(os.listdir, read), tried(lambda: os.mkdir("inner", dir_fd=write))],
    "denied": [tried(opened, "../canary", read), tried(opened, "../../..", write),
               tried(opened, "../new", write, os.O_RDWR | os.O_CREAT),
               tried(opened, "file", read, os.O_WRONLY),
               tried(opened, "new", read, os.O_WRONLY | os.O_CREAT),
               tried(lambda: os.mkfifo("fifo", dir_fd=write)),
               tried(lambda: os.mknod("node", 0o20600, 0x103, dir_fd=write)),
               tried(lambda: os.unlink("file", dir_fd=read)),
               tried(lambda: os.link("file", "x", src_dir_fd=read, dst_dir_fd=write)),
               tried(lambda: os.chmod("file", 0o777, dir_fd=write)),
               tried(lambda: os.setxattr(write, "user.x", b"x"))],
    "large": tried(lambda: os.ftruncate(os.open("new", os.O_RDWR, dir_fd=write), 2 << 20)),
}
"""

    found = run_confined(code, read=[tmp_path / "read"], write=[tmp_path / "write"])["answer"]

    assert set(found["granted"]) == {"done"}
    assert "done" not in found["denied"]
    assert found["large"] == "EFBIG"
    assert (tmp_path / "read/file").read_text() == "granted"


@pytest.mark.parametrize("layers", [LAYERS, sorted(set(LAYERS) - {"namespaces"})])
def test_an_open_descriptor_has_a_path_from_which_code_can_be_loaded(layers: list[Layer]) -> None:
    imports = "sealed = os.memfd_create('code'); os.write(sealed, b'the code')"
    code = """
answer = []
for path in (f"/dev/fd/{sealed}", f"/proc/self/fd/{sealed}"):
    with open(path, "rb") as file:
        answer.append(file.read().decode())
"""

    found = run_confined(code, layers, imports=imports)

    assert found["answer"] == ["the code", "the code"]


def test_once_the_code_is_loaded_no_more_of_it_and_no_descriptor_can_be_had() -> None:
    code = """
def mapped(protection):
    mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, protection)

def turned():
    at = libc.mmap(None, 4096, 3, 0x22, -1, 0)
    if libc.mprotect(ctypes.c_void_p(at), 4096, 5):
        raise OSError(ctypes.get_errno(), "mprotect")

answer = {
    "data": tried(mapped, 3), "code": tried(mapped, 7), "turned into code": tried(turned),
    "a path": tried(open, "/proc/self/statm"),
    "a descriptor to send": tried(socket.send_fds, ends[0], [b"x"], [0]),
    "a descriptor that comes": tried(socket.recv_fds, ends[1], 1, 1),
    "seccomp": tried(tighten, confinement),
}
"""
    imports = (
        "import mmap\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "libc.mmap.restype = ctypes.c_void_p\nends = socket.socketpair()\n"
        "from hatchway.workers.confinement.confining import tighten"
    )
    layers: list[Layer] = ["seccomp", "namespaces"]

    loose = run_confined(code, layers, imports=imports)["answer"]
    tight = run_confined(code, layers, imports=imports, is_tightened=True)["answer"]

    assert set(loose.values()) == {"done"}
    assert tight.pop("data") == "done"
    assert tight == {
        "code": "EPERM",
        "turned into code": "EPERM",
        "a path": "EPERM",
        "a descriptor to send": "EPERM",
        "a descriptor that comes": "EPERM",
        "seccomp": "ConfinementError",
    }


def test_a_bomb_of_threads_does_not_go_off() -> None:
    code = """
threading.stack_size(64 << 10)
waiting = threading.Event()
answer = 0
try:
    while answer < 1000:
        threading.Thread(target=waiting.wait, daemon=True).start()
        answer += 1
except RuntimeError:
    pass
"""

    found = run_confined(code, imports="import threading")

    release = tuple(map(int, os.uname().release.split(".")[:2]))
    is_bounded = os.geteuid() != 0 or release >= (6, 14)
    assert found["answer"] < 512 or not is_bounded


def test_the_probe_finds_every_wall_that_stands_here() -> None:
    found = walls()

    assert [wall.layer for wall in found] == list(LAYERS)
    assert all(wall.holds for wall in found), found
    assert all(wall.cost_us is not None and wall.detail for wall in found)
