"""Where the kernel refuses a wall, the process says so, or does not go on."""

from __future__ import annotations

import os
import sys

import pytest
from confined import run_confined

from hatchway.core.isolation import LAYERS, Layer
from hatchway.workers.confinement.calling import system_call
from hatchway.workers.confinement.numbers import NUMBERS, name_of, numbers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="walls are the Linux kernel's")

DENYING = """
import platform
from hatchway.workers.confinement import capabilities, filters, landlock, probing, seccomp
from hatchway.workers.confinement.confining import Confinement, confine
from hatchway.workers.confinement.numbers import NUMBERS

def deny(name, verdict=filters.fails_with(1), flags=0):
    rule = filters.Rule(number=NUMBERS[name], verdict=verdict, otherwise=verdict)
    machine = platform.machine()
    code = filters.program([rule], machine=machine, otherwise=filters.ALLOW)
    capabilities.forbid_gaining()
    return seccomp._install(code, flags)

def with_layer(layer, connect_port=None):
    return Confinement(layers=frozenset({layer}), directories=(), connect_port=connect_port,
                       memory_bytes=1 << 20, file_bytes=0)
"""


@pytest.mark.parametrize("refused", ["deny('unshare')", "deny('mount')", "capabilities.drop()"])
def test_without_namespaces_a_process_goes_on_and_says_so(refused: str) -> None:
    code = """
thread = threading.Thread(target=os.getpid)
answer = [listener is None, tried(os.listdir, "/"), tried(os.fork), tried(thread.start)]
"""
    imports = f"{DENYING}\nimport threading\n{refused}"
    if refused == "capabilities.drop()" and os.geteuid() != 0:
        pytest.skip("who is not root needs no capability for a namespace")

    found = run_confined(code, imports=imports, wants_network=True)

    assert found["layers"] == sorted(set(LAYERS) - {"namespaces"})
    assert found["answer"] == [True, "EACCES", "ENOSYS", "done"]


def test_a_process_that_fails_half_way_does_not_go_on() -> None:
    found = run_confined("answer = 1", imports=f"{DENYING}\ndeny('pivot_root')")

    assert found["status"] == 1
    assert "config" not in found
    assert "the layer namespaces cannot be put up" in found["errors"]


@pytest.mark.parametrize(
    ("layer", "call"),
    [
        ("landlock", "landlock_create_ruleset"),
        ("landlock", "landlock_restrict_self"),
        ("seccomp", "seccomp"),
        ("limits", "prlimit64"),
    ],
)
def test_a_layer_that_cannot_be_put_up_is_an_error(layer: Layer, call: str) -> None:
    found = run_confined("answer = 1", [layer], imports=f"{DENYING}\ndeny({call!r})")

    assert found["status"] == 1
    assert f"the layer {layer} cannot be put up" in found["errors"] or layer == "limits"


def test_where_somebody_else_is_told_already_the_kernel_refuses_alone() -> None:
    imports = f"{DENYING}\nkept = deny('bpf', filters.NOTIFY, 8)"
    code = "answer = [tried(os.fork), confinement.connect_port]"

    found = run_confined(code, ["seccomp"], imports=imports)

    assert found["answer"] == ["EPERM", None]


@pytest.mark.parametrize("layer", LAYERS)
def test_the_probe_puts_up_each_wall_and_runs_against_it(layer: Layer) -> None:
    # With the capabilities that it has at the start: root needs one to be root in a namespace.
    imports = f"{DENYING}\nfound = probing._tried({layer!r}) if {layer == 'namespaces'} else None"
    code = "answer = found or probing._tried(layer)"

    found = run_confined(code, [], imports=imports, values={"layer": layer})["answer"]

    assert found["layer"] == layer
    assert found["holds"], found
    assert found["cost_us"] > 0


def test_the_probe_says_why_a_wall_does_not_stand() -> None:
    code = "answer = [probing._tried('namespaces'), probing._tried('landlock')]"
    imports = f"{DENYING}\ndeny('unshare')\ndeny('landlock_restrict_self')"

    namespaces, of_landlock = run_confined(code, [], imports=imports)["answer"]

    assert not namespaces["holds"]
    assert namespaces["detail"] == "the kernel, or whoever administers it, does not allow them"
    assert not of_landlock["holds"]
    assert "the layer landlock cannot be put up" in of_landlock["detail"]


def test_the_probe_runs_against_a_wall_that_is_not_there() -> None:
    code = """
probing.confine = lambda _confinement: None
answer = probing._tried(layer)
"""
    limits = run_confined(code, [], imports=DENYING, values={"layer": "limits"})["answer"]
    of_landlock = run_confined(code, [], imports=DENYING, values={"layer": "landlock"})["answer"]

    assert not limits["holds"]
    assert "it does not stop: 1 GiB of memory" in limits["detail"]
    assert not of_landlock["holds"]
    assert "listing a directory, connecting to a port" in of_landlock["detail"]


def test_the_numbers_are_those_of_the_kernel() -> None:
    assert system_call("getpid") == os.getpid()
    assert name_of(NUMBERS["getpid"]) == "getpid"
    assert numbers("aarch64")["clone"] == 220
    assert numbers("x86_64")["seccomp"] == 317
    assert numbers("aarch64")["landlock_restrict_self"] == 446
    assert numbers("riscv64") == {}
    assert name_of(100_000) == "syscall_100000"
    with pytest.raises(OSError, match="Function not implemented"):
        system_call("nothing")
