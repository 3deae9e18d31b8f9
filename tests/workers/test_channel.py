"""Messages cross whole, and whatever else crosses ends the conversation and nothing more."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.workers.channel import (
    ARENA_BYTES,
    PACKET_BYTES,
    Arena,
    Channel,
    ChannelError,
    packed,
    unpacked,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    first, second = Channel.pair()
    arena = Arena.new()
    here = Channel(first, arena)
    there = Channel(second, Arena(os.dup(arena.descriptor)))
    yield here, there
    here.close()
    there.close()


def _open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@given(_JSON)
def test_a_value_comes_out_as_it_went_in(value: Any) -> None:
    assert unpacked(packed(value)) == value


@given(st.binary(max_size=200))
def test_whatever_bytes_come_they_are_a_value_or_a_channel_error(data: bytes) -> None:
    with contextlib.suppress(ChannelError):
        unpacked(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\xc7\x04\x05abcd",  # an extension of another kind
        b"\xc7\x01\x01x",  # a number that is none
        b"\x81\x01\x01",  # a key that is no text
        b"\xdd\xff\xff\xff\xff",  # four thousand million things, and none of them
        b"\x91" * 3000 + b"\xc0",
        b"",
    ],
)
def test_what_msgpack_could_say_and_no_message_says_is_refused(data: bytes) -> None:
    with pytest.raises(ChannelError):
        unpacked(data)


def test_what_is_too_large_for_a_packet_goes_through_the_arena(
    ends: tuple[Channel, Channel],
) -> None:
    here, there = ends
    large = {"data": b"x" * (PACKET_BYTES + 1)}

    here.send(large)
    message = there.receive()

    assert message is not None
    assert message.value == large
    assert here.is_stained
    assert there.is_stained


def test_nothing_of_a_message_stays_in_the_arena_once_it_is_wiped(
    ends: tuple[Channel, Channel],
) -> None:
    here, there = ends
    here.send(b"secret" * PACKET_BYTES)
    there.receive()

    here.wipe()

    assert there.arena.take(64) == bytes(64)


def test_neither_end_can_make_the_arena_smaller(ends: tuple[Channel, Channel]) -> None:
    _, there = ends
    with pytest.raises(PermissionError):
        os.ftruncate(there.arena.descriptor, 0)


@pytest.mark.parametrize(
    "packet",
    [
        b"\xc1",
        b"\xc1" + (ARENA_BYTES + 1).to_bytes(8, "little"),
        b"\xc1" + b"\xff" * 8,
        b"\xc1" + bytes(9),
        bytes(PACKET_BYTES + 1),
    ],
)
def test_a_packet_that_points_beyond_the_arena_is_refused(
    packet: bytes, ends: tuple[Channel, Channel]
) -> None:
    here, there = ends
    here._socket.send(packet)
    with pytest.raises(ChannelError) as caught:
        there.receive()
    assert not caught.value.is_end


def test_descriptors_that_nobody_asked_for_do_not_arrive(ends: tuple[Channel, Channel]) -> None:
    here, there = ends
    before = _open_descriptors()
    here.send(["result"], [0, 0, 0])
    message = there.receive()
    assert message is not None
    assert message.descriptors == ()
    assert _open_descriptors() == before


def test_descriptors_that_come_with_garbage_are_closed(ends: tuple[Channel, Channel]) -> None:
    here, there = ends
    before = _open_descriptors()
    socket.send_fds(here._socket, [b"\xc1\xc1"], [0, 0])
    with pytest.raises(ChannelError):
        there.receive(with_descriptors=True)
    assert _open_descriptors() == before


def test_an_end_that_hangs_up_is_noticed(ends: tuple[Channel, Channel]) -> None:
    here, there = ends
    there._socket.close()
    with pytest.raises(ChannelError) as caught:
        here.receive()
    assert caught.value.is_end
    with pytest.raises(ChannelError):
        here.send(["run"])


def test_waiting_ends_without_a_message(ends: tuple[Channel, Channel]) -> None:
    here, _ = ends
    here.settimeout(0.001)
    assert here.receive() is None


@pytest.mark.parametrize("value", [object(), {"a": {1, 2}}, [float] * 2])
def test_what_no_message_can_say_is_refused_before_it_is_sent(value: object) -> None:
    with pytest.raises(ValueError, match=r"no place|serialize"):
        packed(value)


def test_a_message_larger_than_the_arena_is_refused_before_it_is_sent(
    ends: tuple[Channel, Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = ends
    monkeypatch.setattr("hatchway.workers.channel.ARENA_BYTES", PACKET_BYTES)
    with pytest.raises(ValueError, match="larger than any"):
        here.send(bytes(PACKET_BYTES + 1))


@pytest.mark.parametrize("nested", [False, True])
def test_a_large_message_of_small_parts_is_refused_before_it_takes_much_memory(
    nested: bool,
) -> None:
    nothing = b"\xdc\xff\xff" + b"\xc0" * 0xFFFF
    many = b"\xdc\x00\x20" + nothing * 0x20
    data = many if nested else b"\xdd\x00\x20\x00\x00" + b"\xc0" * (2 << 20)

    assert unpacked(data, 4 << 20)
    with pytest.raises(ChannelError):
        unpacked(data, 1 << 20)
