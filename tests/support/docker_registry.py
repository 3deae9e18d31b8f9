"""Debian's docker-registry, unpacked into a directory and run on this machine."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONFIG = """
version: 0.1
log: {{level: error}}
storage:
  filesystem: {{rootdirectory: {storage}}}
  delete: {{enabled: true}}
http: {{addr: "127.0.0.1:{port}"}}
{auth}
"""
_AUTH = "auth: {{htpasswd: {{realm: ours, path: {htpasswd}}}}}"


@dataclass(frozen=True)
class DockerRegistry:
    """A registry that runs.

    Attributes:
        storage: Where it keeps its blobs.
    """

    authority: str
    storage: Path

    def blob(self, digest: str) -> Path:
        """The file it keeps a blob in."""
        name = digest.removeprefix("sha256:")
        return self.storage / "docker/registry/v2/blobs/sha256" / name[:2] / name / "data"


def program() -> Path:
    """The program: the machine's own, or Debian's package, unpacked once for all test runs."""
    if found := shutil.which("docker-registry"):
        return Path(found)
    directory = Path(tempfile.gettempdir()) / f"hatchway-tests-{os.getuid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    with (directory / "docker-registry.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        unpacked = directory / "docker-registry" / "usr" / "bin" / "docker-registry"
        if not unpacked.exists():
            _unpack(directory / "docker-registry")
    return unpacked


def _unpack(directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    # The package list may be missing where nothing was ever installed.
    download = ["apt-get", "download", "docker-registry"]
    for words in (download, ["apt-get", "update"], download):
        done = subprocess.run(words, cwd=directory, check=False, capture_output=True, timeout=300)
        if words == download and done.returncode == 0:
            break
    (package,) = directory.glob("docker-registry_*.deb")
    subprocess.run(["dpkg", "-x", str(package), str(directory)], check=True)


@contextlib.contextmanager
def running(
    executable: Path, directory: Path, *, htpasswd: str | None = None
) -> Iterator[DockerRegistry]:
    """The registry, with an empty storage below `directory`, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    storage, config = directory / "storage", directory / "config.yml"
    storage.mkdir()
    auth = ""
    if htpasswd is not None:
        (directory / "htpasswd").write_text(htpasswd)
        auth = _AUTH.format(htpasswd=directory / "htpasswd")
    config.write_text(_CONFIG.format(storage=storage, port=port, auth=auth))
    child = subprocess.Popen(
        [executable, "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        _wait_for(child, port)
        yield DockerRegistry(f"127.0.0.1:{port}", storage)
    finally:
        child.kill()
        child.communicate()


def _wait_for(child: subprocess.Popen[bytes], port: int) -> None:
    """Until it accepts connections, or has ended."""
    while child.poll() is None:
        with contextlib.suppress(ConnectionRefusedError), socket.socket() as probe:
            probe.connect(("127.0.0.1", port))
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(0.02)
    assert child.stderr is not None
    message = f"docker-registry ended: {child.stderr.read().decode()[-2000:]}"
    raise AssertionError(message)
