"""The server believes nothing of a worker that no engine of ours would say."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.core.call import Denial, Execution, Gated, Usage
from hatchway.core.capability import Clock, RandomSource
from hatchway.core.egress import Ticket
from hatchway.core.errors import (
    CallError,
    GuestTrappedError,
    InvalidArgumentsError,
    OverloadedError,
)
from hatchway.core.grant import Grant, GrantedDirectory
from hatchway.core.limits import Limits
from hatchway.core.sandbox import CommandInvocation, FunctionInvocation, Invocation
from hatchway.core.secret import Secret
from hatchway.core.wit import ListType, Primitive, RecordType, ResultType
from hatchway.workers import answers, orders
from hatchway.workers.channel import ChannelError, packed, unpacked

_LIMITS = Limits(fuel=1000, output_bytes=100, memory_bytes=1 << 20)
_KIND = ResultType(Primitive("string"), RecordType((("sum", ListType(Primitive("f64"))),)))
_EXECUTION = Execution(
    value={"sum": [1.0, 2.5, "NaN"]},
    stdout=b"out",
    stderr=b"err",
    failed=True,
    stop=GuestTrappedError("the guest trapped: unreachable", details={"trap": "unreachable"}),
    frames=("main!run",),
    usage=Usage(5, 900, 65536, 6),
    denials=(
        Denial(capability="fs.read", attempted="/etc", function="open", wanted="fs.read=/etc"),
    ),
    unlisted_denials=2,
    gated=Gated(clock=1, random=2, env=3),
    files={"a/b.txt": b"file"},
    compiler="winch",
)


def _wire(execution: Execution = _EXECUTION) -> list[Any]:
    wire: list[Any] = unpacked(packed(answers.execution_to_wire(execution, has_read=True)))
    return wire


def _read(wire: Any) -> answers.Result:
    expected = answers.Expected(_LIMITS, "winch", _KIND)
    return answers.result_from_wire(wire, expected, elapsed_us=10)


def test_what_came_of_a_call_is_the_same_on_the_other_side() -> None:
    found, has_read = _read(_wire())

    assert found._replace(stop=None) == _EXECUTION._replace(stop=None)
    assert isinstance(found.stop, GuestTrappedError)
    assert (found.stop.message, found.stop.details) == (
        "the guest trapped: unreachable",
        {"trap": "unreachable"},
    )
    assert has_read


@pytest.mark.parametrize(
    "invocation",
    [
        CommandInvocation(
            arguments=(b"tool", b"\xff"),
            stdin=b"in",
            files={"a": b"1"},
            wanted=("*",),
            function="f",
        ),
        FunctionInvocation(
            function="i#f", arguments={"n": 10**30, "s": "\ud800"}, files={}, wanted=()
        ),
    ],
)
def test_an_order_is_the_same_on_the_other_side(invocation: Invocation) -> None:
    grant = Grant(
        capabilities=(Clock(), RandomSource()),
        environment=(("A", "b"),),
        limits=_LIMITS,
        directories=(
            GrantedDirectory(guest_path="/in", descriptor=7, is_writable=True, quota_bytes=9),
        ),
        workspace="/work",
        compiler="winch",
        isolation="worker",
    )
    order = orders.Order(
        "sha256:1", invocation, grant, Ticket(port=1, token=Secret("t")), True, False
    )

    found = orders.order_from_wire(
        unpacked(packed(orders.order_to_wire(order, orders.Told(), 99))), orders.Grants([7])
    )

    assert found == order._replace(ticket=Ticket(port=99, token=Secret("t")))


def test_a_grant_is_told_once_until_another_one_follows() -> None:
    grants = orders.Grants([])
    told = orders.Told()
    first = Grant(capabilities=(), environment=(), limits=_LIMITS, isolation="worker")
    other = replace(first, limits=replace(_LIMITS, fuel=7))
    spelled = []
    for grant in (first, replace(first), other, first):
        order = orders.Order("d", CommandInvocation(arguments=()), grant, None, False, False)
        words = unpacked(packed(orders.order_to_wire(order, told, 1)))
        told.note(grant)
        spelled.append(words[3] is not None)
        assert orders.order_from_wire(words, grants).grant == grant
    assert spelled == [True, False, True, True]


def test_a_worker_learns_no_name_of_a_tenant_and_no_capability_it_has_no_use_for() -> None:
    grant = Grant(
        capabilities=(), environment=(), limits=_LIMITS, tenant="acme", owner="secret-project"
    )
    order = orders.Order("d", CommandInvocation(arguments=()), grant, None, False, False)
    wire = packed(orders.order_to_wire(order, orders.Told(), 1))
    assert b"acme" not in wire
    assert b"secret-project" not in wire


_PLACES = st.lists(st.integers(0, 14), min_size=1, max_size=3)
_ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 70), 1 << 70),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=2), st.integers() | st.binary(), max_size=2),
    st.just(msgpack.Timestamp(1)),
    st.just([[[[]]]] * 70),
)


@given(_PLACES, _ODD)
def test_whatever_stands_where_it_does_not_belong_ends_in_a_channel_error(
    places: list[int], odd: Any
) -> None:
    wire: Any = _wire()
    at = wire
    for place in places[:-1]:
        if isinstance(at, list) and place < len(at) and isinstance(at[place], list):
            at = at[place]
    at[places[-1] % len(at)] = odd
    with contextlib.suppress(ChannelError):
        _read(wire)


@given(st.recursive(_ODD, lambda inner: st.lists(inner, max_size=13), max_leaves=20))
def test_nothing_at_all_makes_reading_raise_anything_else(wire: Any) -> None:
    for read in (_read, answers.refusal_from_wire, answers.asked_from_wire):
        with contextlib.suppress(ChannelError):
            read(wire)


@pytest.mark.parametrize(
    ("place", "lie"),
    [
        pytest.param(1, {"a": b"bytes"}, id="a value that JSON has not"),
        pytest.param(1, {1: "key"}, id="a key that JSON has not"),
        pytest.param(1, msgpack.Timestamp(1), id="msgpack's own time"),
        pytest.param(1, "text", id="a value of another type"),
        pytest.param(1, {"sum": [1]}, id="a whole number for a float"),
        pytest.param(4, False, id="an error that is said to be none"),
        pytest.param(2, b"x" * 101, id="more than it may put out"),
        pytest.param(2, "text", id="text for bytes"),
        pytest.param(4, 1, id="a number for a flag"),
        pytest.param(5, ["internal", "x", {}], id="an end that no guest comes to"),
        pytest.param(5, ["guest.trapped", "x", {"a": [1]}], id="a detail that is no fact"),
        pytest.param(5, ["guest.trapped", "x", {str(n): 1 for n in range(17)}], id="many details"),
        pytest.param(6, ["f"] * 65, id="many frames"),
        pytest.param(7, [1, 1001, 1, 1], id="more fuel than there was"),
        pytest.param(7, [-1, 1, 1, 1], id="less than nothing"),
        pytest.param(8, [["fs.read", "a", "b", "c"]] * 33, id="more denials than are listed"),
        pytest.param(8, [["root", "a", "b", "c"]], id="a capability that does not exist"),
        pytest.param(9, -1, id="a count below nothing"),
        pytest.param(10, [1, 2], id="too few counts"),
        pytest.param(11, {"../x": b""}, id="a file outside"),
        pytest.param(11, {"/etc/x": b""}, id="a file at the root"),
        pytest.param(11, {"a\0b": b""}, id="a name with a zero"),
        pytest.param(11, {"a": "text"}, id="a file of text"),
        pytest.param(11, {"x" * 4097: b""}, id="an endless name"),
        pytest.param(12, 1, id="a number for having read"),
    ],
)
def test_a_lie_ends_in_a_channel_error(place: int, lie: object) -> None:
    wire = _wire()
    wire[place] = lie
    with pytest.raises(ChannelError):
        _read(wire)


def test_more_files_than_any_call_brings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "_MAX_FILES", 1)
    wire = _wire(_EXECUTION._replace(files={"a": b"", "b": b""}))
    with pytest.raises(ChannelError):
        _read(wire)


def test_a_value_that_is_nested_too_deep_is_refused() -> None:
    value: Any = None
    for _ in range(300):
        value = [value]
    with pytest.raises(ChannelError):
        answers.require_plain(value)


@pytest.mark.parametrize(
    "lie",
    [
        {"value": "\ud800"},
        {"value": [{"\ud800": 1}]},
        {"value": [float("nan")]},
        {"value": float("inf")},
        {"files": {"a\ud800": b""}},
        {"stop": GuestTrappedError("trapped", details={"x": float("nan")})},
    ],
)
def test_an_answer_that_breaks_whoever_encodes_it_is_refused(lie: dict[str, Any]) -> None:
    with pytest.raises(ChannelError):
        _read(_wire(_EXECUTION._replace(**lie)))


@pytest.mark.parametrize(
    ("subject", "arguments"), [("\ud800", {}), ("a", {"x": "\ud800"}), ("a", {"\udfff": 1})]
)
def test_a_question_with_half_a_character_in_it_is_refused(
    subject: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ChannelError):
        answers.asked_from_wire(["tool", "call", subject, 1, arguments, False])


def test_what_a_worker_writes_for_people_cannot_move_their_cursor() -> None:
    stop = GuestTrappedError("\x1b[2Jgone", details={"trap": "\x1b[0m"})
    found, _ = _read(_wire(_EXECUTION._replace(stop=stop, frames=("\x07",))))
    assert found.stop is not None
    assert found.stop.message == "\\x1b[2Jgone"
    assert found.stop.details == {"trap": "\\x1b[0m"}
    assert found.frames == ("\\x07",)


def test_a_call_took_no_longer_than_the_server_saw() -> None:
    wire = _wire()
    wire[7] = [1_000_000, None, None, None]
    assert _read(wire).execution.usage == Usage(10)


@pytest.mark.parametrize("fact", [None, True, 1.5, 7, "words"])
def test_details_of_an_end_are_small_facts(fact: object) -> None:
    wire = _wire()
    wire[5] = ["guest.trapped", "x", {"a": fact}]
    stop = _read(wire).execution.stop
    assert stop is not None
    assert stop.details == {"a": fact}


@pytest.mark.parametrize("error", [InvalidArgumentsError("no", hint="so"), OverloadedError("full")])
def test_why_a_guest_did_not_run_is_the_same_on_the_other_side(error: CallError) -> None:
    found = answers.refusal_from_wire(unpacked(packed(answers.refusal_to_wire(error))))
    assert type(found) is type(error)
    assert (found.message, found.hint) == (error.message, error.hint)


@pytest.mark.parametrize(
    "words",
    [
        ["tool", "delete", "x", 0, {}, False],
        ["tool", "call", "x" * 257, 0, {}, False],
        ["tool", "search", "x" * 4097, 0, {}, False],
        ["tool", "call", b"x", 0, {}, False],
        ["tool", "call", "x", 51, {}, False],
        ["tool", "call", "x", 0, [], False],
        ["tool", "call", "x", 0, {"a": b""}, False],
        ["tool", "call", "x", 0, {}],
    ],
)
def test_a_question_that_no_engine_asks_is_refused(words: list[Any]) -> None:
    with pytest.raises(ChannelError):
        answers.asked_from_wire(words)
