"""Two machines that are one: network namespaces with a cable between them, and servers in them.

    with joined() as (inside, outside):
        inside.load(rules)
        with answering(outside, [("tcp", "93.184.216.34", 443)]):
            inside.probe([("tcp", "93.184.216.34", 443)], user=1234)   # ["reached"]

Nothing of it is seen outside, and all of it ends with the processes that hold the namespaces.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import shutil
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Place: TypeAlias = tuple[str, str, int]
"""`tcp` or `udp`, an address and a port."""

NEEDED = ("nft", "ip", "unshare", "nsenter", "setpriv")
INSIDE = ("10.77.0.1/24", "fd77::1/64")
GATEWAY = ("10.77.0.2", "fd77::2")
_NEWNET = 0x40000000
_PYTHON: str = getattr(sys, "_base_executable", sys.executable)
_REACHED = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\nreached"
_FAMILIES = {True: socket.AF_INET6, False: socket.AF_INET}
_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}

_PROBE = """
import ctypes, errno, json, os, socket, sys
places, user, is_root_inside = json.loads(sys.argv[1])
if user:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
if is_root_inside:
    kernel = ctypes.CDLL(None)
    kernel.prctl(4, 1)  # whoever changes his user cannot write below /proc/self, otherwise
    assert kernel.unshare(0x10000000) == 0
    with open("/proc/self/uid_map", "w") as mapping:
        mapping.write(f"0 {user} 1")
    assert os.getuid() == 0
def reach(kind, host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as probe:
        probe.settimeout(2)
        try:
            probe.connect((host, port))
            probe.send(b"GET / HTTP/1.1\\r\\n\\r\\n")
            return "reached" if b"reached" in probe.recv(4096) else "something else"
        except TimeoutError:
            return "no answer"
        except OSError as error:
            return errno.errorcode[error.errno]
def reach_oneself():
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.socket() as client:
            client.settimeout(2)
            client.connect(server.getsockname())
            server.accept()[0].send(b"reached")
            return client.recv(100).decode()
print(json.dumps([reach_oneself() if kind == "own" else reach(kind, *at) for kind, *at in places]))
"""

_AS_SERVICE = """
import json, os, subprocess, sys
user, shown, command = json.loads(sys.argv[1])
def mount(*words):
    subprocess.run(["mount", *words], check=True)
def hidden_above(path):
    parts = path.split("/")
    above = ["/".join(parts[:end]) for end in range(2, len(parts) + 1)]
    return next((each for each in above if each == "/tmp" or not os.stat(each).st_mode & 1), None)
mount("--make-rprivate", "/")
above = {path: hidden_above(path) for path in shown}
mount("-t", "tmpfs", "none", "/mnt")
for number, path in enumerate(shown):
    os.mkdir(f"/mnt/{number}")
    mount("--bind", path, f"/mnt/{number}")
mount("-o", "bind,remount,ro", "/")
for hidden in sorted({"/tmp", *filter(None, above.values())}):
    mount("-t", "tmpfs", "-o", "mode=1777" if hidden == "/tmp" else "mode=755", "none", hidden)
for number, path in enumerate(shown):
    if above[path]:
        os.makedirs(path, exist_ok=True)
        mount("--bind", f"/mnt/{number}", path)
mount("-t", "tmpfs", "-o", "mode=0", "none", "/mnt")
os.execvp("setpriv", ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups",
    "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all", *command])
"""
"""Runs a command as `deploy/hatchway.service` does, as far as that goes without systemd: as another
user, who can gain nothing, with a file system that cannot be written. What the command needs of
/tmp, and of directories that only root may enter, is shown there in a place of its own."""


def skip_without_namespaces() -> None:
    """Skip a test where there are no rules to load, or nobody who may load them."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("network namespaces and their rules are root's, on Linux")
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (Debian: nftables, iproute2, util-linux)")
    command = ["unshare", "--net", "nft", "list", "ruleset"]
    tried = subprocess.run(command, check=False, capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"this machine gives no network namespaces: {tried.stderr[:200]}")


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network of its own, for as long as process `holder` lives."""

    holder: int

    def command(self, *command: str) -> list[str]:
        """A command line that runs `command` in here."""
        return ["nsenter", f"--target={self.holder}", "--net", *command]

    def service_command(self, user: int, shown: Sequence[str], *command: str) -> list[str]:
        """A command line that runs `command` in here as a service of `user`, who finds `shown`."""
        told = json.dumps([user, shown, command])
        python = (_PYTHON, "-I", "-S", "-c", _AS_SERVICE, told)
        return self.command("unshare", "--mount", *python)

    def run(self, *command: str, text: str = "") -> str:
        """What `command` printed."""
        done = subprocess.run(
            self.command(*command), input=text, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command[:4]}: {done.stderr}"
        return done.stdout

    def load(self, rules: str) -> None:
        """Make `rules` those of this network."""
        self.run("nft", "-f", "-", text=rules)

    def counted(self, name: str) -> int:
        """Packets that the counter `name` of the floor has seen."""
        told = json.loads(self.run("nft", "-j", "list", "counter", "inet", "hatchway", name))
        [packets] = [item["counter"]["packets"] for item in told["nftables"] if "counter" in item]
        return int(packets)

    def probe(
        self, places: Sequence[Place], *, user: int = 0, is_root_inside: bool = False
    ) -> list[str]:
        """What each place answers to a process of `user`: `reached`, `no answer` or an errno.

        The place `own` is a port on 127.0.0.1 at which that process itself listens.

        Args:
            places: Where to go, one after the other.
            user: Who goes.
            is_root_inside: Whether the process has made itself root of a user namespace first.
        """
        told = json.dumps([places, user, is_root_inside])
        return list(json.loads(self.run(_PYTHON, "-I", "-S", "-c", _PROBE, told)))

    def do(self, work: Callable[[], None]) -> None:
        """Run `work` in a thread that is in here; what it opens stays in here."""
        failures: list[BaseException] = []

        def enter_and_work() -> None:
            try:
                _enter(self.holder)
                work()
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=enter_and_work)
        thread.start()
        thread.join()
        if failures:
            raise failures[0]


def _enter(holder: int) -> None:
    with Path(f"/proc/{holder}/ns/net").open("rb") as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def _network() -> Iterator[Namespace]:
    command = ["unshare", "--net", "--kill-child", "sh", "-c", "ip link set lo up; echo; read _"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"\n"
        try:
            yield Namespace(holder.pid)
        finally:
            holder.stdin.close()


@contextlib.contextmanager
def joined(*addresses: str) -> Iterator[tuple[Namespace, Namespace]]:
    """Two networks with a cable between them; the second has `addresses`, and all the rest."""
    with _network() as inside, _network() as outside:
        peer = ("peer", "name", "cable", "netns", str(outside.holder))
        inside.run("ip", "link", "add", "cable", "type", "veth", *peer)
        far = [*(f"{address}/24" for address in GATEWAY[:1]), f"{GATEWAY[1]}/64", *addresses]
        for namespace, own in ((inside, INSIDE), (outside, far)):
            for address in own:
                last = ("nodad",) if ":" in address else ()
                namespace.run("ip", "address", "add", address, "dev", "cable", *last)
            namespace.run("ip", "link", "set", "cable", "up")
        for address in GATEWAY:
            family = "-6" if ":" in address else "-4"
            inside.run("ip", family, "route", "add", "default", "via", address)
        yield inside, outside


@contextlib.contextmanager
def answering(namespace: Namespace, places: Sequence[Place]) -> Iterator[None]:
    """Whoever asks at one of these places hears `reached`, over HTTP or in a datagram."""
    selector = selectors.DefaultSelector()
    stopping, stop = socket.socketpair()

    def listen() -> None:
        for kind, host, port in places:
            listener = socket.socket(_FAMILIES[":" in host], _KINDS[kind])
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            if kind == "tcp":
                listener.listen()
            selector.register(listener, selectors.EVENT_READ, kind)

    namespace.do(listen)
    selector.register(stopping, selectors.EVENT_READ, "stop")
    thread = threading.Thread(target=_answer, args=(selector,))
    thread.start()
    try:
        yield
    finally:
        stop.close()
        thread.join()
        for key in list(selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        selector.close()


def _answer(selector: selectors.BaseSelector) -> None:
    while True:
        for key, _ in selector.select():
            ready = key.fileobj
            assert isinstance(ready, socket.socket)
            if key.data == "stop":
                return
            if key.data == "udp":
                ready.sendto(b"reached", ready.recvfrom(4096)[1])
                continue
            connection, _ = ready.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(10)
                connection.recv(4096)
                connection.sendall(_REACHED)
