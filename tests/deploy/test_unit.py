"""The unit: what systemd says of it, and that a worker gets all its walls under it.

Where there is a systemd, one is started as the first process of namespaces of its own, over a copy
of the file system that nobody else sees. It starts the unit as it is written, but for what is run.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from network_namespaces import skip_without_namespaces

import hatchway
from hatchway.core.isolation import LAYERS

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SYSTEMD = Path("/lib/systemd/systemd")
CGROUPS = [Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")]
SECONDS = 120

PROBE = """
import json, os, sys
sys.path[:0] = {roots!r}
from hatchway.core.isolation import LAYERS
from hatchway.workers.confinement.confining import Confinement, confine
from hatchway.workers.confinement.entering import enter
entered = enter(frozenset(LAYERS))
confine(Confinement(layers=entered.layers, directories=(), connect_port=None,
    memory_bytes=1 << 28, file_bytes=1 << 20))
os.write(1, json.dumps([os.getuid() != 0, sorted(entered.layers)]).encode())
"""
"""What a worker does to itself before it runs anything; then it says who it is and what holds."""

BOOT = """
mount --make-rprivate /
mount -t tmpfs none /mnt && cd /mnt && mkdir up work new
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/up,workdir=/mnt/work new
cd new
mount -t proc proc proc && mount -t sysfs sysfs sys && mount -t cgroup2 cgroup2 sys/fs/cgroup
mount --rbind /dev dev && mount -t tmpfs -o mode=755 none run && mount -t tmpfs none tmp
mkdir -p run/out && mount --bind "$OUT" run/out
mkdir -p old etc/hatchway etc/systemd/system/hatchway.service.d
cp "$DEPLOY"/*.service etc/systemd/system/
cp "$DEPLOY"/hatchway.nft etc/hatchway/
cp "$DEPLOY"/hatchway.sysusers usr/lib/sysusers.d/hatchway.conf
printf '%s' "$DROP_IN" > etc/systemd/system/hatchway.service.d/test.conf
printf '%s' "$PROBE" > etc/hatchway/probe.py
rm -rf etc/systemd/system/*.wants
pivot_root . old && umount -l /old
systemd-sysusers hatchway.conf
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
  /lib/systemd/systemd --system --unit=hatchway.service --show-status=false --log-target=null
"""
DROP_IN = """[Unit]
DefaultDependencies=no
After=
After=hatchway-floor.service
Wants=
SuccessAction=exit-force
FailureAction=exit-force
JobTimeoutSec=60
JobTimeoutAction=exit-force
[Service]
ProtectHome=tmpfs
BindReadOnlyPaths={shown}
ExecStart=
ExecStart={python} /etc/hatchway/probe.py
Restart=no
StandardOutput=append:/run/out/said
StandardError=append:/run/out/complained
"""
"""Python may lie in a home; and what is run is the probe."""


def analyzed(*arguments: str) -> str:
    """What `systemd-analyze` says, of a copy of the unit whose program exists."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def unit(tmp_path: Path) -> str:
    """The unit, with a program that exists on this machine."""
    text = (DEPLOY / "hatchway.service").read_text()
    for program in ("/opt/hatchway/bin/hatchway", "/usr/sbin/nft"):
        assert program in text
        text = text.replace(program, "/bin/true")
    floor = (DEPLOY / "hatchway-floor.service").read_text().replace("/usr/sbin/nft", "/bin/true")
    (tmp_path / "hatchway-floor.service").write_text(floor)
    (tmp_path / "hatchway.service").write_text(text)
    return str(tmp_path / "hatchway.service")


def test_systemd_understands_every_line_of_the_unit(unit: str) -> None:
    assert "hatchway" not in analyzed("verify", unit)


def test_the_unit_is_exposed_no_more_than_the_page_says(unit: str) -> None:
    analyzed("security", "--offline=true", "--threshold=25", unit)


@pytest.mark.slow
def test_a_worker_gets_all_its_walls_under_the_unit_and_above_the_floor(tmp_path: Path) -> None:
    skip_without_namespaces()
    if not SYSTEMD.exists():
        pytest.skip("systemd is not installed")

    started_by_systemd(tmp_path)

    said, complained = (tmp_path / "said").read_text(), (tmp_path / "complained").read_text()
    assert said.splitlines()[-1] == json.dumps([True, sorted(LAYERS)]), complained


def started_by_systemd(out: Path) -> None:
    """Start the unit once; what its process says and complains is in `out`, and then all ends."""
    roots = [str(Path(hatchway.__file__).parents[1])]
    shown = " ".join(path for path in (sys.prefix, sys.base_prefix, *roots))
    environment = {
        **os.environ,
        "DEPLOY": str(DEPLOY),
        "OUT": str(out),
        "PROBE": PROBE.format(roots=roots),
        "DROP_IN": DROP_IN.format(shown=shown, python=sys.executable),
    }
    command = ["unshare", "-mpnuiC", "--fork", "--kill-child=KILL", "sh", "-ec", BOOT]
    with own_cgroup() as join:
        start = ["sh", "-ec", join, "sh", *command]
        with subprocess.Popen(start, env=environment, stdin=subprocess.DEVNULL) as machine:
            try:
                machine.wait(SECONDS)
            finally:
                machine.kill()  # and with it everything that is in its namespaces


@contextlib.contextmanager
def own_cgroup() -> Iterator[str]:
    """A shell script that goes on in a control group of its own; skips where there is none."""
    root = next((each for each in CGROUPS if (each / "cgroup.procs").exists()), None)
    if root is None:
        pytest.skip("there is no unified hierarchy of control groups here")
    group = root / f"hatchway-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made: {error}")
    try:
        yield f'echo $$ > {group}/cgroup.procs; exec "$@"'
    finally:
        for path, _, _ in os.walk(group, topdown=False):
            Path(path).rmdir()
