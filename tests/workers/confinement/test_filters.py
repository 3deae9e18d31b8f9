"""The filter that the kernel runs decides as the rules it was made of."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.workers.confinement import allowed, filters
from hatchway.workers.confinement.allowed import Needs
from hatchway.workers.confinement.filters import ALLOW, KILL, MACHINES, NOTIFY, Check, Rule
from hatchway.workers.confinement.numbers import numbers

WORDS = st.integers(0, 0xFFFFFFFF)
SMALL = st.integers(0, 7)
CHECKS = st.builds(
    Check,
    argument=st.integers(0, 5),
    values=st.lists(SMALL, min_size=1, max_size=3).map(tuple),
    mask=st.sampled_from([0xFFFFFFFF, 7, 5, 2]),
)
RULES = st.lists(
    st.builds(
        Rule,
        number=SMALL,
        verdict=st.sampled_from([ALLOW, filters.fails_with(38)]),
        cases=st.lists(st.lists(CHECKS, max_size=3).map(tuple), min_size=1, max_size=3).map(tuple),
        otherwise=st.just(NOTIFY),
    ),
    max_size=6,
    unique_by=lambda rule: rule.number,
)


DANGEROUS = """
execve execveat ptrace process_vm_readv process_vm_writev pidfd_open pidfd_getfd
pidfd_send_signal mount umount2 pivot_root chroot unshare setns bpf perf_event_open
io_uring_setup userfaultfd keyctl add_key personality setsid setpgid kill tkill bind listen
accept4 sendmmsg open_by_handle_at mknodat fchmodat fchownat setxattr chdir capset setuid
kexec_load init_module reboot shmget msgget mq_open memfd_secret landlock_create_ruleset
"""


def verdict(code: bytes, *, machine: int, number: int, arguments: list[int]) -> int:
    """What the kernel's packet filter makes of a call: the five instructions that there are."""
    data = struct.pack("<IIQ6Q", number, machine, 0, *arguments)
    program = list(struct.iter_unpack("<HBBI", code))
    at = accumulator = 0
    while True:
        operation, if_true, if_false, constant = program[at]
        at += 1
        if operation == 0x06:
            return int(constant)
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, constant)
        elif operation == 0x54:
            accumulator &= constant
        else:
            is_so = {0x15: accumulator == constant, 0x35: accumulator >= constant}[operation]
            at += if_true if is_so else if_false


@given(RULES, SMALL, st.lists(st.integers(0, 2**64 - 1) | SMALL, min_size=6, max_size=6))
def test_a_filter_decides_as_its_rules_say(
    rules: list[Rule], number: int, arguments: list[int]
) -> None:
    expected = NOTIFY
    for rule in rules:
        if rule.number == number:
            holds = any(
                all((arguments[c.argument] & 0xFFFFFFFF & c.mask) in c.values for c in case)
                for case in rule.cases
            )
            expected = rule.verdict if holds else rule.otherwise

    code = filters.program(rules, machine="x86_64", otherwise=NOTIFY)
    found = verdict(code, machine=MACHINES["x86_64"], number=number, arguments=arguments)

    assert found == expected


@pytest.mark.parametrize("machine", MACHINES)
@given(number=WORDS, other=WORDS)
def test_another_processors_calls_kill(machine: str, number: int, other: int) -> None:
    code = filters.program([], machine=machine, otherwise=ALLOW)

    found = verdict(code, machine=other, number=number, arguments=[0] * 6)

    assert found == (KILL if other != MACHINES[machine] or is_x32(machine, number) else ALLOW)


def is_x32(machine: str, number: int) -> bool:
    return machine == "x86_64" and number >= 0x40000000


@pytest.mark.parametrize("machine", MACHINES)
def test_whatever_is_not_on_the_list_is_refused(machine: str) -> None:
    known = numbers(machine)
    needs = Needs(process=1, has_files=True, has_port=True)
    rules = allowed.rules(needs, known, refused=NOTIFY)
    code = filters.program(rules, machine=machine, otherwise=NOTIFY)
    dangerous = DANGEROUS.split()

    found = {
        name: verdict(code, machine=MACHINES[machine], number=known[name], arguments=[0] * 6)
        for name in dangerous
    }

    assert set(found.values()) == {NOTIFY}, found


@pytest.mark.parametrize(
    ("name", "arguments", "is_allowed"),
    [
        ("clone", [0x3D0F00], True),
        ("clone", [0x3D0F00 | 0x10000000], False),  # and a user namespace
        ("clone", [17], False),  # a process
        ("socket", [2, 1 | 0o2000000, 0], True),
        ("socket", [2, 1, 262], False),  # MPTCP
        ("socket", [10, 1, 0], False),
        ("socket", [1, 1, 0], False),
        ("sendto", [3, 0, 0, 0x20000000], False),  # a connection
        ("prctl", [1, 0], False),  # that nobody is told of one's parent's death
        ("prctl", [15, 0], True),
        ("ioctl", [0, 0x5412], False),  # typing into a terminal
        ("fcntl", [0, 8], False),  # signals to others
        ("mmap", [0, 1, 3, 0x22], True),
        ("mmap", [0, 1, 3, 0x21], False),  # shared, and in no file
        ("mmap", [0, 1, 3, 0x122], False),  # a stack that grows, and that no limit counts
        ("mmap", [0, 1, 3, 0x01], True),
        ("tgkill", [1, 5, 6], True),
        ("tgkill", [2, 5, 6], False),
        ("prlimit64", [2, 0], False),
        ("setsockopt", [3, 6, 1], True),
        ("setsockopt", [3, 6, 30], False),  # connecting by sending
        ("seccomp", [1, 1], True),
        ("seccomp", [1, 8], False),
    ],
)
def test_arguments_are_looked_at(name: str, arguments: list[int], *, is_allowed: bool) -> None:
    known = numbers("x86_64")
    needs = Needs(process=1, has_files=False, has_port=True)
    rules = allowed.rules(needs, known, refused=NOTIFY)
    code = filters.program(rules, machine="x86_64", otherwise=NOTIFY)

    found = verdict(
        code,
        machine=MACHINES["x86_64"],
        number=known[name],
        arguments=[*arguments, *[0] * (6 - len(arguments))],
    )

    assert found == (ALLOW if is_allowed else NOTIFY)
