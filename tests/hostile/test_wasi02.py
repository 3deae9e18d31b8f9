"""Every function of WASI 0.2 that a guest can reach, called by a guest.

What could be files or a network is denied under the right name and path; what is not a
capability behaves as WASI says.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from guests import call, grant, run, stop_code
from wasi02 import ANSWER, DIRECTORIES, PATHS, ROOT, STDIN, STDOUT, Function, guest, method, program

from hatchway.core.call import Gated
from hatchway.core.limits import Limits
from hatchway.engine.preview2.filesystem import FUNCTIONS as FILE_FUNCTIONS

if TYPE_CHECKING:
    from hatchway.core.call import Execution

AT = f"(i32.const {ANSWER})"
PATH = f"(i32.const {PATHS}) (i32.const 3)"
OTHER_PATH = f"(i32.const {PATHS + 3}) (i32.const 1)"
UNIT = "(result (error $error-code))"
NO_TIME = "(i32.const 0) (i64.const 0) (i32.const 0)"


def answer(execution: Execution) -> bytes:
    assert stop_code(execution) is None
    return base64.b64decode(execution.value)


def tried(execution: Execution) -> list[tuple[str, str]]:
    return [(denial.capability, denial.attempted) for denial in execution.denials]


# Files

_PATH = '(param "path" string)'
_FLAGS = '(param "path-flags" $path-flags)'
_TIMES = '(param "atime" $new-timestamp) (param "mtime" $new-timestamp)'
_STAT = "(result $descriptor-stat (error $error-code))"

DENIED = {
    # name: (parameters, result, core parameters, arguments, capability, path)
    "read-via-stream": (
        '(param "offset" u64)', "(result (own $input-stream) (error $error-code))",
        "i64", "(i64.const 0)", "fs.read", "/",
    ),
    "write-via-stream": (
        '(param "offset" u64)', "(result (own $output-stream) (error $error-code))",
        "i64", "(i64.const 0)", "fs.write", "/",
    ),
    "append-via-stream": (
        "", "(result (own $output-stream) (error $error-code))", "", "", "fs.write", "/",
    ),
    "set-size": ('(param "size" u64)', UNIT, "i64", "(i64.const 9)", "fs.write", "/"),
    "set-times": (
        _TIMES, UNIT, "i32 i64 i32 i32 i64 i32", NO_TIME + NO_TIME, "fs.write", "/",
    ),
    "read": (
        '(param "length" u64) (param "offset" u64)',
        "(result (tuple (list u8) bool) (error $error-code))",
        "i64 i64", "(i64.const 9) (i64.const 0)", "fs.read", "/",
    ),
    "write": (
        '(param "buffer" (list u8)) (param "offset" u64)', "(result u64 (error $error-code))",
        "i32 i32 i64", f"{PATH} (i64.const 0)", "fs.write", "/",
    ),
    "read-directory": (
        "", "(result (own $directory-entry-stream) (error $error-code))", "", "", "fs.read", "/",
    ),
    "create-directory-at": (_PATH, UNIT, "i32 i32", PATH, "fs.write", "/a/b"),
    "stat-at": (
        _FLAGS + _PATH, _STAT, "i32 i32 i32", f"(i32.const 1) {PATH}", "fs.read", "/a/b",
    ),
    "set-times-at": (
        _FLAGS + _PATH + _TIMES, UNIT, "i32 i32 i32 i32 i64 i32 i32 i64 i32",
        f"(i32.const 1) {PATH} {NO_TIME} {NO_TIME}", "fs.write", "/a/b",
    ),
    "link-at": (
        '(param "old-path-flags" $path-flags) (param "old-path" string) '
        '(param "new-descriptor" (borrow $descriptor)) (param "new-path" string)',
        UNIT, "i32 i32 i32 i32 i32 i32",
        f"(i32.const 0) {PATH} (local.get $a) {OTHER_PATH}", "fs.write", "/a/b",
    ),
    "open-at": (
        _FLAGS + _PATH + '(param "open-flags" $open-flags) (param "flags" $descriptor-flags)',
        "(result (own $descriptor) (error $error-code))", "i32 i32 i32 i32 i32",
        f"(i32.const 1) {PATH} (i32.const 1) (i32.const 1)", "fs.write", "/a/b",
    ),
    "readlink-at": (
        _PATH, "(result string (error $error-code))", "i32 i32", PATH, "fs.read", "/a/b",
    ),
    "remove-directory-at": (_PATH, UNIT, "i32 i32", PATH, "fs.write", "/a/b"),
    "rename-at": (
        '(param "old-path" string) (param "new-descriptor" (borrow $descriptor)) '
        '(param "new-path" string)',
        UNIT, "i32 i32 i32 i32 i32", f"{PATH} (local.get $a) {OTHER_PATH}", "fs.write", "/a/b",
    ),
    "symlink-at": (
        '(param "old-path" string) (param "new-path" string)',
        UNIT, "i32 i32 i32 i32", f"{PATH} {OTHER_PATH}", "fs.write", "/c",
    ),
    "unlink-file-at": (_PATH, UNIT, "i32 i32", PATH, "fs.write", "/a/b"),
    "metadata-hash-at": (
        _FLAGS + _PATH, "(result $metadata-hash-value (error $error-code))",
        "i32 i32 i32", f"(i32.const 1) {PATH}", "fs.read", "/a/b",
    ),
}  # fmt: skip


@pytest.mark.claim("isolation.default-deny")
@pytest.mark.parametrize("name", DENIED)
def test_a_file_function_is_denied_under_the_right_name(name: str) -> None:
    parameters, result, core, arguments, capability, path = DENIED[name]
    function = method("descriptor", name, parameters, result, f"(param i32 {core} i32)")
    body = f"{ROOT} (local.set $a) (call ${name} (local.get $a) {arguments} {AT})"

    execution = call(guest(body, DIRECTORIES, function), "go")

    assert answer(execution)[0] == 1  # an error, and at once the first: access
    assert tried(execution) == [(capability, path)]


ALLOWED = {
    # name: (parameters, result, core parameters, arguments, what is answered)
    "advise": (
        '(param "offset" u64) (param "length" u64) (param "advice" $advice)',
        UNIT, "i64 i64 i32", "(i64.const 0) (i64.const 0) (i32.const 0)", b"\0",
    ),
    "sync-data": ("", UNIT, "", "", b"\0"),
    "sync": ("", UNIT, "", "", b"\0"),
    "get-flags": (
        "", "(result $descriptor-flags (error $error-code))", "", "", b"\0\1",
    ),
    "get-type": ("", "(result $descriptor-type (error $error-code))", "", "", b"\0\3"),
    "stat": ("", _STAT, "", "", b"\0" * 8 + b"\3" + b"\0" * 7 + b"\1" + b"\0" * 15),
    "metadata-hash": (
        "", "(result $metadata-hash-value (error $error-code))", "", "", b"\0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ALLOWED)
def test_the_empty_root_can_be_looked_at(name: str) -> None:
    parameters, result, core, arguments, expected = ALLOWED[name]
    function = method("descriptor", name, parameters, result, f"(param i32 {core} i32)")
    body = f"{ROOT} (local.set $a) (call ${name} (local.get $a) {arguments} {AT})"

    execution = call(guest(body, DIRECTORIES, function), "go")

    assert answer(execution)[: len(expected)] == expected
    assert tried(execution) == []


def test_the_empty_root_is_the_same_object_as_itself() -> None:
    function = method(
        "descriptor", "is-same-object", '(param "other" (borrow $descriptor))', "bool",
        "(param i32 i32) (result i32)",
    )  # fmt: skip
    body = f"""
      {ROOT} (local.set $a) {ROOT} (local.set $b)
      (i32.store8 {AT} (call $is-same-object (local.get $a) (local.get $b)))
    """

    assert answer(call(guest(body, DIRECTORIES, function), "go"))[0] == 1


def test_all_methods_of_a_descriptor_are_called_here() -> None:
    known = {
        name.removeprefix("[method]descriptor.")
        for name in FILE_FUNCTIONS["wasi:filesystem/types"]
        if name.startswith("[method]descriptor.")
    }

    assert known == {*DENIED, *ALLOWED, "is-same-object"}


# Streams

SE = "(error $stream-error)"
READ = method(
    "input-stream", "read", '(param "len" u64)', f"(result (list u8) {SE})", "(param i32 i64 i32)"
)
SKIP = method(
    "input-stream", "skip", '(param "len" u64)', f"(result u64 {SE})", "(param i32 i64 i32)"
)
SUBSCRIBE_IN = method(
    "input-stream", "subscribe", "", "(own $pollable)", "(param i32) (result i32)"
)
CHECK = method("output-stream", "check-write", "", f"(result u64 {SE})", "(param i32 i32)")
WRITE = method(
    "output-stream", "write", '(param "contents" (list u8))', f"(result {SE})",
    "(param i32 i32 i32 i32)",
)  # fmt: skip
FLUSH = method("output-stream", "flush", "", f"(result {SE})", "(param i32 i32)")
ZEROES = method(
    "output-stream", "write-zeroes", '(param "len" u64)', f"(result {SE})", "(param i32 i64 i32)"
)
SPLICE = method(
    "output-stream", "splice", '(param "src" (borrow $input-stream)) (param "len" u64)',
    f"(result u64 {SE})", "(param i32 i32 i64 i32)",
)  # fmt: skip
SUBSCRIBE_OUT = method(
    "output-stream", "subscribe", "", "(own $pollable)", "(param i32) (result i32)"
)
READY = method("pollable", "ready", "", "bool", "(param i32) (result i32)")
POLL = Function(
    "io/poll", "poll", '(param "in" (list (borrow $pollable))) (result (list u32))',
    "(param i32 i32 i32)",
)  # fmt: skip
AFTER = Function(
    "clocks/monotonic-clock", "subscribe-duration",
    '(param "when" u64) (result (own $pollable))', "(param i64) (result i32)",
)  # fmt: skip


def test_a_components_input_is_at_its_end_from_the_start() -> None:
    body = f"""
      (local.set $a (call $get-stdin))
      (call $read (local.get $a) (i64.const 100) {AT})
      (call $skip (local.get $a) (i64.const 100) (i32.const {ANSWER + 32}))
    """

    told = answer(call(guest(body, STDIN, READ, SKIP), "go"))

    # (error, closed) of both.
    assert (told[0], told[4]) == (1, 1)
    assert (told[32], told[40]) == (1, 1)


def test_what_a_component_writes_is_kept_in_order() -> None:
    body = f"""
      (local.set $a (call $get-stdout))
      (call $write (local.get $a) {PATH} {AT})
      (call $write-zeroes (local.get $a) (i64.const 2) {AT})
      (call $write (local.get $a) {OTHER_PATH} {AT})
      (call $flush (local.get $a) {AT})
    """

    execution = call(guest(body, STDOUT, WRITE, ZEROES, FLUSH), "go")

    assert answer(execution)[0] == 0
    assert execution.stdout == b"a/b\0\0c"


def test_a_component_may_write_one_byte_more_than_is_left_and_is_then_stopped() -> None:
    small = grant(limits=Limits(output_bytes=1000))
    asks = f"(call $check-write (call $get-stdout) {AT})"
    writes = f"(call $write-zeroes (call $get-stdout) (i64.const 1001) {AT})"

    asked = call(guest(asks, STDOUT, CHECK), "go", granted=small)
    wrote = call(guest(writes, STDOUT, ZEROES), "go", granted=small)

    assert int.from_bytes(answer(asked)[8:16], "little") == 1001
    assert stop_code(wrote) == "guest.output_too_large"


def test_zeroes_beyond_all_memory_are_never_made() -> None:
    body = f"(call $write-zeroes (call $get-stdout) (i64.const -1) {AT})"

    assert stop_code(call(guest(body, STDOUT, ZEROES), "go")) == "guest.output_too_large"


def test_splicing_from_an_input_at_its_end_says_closed() -> None:
    body = f"(call $splice (call $get-stdout) (call $get-stdin) (i64.const 100) {AT})"

    told = answer(call(guest(body, STDOUT, STDIN, SPLICE), "go"))

    assert (told[0], told[8]) == (1, 1)


def test_streams_never_have_to_be_waited_for() -> None:
    body = f"""
      (local.set $a (call $subscribe (call $get-stdout)))
      (i32.store8 {AT} (call $ready (local.get $a)))
    """

    assert answer(call(guest(body, STDOUT, SUBSCRIBE_OUT, READY), "go"))[0] == 1


def test_waiting_for_the_earlier_of_two_times_tells_which_it_was() -> None:
    body = f"""
      (i32.store (i32.const 64) (call $subscribe-duration (i64.const 3600000000000)))
      (i32.store (i32.const 68) (call $subscribe-duration (i64.const 2000000)))
      (i32.store8 {AT} (call $ready (i32.load (i32.const 68))))
      (call $poll (i32.const 64) (i32.const 2) (i32.const 72))
      (i32.store (i32.const {ANSWER + 4}) (i32.load (i32.const 76)))
      (i32.store (i32.const {ANSWER + 8}) (i32.load (i32.load (i32.const 72))))
    """

    told = answer(call(guest(body, AFTER, READY, POLL), "go"))

    assert told[0] == 0
    assert told[4] == 1  # one of them is due
    assert told[8] == 1  # the second


def test_waiting_for_nothing_at_all_is_a_trap() -> None:
    body = "(call $poll (i32.const 64) (i32.const 0) (i32.const 72))"

    assert stop_code(call(guest(body, POLL), "go")) == "guest.trapped"


def test_waiting_for_ever_ends_at_the_deadline() -> None:
    body = """
      (i32.store (i32.const 64) (call $subscribe-duration (i64.const -1)))
      (call $poll (i32.const 64) (i32.const 1) (i32.const 72))
    """

    brief = grant("clock", limits=Limits(deadline_seconds=0.2))

    assert (
        stop_code(call(guest(body, AFTER, POLL), "go", granted=brief)) == "guest.deadline_exceeded"
    )


# Time and randomness

INSTANT = Function(
    "clocks/monotonic-clock", "subscribe-instant",
    '(param "when" u64) (result (own $pollable))', "(param i64) (result i32)",
)  # fmt: skip
RESOLUTION = Function("clocks/monotonic-clock", "resolution", "(result u64)", "(result i64)")
WALL_RESOLUTION = Function("clocks/wall-clock", "resolution", "(result $datetime)", "(param i32)")


def test_an_instant_that_has_passed_is_ready() -> None:
    body = f"(i32.store8 {AT} (call $ready (call $subscribe-instant (i64.const 0))))"

    assert answer(call(guest(body, INSTANT, READY), "go"))[0] == 1


@pytest.mark.parametrize(
    ("body", "function"),
    [
        (f"(i64.store (i32.const {ANSWER + 8}) (call $resolution))", RESOLUTION),
        (f"(call $resolution {AT})", WALL_RESOLUTION),
    ],
)  # fmt: skip
def test_the_clocks_tell_no_finer_time_than_a_millisecond(body: str, function: Function) -> None:
    told = answer(call(guest(body, function), "go"))

    assert int.from_bytes(told[:8], "little") == 0
    assert int.from_bytes(told[8:12], "little") == 10**6


DRAWS = (
    Function("random/random", "get-random-u64", "(result u64)", "(result i64)"),
    Function("random/insecure", "get-insecure-random-u64", "(result u64)", "(result i64)"),
)
SEED = Function("random/insecure-seed", "insecure-seed", "(result (tuple u64 u64))", "(param i32)")


@pytest.mark.parametrize("draw", DRAWS, ids=lambda draw: draw.name)
def test_numbers_are_constant_without_the_grant_and_not_with_it(draw: Function) -> None:
    text = guest(f"(i64.store {AT} (call ${draw.short}))", draw)

    without = [call(text, "go") for _ in range(2)]
    with_it = [call(text, "go", granted=grant("random")) for _ in range(2)]

    assert answer(without[0]) == answer(without[1])
    assert without[0].gated == Gated(random=1)
    assert answer(with_it[0]) != answer(with_it[1])


def test_the_seed_of_hash_maps_is_gated_too() -> None:
    text = guest(f"(call $insecure-seed {AT})", SEED)

    without = [call(text, "go") for _ in range(2)]
    with_it = [call(text, "go", granted=grant("random")) for _ in range(2)]

    assert answer(without[0]) == answer(without[1])
    assert without[0].gated.random > 0
    assert answer(with_it[0])[:16] != answer(with_it[1])[:16]


def test_more_random_bytes_at_once_than_allowed_end_the_guest() -> None:
    draw = Function(
        "random/random",
        "get-random-bytes",
        '(param "len" u64) (result (list u8))',
        "(param i64 i32)",
    )

    execution = call(guest(f"(call $get-random-bytes (i64.const -1) {AT})", draw), "go")

    assert stop_code(execution) == "guest.output_too_large"


# Process

ARGUMENTS = Function("cli/environment", "get-arguments", "(result (list string))", "(param i32)")
DIRECTORY = Function("cli/environment", "initial-cwd", "(result (option string))", "(param i32)")
EXIT = Function("cli/exit", "exit", '(param "status" (result))', "(param i32)")
EXIT_WITH = Function("cli/exit", "exit-with-code", '(param "code" u8)', "(param i32)")


def test_a_function_has_no_arguments_and_no_directory() -> None:
    body = f"(call $get-arguments {AT}) (call $initial-cwd (i32.const {ANSWER + 16}))"

    told = answer(call(guest(body, ARGUMENTS, DIRECTORY), "go"))

    assert told[4:8] == bytes(4)
    assert told[16] == 0


@pytest.mark.parametrize(
    ("body", "function", "status"),
    [
        ("(call $exit (i32.const 1))", EXIT, 1),
        ("(call $exit-with-code (i32.const 7))", EXIT_WITH, 7),
    ],
)
def test_a_component_that_exits_with_a_failure_says_so(
    body: str, function: Function, status: int
) -> None:
    execution = call(guest(body, function), "go")

    assert stop_code(execution) == "guest.exited"
    assert execution.stop is not None
    assert execution.stop.details == {"exit_code": status}


@pytest.mark.parametrize("end", ["stdin", "stdout", "stderr"])
def test_there_is_no_terminal(end: str) -> None:
    kind = "terminal-input" if end == "stdin" else "terminal-output"
    function = Function(
        f"cli/terminal-{end}", f"get-terminal-{end}", f"(result (option (own ${kind})))",
        "(param i32)",
    )  # fmt: skip

    assert answer(call(guest(f"(call $get-terminal-{end} {AT})", function), "go"))[0] == 0


# Network

NETWORK = Function(
    "sockets/instance-network", "instance-network", "(result (own $network))", "(result i32)"
)
RESOLVE = Function(
    "sockets/ip-name-lookup", "resolve-addresses",
    '(param "network" (borrow $network)) (param "name" string) '
    "(result (result (own $resolve-address-stream) (error $network-error)))",
    "(param i32 i32 i32 i32)",
)  # fmt: skip
UDP = Function(
    "sockets/udp-create-socket", "create-udp-socket",
    '(param "address-family" $ip-address-family) '
    "(result (result (own $udp-socket) (error $network-error)))",
    "(param i32 i32)",
)  # fmt: skip


@pytest.mark.claim("isolation.default-deny")
def test_looking_up_a_name_is_denied_and_recorded() -> None:
    body = f"(call $resolve-addresses (call $instance-network) {PATH} {AT})"

    execution = call(guest(body, NETWORK, RESOLVE), "go")

    assert answer(execution)[0] == 1
    assert tried(execution) == [("net.dns", "a/b")]


@pytest.mark.claim("isolation.default-deny")
def test_a_datagram_socket_is_denied_and_recorded() -> None:
    execution = call(guest(f"(call $create-udp-socket (i32.const 1) {AT})", UDP), "go")

    assert answer(execution)[0] == 1
    assert tried(execution) == [("net.socket", "udp ipv6")]


# Handles


def test_a_handle_that_was_never_given_traps_in_the_guest() -> None:
    execution = call(guest(f"(call $check-write (i32.const 77) {AT})", CHECK), "go")

    assert stop_code(execution) == "guest.trapped"


def test_an_input_is_no_output() -> None:
    body = f"(call $check-write (call $get-stdin) {AT})"

    assert stop_code(call(guest(body, STDIN, CHECK), "go")) == "guest.trapped"


# Commands


def test_a_command_component_reads_skips_splices_and_writes() -> None:
    text = program(
        f"""
        (local.set $a (call $get-stdin)) (local.set $b (call $get-stdout))
        (call $read (local.get $a) (i64.const 3) {AT})
        (call $write (local.get $b) (i32.load (i32.const {ANSWER + 4}))
          (i32.load (i32.const {ANSWER + 8})) (i32.const 64))
        (call $skip (local.get $a) (i64.const 2) {AT})
        (call $splice (local.get $b) (local.get $a) (i64.const 100) {AT})
        (drop (call $subscribe (local.get $a)))
        """,
        STDIN, STDOUT, READ, SKIP, WRITE, SPLICE, SUBSCRIBE_IN,
    )  # fmt: skip

    execution = run(text, stdin=b"abcdefgh")

    assert stop_code(execution) is None
    assert execution.stdout == b"abcfgh"


def test_an_argument_that_is_no_text_ends_nothing() -> None:
    body = f"""
      (call $get-arguments {AT})
      (local.set $a (i32.load {AT}))
      (call $write (call $get-stdout) (i32.load offset=8 (local.get $a))
        (i32.load offset=12 (local.get $a)) (i32.const 64))
    """

    execution = run(program(body, ARGUMENTS, STDOUT, WRITE), arguments=(b"guest", b"a\xff"))

    assert execution.stdout.decode() == "a\N{REPLACEMENT CHARACTER}"


def test_a_command_component_sees_its_arguments() -> None:
    body = f"""
      (call $get-arguments {AT})
      (local.set $a (i32.load {AT}))
      (call $write (call $get-stdout) (i32.load offset=8 (local.get $a))
        (i32.load offset=12 (local.get $a)) (i32.const 64))
    """

    execution = run(program(body, ARGUMENTS, STDOUT, WRITE), arguments=(b"guest", b"--fast"))

    assert execution.stdout == b"--fast"
