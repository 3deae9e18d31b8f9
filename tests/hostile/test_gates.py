"""What a guest sees of the world without a grant, and with one."""

from __future__ import annotations

import struct

import pytest
from components import (
    connecting,
    environment,
    opening,
    random,
    sleeping,
    wall_clock,
)
from guests import Pinned, call, command, grant, run, sandbox, wasi, wasm

from hatchway.core.call import MAX_LISTED_DENIALS, Gated
from hatchway.core.errors import AdmissionError
from hatchway.registry.store import digest_of

THE_YEAR_2000 = 946_684_800

READ_CLOCKS = command(
    """
    (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 64)))
    (drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 72)))
    (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 80)))
    (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 24))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    """,
    imports=wasi("clock_time_get", "i32 i64 i32") + wasi("fd_write"),
)


@pytest.mark.claim("isolation.default-deny")
def test_without_a_clock_time_begins_in_2000_and_steps_a_millisecond_per_reading() -> None:
    execution = run(READ_CLOCKS)

    wall, monotonic, later = struct.unpack("<QQQ", execution.stdout)
    assert wall == THE_YEAR_2000 * 10**9 + 10**6
    assert monotonic == 2 * 10**6
    assert later == wall + 2 * 10**6
    assert execution.gated == Gated(clock=3)
    assert execution.denials == ()


def test_with_a_clock_time_is_real_and_says_nothing_about_the_hosts_uptime() -> None:
    execution = run(READ_CLOCKS, granted=grant("clock"))

    wall, monotonic, later = struct.unpack("<QQQ", execution.stdout)
    assert wall > 1_700_000_000 * 10**9
    assert later >= wall
    assert monotonic < 60 * 10**9
    assert execution.gated == Gated()


@pytest.mark.claim("isolation.default-deny")
def test_a_component_without_a_clock_lives_in_2000() -> None:
    execution = call(wall_clock(), "now")

    assert execution.value == THE_YEAR_2000
    assert execution.gated == Gated(clock=1)


def test_a_component_with_a_clock_lives_now() -> None:
    execution = call(wall_clock(), "now", granted=grant("clock"))

    assert execution.value > 1_700_000_000


def test_a_sleep_without_a_clock_advances_the_virtual_time_by_as_much() -> None:
    execution = call(sleeping(), "sleep", {"nanoseconds": 5_000_000})

    assert execution.value == 5_000_000 + 10**6


@pytest.mark.claim("isolation.default-deny")
def test_without_randomness_every_call_draws_the_same_bytes() -> None:
    first = call(random(), "draw", {"count": 100})
    second = call(random(), "draw", {"count": 100})

    assert first.value == second.value
    assert first.gated == Gated(random=1)


def test_with_randomness_no_two_calls_draw_the_same_bytes() -> None:
    granted = grant("random")

    first = call(random(), "draw", {"count": 100}, granted=granted)
    second = call(random(), "draw", {"count": 100}, granted=granted)

    assert first.value != second.value
    assert first.gated == Gated()


DRAW = command(
    """
    (drop (call $random_get (i32.const 1024) (i32.const 200000)))
    (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 200000))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    """,
    imports=wasi("random_get", "i32 i32") + wasi("fd_write"),
    memory="4",
)


def test_the_constant_stream_does_not_repeat_within_a_call() -> None:
    drawn = run(DRAW).stdout

    assert len(drawn) == 200_000
    assert drawn[:65536] != drawn[65536:131072]
    assert drawn == run(DRAW).stdout


@pytest.mark.claim("isolation.default-deny")
def test_a_component_sees_only_the_variables_it_was_granted() -> None:
    nothing = call(environment(), "env")
    two = call(environment(), "env", granted=grant("env=MODE=fast", "env=LANG", LANG="C"))

    assert nothing.value == []
    assert nothing.gated == Gated(env=1)
    assert two.value == [["MODE", "fast"], ["LANG", "C"]]
    assert two.gated == Gated()


ENVIRONMENT = command(
    """
    (drop (call $environ_sizes_get (i32.const 64) (i32.const 68)))
    (drop (call $environ_get (i32.const 128) (i32.const 256)))
    (i32.store (i32.const 0) (i32.const 256)) (i32.store (i32.const 4) (i32.load (i32.const 68)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    """,
    imports=wasi("environ_sizes_get", "i32 i32")
    + wasi("environ_get", "i32 i32")
    + wasi("fd_write"),
)


@pytest.mark.claim("isolation.default-deny")
def test_a_module_sees_only_the_variables_it_was_granted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for guests")

    nothing = run(ENVIRONMENT)
    one = run(ENVIRONMENT, granted=grant("env=MODE=fast"))

    assert nothing.stdout == b""
    assert nothing.gated == Gated(env=1)
    assert one.stdout == b"MODE=fast\0"


@pytest.mark.claim("isolation.recorded")
@pytest.mark.parametrize(
    ("flags", "capability"), [(0, "fs.read"), (1, "fs.write"), (8, "fs.write")]
)
def test_opening_a_file_is_denied_and_recorded_with_its_path(flags: int, capability: str) -> None:
    execution = call(opening("etc/passwd"), "open", {"open-flags": flags})

    assert execution.value is False
    (denial,) = execution.denials
    assert denial.capability == capability
    assert denial.attempted == "/etc/passwd"
    assert denial.function == "wasi:filesystem/types@0.2.0#[method]descriptor.open-at"


@pytest.mark.claim("isolation.recorded")
def test_a_socket_is_denied_and_recorded() -> None:
    execution = call(connecting(), "connect")

    assert execution.value is False
    (denial,) = execution.denials
    assert denial.capability == "net.socket"
    assert denial.attempted == "tcp ipv4"


OPEN = command(
    """
    (i32.store8 (i32.const 512)
      (call $path_open (i32.const 3) (i32.const 0) (i32.const 1024) (i32.const 10)
        (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 64)))
    (i32.store (i32.const 0) (i32.const 512)) (i32.store (i32.const 4) (i32.const 1))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    """,
    imports=wasi("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32") + wasi("fd_write"),
    declarations='(data (i32.const 1024) "etc/shadow")',
)


@pytest.mark.claim("isolation.recorded")
def test_a_module_that_opens_a_file_gets_not_capable() -> None:
    execution = run(OPEN)

    assert execution.stdout == bytes([76])
    (denial,) = execution.denials
    assert (denial.capability, denial.attempted) == ("fs.read", "/etc/shadow")
    assert denial.function == "wasi_snapshot_preview1.path_open"


def test_the_same_denial_is_listed_once() -> None:
    body = f"(local $i i32) (loop $again {_open_at('1024')} {_until(1000)})"

    execution = run(_opening_paths(body))

    assert len(execution.denials) == 1
    assert execution.unlisted_denials == 0


def test_after_32_distinct_denials_the_others_are_only_counted() -> None:
    body = f"""(local $i i32)
      (loop $again
        (i32.store (i32.const 1024) (local.get $i)) {_open_at("1024")} {_until(100)})"""

    execution = run(_opening_paths(body))

    assert len(execution.denials) == MAX_LISTED_DENIALS
    assert execution.unlisted_denials == 100 - MAX_LISTED_DENIALS


def test_a_path_that_is_no_text_is_shown_escaped_and_cut() -> None:
    body = f"""(local $i i32)
      (memory.fill (i32.const 1024) (i32.const 0xff) (i32.const 60000))
      {_open_at("1024", length="60000")}"""

    (denial,) = run(_opening_paths(body)).denials

    assert denial.attempted.startswith("/\\xff\\xff")
    assert denial.attempted.isprintable()
    assert len(denial.attempted) < 5000


def _open_at(address: str, length: str = "4") -> str:
    return f"""(drop (call $path_open (i32.const 3) (i32.const 0) (i32.const {address})
      (i32.const {length}) (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0)
      (i32.const 64)))"""


def _until(count: int) -> str:
    return f"""(local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const {count})))"""


def _opening_paths(body: str) -> str:
    return command(body, imports=wasi("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32"))


VERSIONS = ("0.2.0", "0.2.3", "0.2.6", "0.2.12", "0.2.99")


@pytest.mark.claim("isolation.default-deny")
@pytest.mark.parametrize("version", VERSIONS)
def test_no_version_of_an_interface_reaches_past_the_gates(version: str) -> None:
    clock = call(wall_clock(version), "now")
    file = call(opening("etc/passwd", version), "open", {"open-flags": 0})
    socket = call(connecting(version), "connect")

    assert clock.value == THE_YEAR_2000
    assert file.denials[0].function.startswith(f"wasi:filesystem/types@{version}#")
    assert socket.denials[0].function.startswith(f"wasi:sockets/tcp-create-socket@{version}#")


@pytest.mark.claim("isolation.default-deny")
@pytest.mark.parametrize("version", ["0.1.0", "0.3.0", "1.0.0"])
def test_another_generation_of_wasi_does_not_link(version: str) -> None:
    artifact = wasm(wall_clock(version))

    with pytest.raises(AdmissionError) as refused:
        sandbox().prepare(artifact, digest_of(artifact), Pinned.compiler)

    assert refused.value.code == "admission.missing_host"
    assert f"wasi:clocks/wall-clock@{version}" in str(refused.value)


@pytest.mark.claim("isolation.default-deny")
def test_a_component_that_imports_an_unknown_function_of_a_known_interface_does_not_link() -> None:
    artifact = wasm(
        """(component
          (import "wasi:cli/exit@0.2.0" (instance $x (export "explode" (func))))
          (alias export $x "explode" (func $f)) (core func $l (canon lower (func $f)))
          (core module $m (import "h" "f" (func)) (func (export "go")))
          (core instance $i (instantiate $m (with "h" (instance (export "f" (func $l))))))
          (func (export "go") (canon lift (core func $i "go"))))"""
    )

    with pytest.raises(AdmissionError, match="explode"):
        sandbox().prepare(artifact, digest_of(artifact), Pinned.compiler)


@pytest.mark.claim("isolation.default-deny")
def test_a_module_that_imports_what_no_host_provides_does_not_link() -> None:
    artifact = wasm('(module (import "env" "system" (func)) (func (export "_start")))')

    with pytest.raises(AdmissionError) as refused:
        sandbox().prepare(artifact, digest_of(artifact), Pinned.compiler)

    assert refused.value.code == "admission.missing_host"
    assert "env::system" in str(refused.value)


def test_a_host_function_with_another_signature_does_not_link() -> None:
    artifact = wasm(f'(module (import "{"wasi_snapshot_preview1"}" "fd_write" (func (param i64))))')

    with pytest.raises(AdmissionError):
        sandbox().prepare(artifact, digest_of(artifact), Pinned.compiler)
