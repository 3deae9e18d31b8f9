"""A worker has fallen, and lies to the server: in what it says, when, and how often."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from hatch import Tools, call, may, open_hatches, start, workers

from hatchway.core.limits import Limits
from hatchway.workers import channel, pool, process
from hatchway.workers.channel import ARENA_BYTES, PACKET_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hatchway.workers.sandbox import WorkerSandbox

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has workers")


@pytest.fixture(scope="module")
def liars() -> Iterator[WorkerSandbox]:
    """Workers that say whatever they are told to."""
    with pytest.MonkeyPatch.context() as patch:
        open_hatches(patch)
        patch.setattr(process, "_END_SECONDS", 0.2)
        patch.setattr(channel, "_MAX_PARTS", 1 << 16)
        # What a worker does after its answer is what some of these are about.
        patch.setattr(pool, "FREEZE_SECONDS", 3600.0)
        with workers(start("liar"), at_most=4) as found:
            yield found


HONEST = "channel.send(result(b'0'))"
LIES = {
    "garbage": "channel._socket.send(b'\\xff\\xfe garbage')",
    "nothing": "channel._socket.send(b'')",
    "a packet beyond the bound": f"channel._socket.send(bytes({PACKET_BYTES + 1}))",
    "4 GiB in the arena": "channel._socket.send(b'\\xc1' + (4 << 30).to_bytes(8, 'little'))",
    "a list of 4 Gi things": "channel._socket.send(b'\\xdd' + b'\\xff' * 4)",
    "lists without end": """
channel.arena.put(b'\\xdd' + (20 << 20).to_bytes(4, 'big') + b'\\x90' * (20 << 20))
channel._socket.send(b'\\xc1' + ((20 << 20) + 5).to_bytes(8, 'little'))
""",
    "more than the call may put out": f"""
channel._socket.send(b'\\xc1' + ({ARENA_BYTES}).to_bytes(8, 'little'))
""",
    "depth without end": "channel._socket.send(b'\\x91' * 40000)",
    "no answer": "channel.send(['ready'])",
    "a value of no function": "channel.send(['result', {'a': 1}, *result(b'0')[2:]])",
    "an error of no function": "channel.send(['result', 'no', b'', b'', True, *result(b'')[5:]])",
    "an end of the line": "channel._socket.close()",
    "its last words": "channel.send(['broken', '\\x1b[2J'])",
    "an end of itself": "os._exit(0)",
}


@pytest.mark.claim("isolation.worker.lies")
@pytest.mark.parametrize("lie", LIES)
def test_a_worker_that_lies_fails_its_call_and_no_other(lie: str, liars: WorkerSandbox) -> None:
    done = call(liars, LIES[lie], may("ada"))
    next_one = call(liars, HONEST, may("bob"))

    assert done.stop is not None
    assert done.stop.code == "guest.worker_failed"
    assert next_one.stdout == b"0"


@pytest.mark.claim("isolation.worker.lies")
def test_a_second_answer_is_no_answer_to_the_next_question(
    liars: WorkerSandbox, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    os.mkfifo(said)
    code = f"{HONEST}; channel.send(result(b'1')); os.close(os.open({str(said)!r}, os.O_WRONLY))"

    one = call(liars, code, may("dora"))
    said.read_bytes()
    other = call(liars, HONEST, may("dora"))
    third = call(liars, HONEST, may("dora"))

    assert one.stdout == b"0"
    assert other.stop is not None
    assert other.stop.code == "guest.worker_failed"
    assert third.stdout == b"0"


@pytest.mark.claim("isolation.worker.lies")
@pytest.mark.parametrize("reads", ["channel.receive()", "pass"])
def test_a_worker_that_asks_without_end_has_no_more_time_than_another(
    reads: str, liars: WorkerSandbox
) -> None:
    code = f"""
while True:
    channel.send(["tool", "search", "x", 1, {{}}, False])
    {reads}
"""
    tools = Tools()
    assert call(liars, HONEST, may("eve")).stdout == b"0"

    limits = Limits(deadline_seconds=0.5, host_calls=50)
    done = call(liars, code, may("eve", limits=limits), tools=tools)

    assert done.stop is not None
    assert done.stop.code in ("guest.deadline_exceeded", "guest.worker_failed")
    assert tools.asked <= limits.host_calls


@pytest.mark.parametrize(("calls", "is_left"), [(1000, b"True"), (1, b"False")])
def test_what_a_fallen_call_leaves_is_gone_with_its_worker_and_not_before(
    calls: int, is_left: bytes
) -> None:
    found = "channel.send(result(str('left' in globals()).encode()))"
    with pytest.MonkeyPatch.context() as patch:
        open_hatches(patch)
        with workers(start("liar"), calls=calls) as own:
            call(own, f"left = True\n{HONEST}", may())

            done = call(own, found, may())

    assert done.stdout == is_left
