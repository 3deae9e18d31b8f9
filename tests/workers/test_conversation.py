"""One call and its answer, with a worker that says whatever the test wants."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from guests import grant
from impostors import result
from posing import posing

from hatchway.core.call import Cancellation
from hatchway.core.errors import (
    CallCancelledError,
    DeadlineExceededError,
    InvalidArgumentsError,
)
from hatchway.core.limits import Limits
from hatchway.core.sandbox import CommandInvocation, FunctionInvocation
from hatchway.core.tools import DENIED, ToolAnswer
from hatchway.core.traces import Traces
from hatchway.workers import conversation as conversation_module
from hatchway.workers.answers import Expected
from hatchway.workers.channel import ChannelError
from hatchway.workers.conversation import Around, Conversation, SilentError
from hatchway.workers.orders import Order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from posing import Posed

    from hatchway.core.call import Execution
    from hatchway.workers.channel import Channel

DIGEST = "sha256:" + "0" * 64
CANCELLED = ["call.cancelled", "the worker's own words", {}]


@pytest.fixture
def pose() -> Iterator[Posed]:
    with posing() as found:
        yield found


class Others:
    """The other tools; they remember what they were asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def search(self, query: str, most: int) -> list[dict[str, Any]]:
        self.asked.append(("search", query, most))
        return [{"name": "math"}]

    def describe(self, name: str) -> ToolAnswer:
        self.asked.append(("describe", name))
        return ToolAnswer(value={"name": name})

    def call(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        self.asked.append(("call", name, arguments))
        return ToolAnswer(code="call.refused", message="no", wanted="tool=math")


class Told(NamedTuple):
    """What a call came to, and what its worker was told after the call itself."""

    execution: Execution
    words: list[Any]


def answered(pose: Posed, *words: Any, **facts: Any) -> Told:
    """What a call comes to whose worker says `words`, one after the other.

    It waits for an answer when it asks for something. `facts` are the `limits` of the call, its
    `cancellation`, `tools` and `traces`.
    """
    return conversed(pose, lambda peer, heard: _say(peer, words, heard), **facts)


def conversed(
    pose: Posed,
    worker: Callable[[Channel, list[Any]], object],
    *,
    limits: Limits | None = None,
    cancellation: Cancellation | None = None,
    tools: Others | None = None,
    traces: Traces | None = None,
) -> Told:
    """What a call comes to whose worker does as `worker`, once it has heard of the call."""
    heard: list[Any] = []

    def live() -> None:
        with contextlib.suppress(ChannelError):
            pose.peer.receive()
            worker(pose.peer, heard)

    thread = threading.Thread(target=live)
    thread.start()
    invocation = CommandInvocation(arguments=())
    order = Order(DIGEST, invocation, grant(limits=limits), None, tools is not None, False)
    around = Around(cancellation, tools, traces)
    try:
        execution = Conversation(
            pose.worker.channel, pose.worker.told, order, around, _expected(limits)
        ).answer(0)
    except BaseException:
        pose.worker.end()
        raise
    finally:
        thread.join()
    return Told(execution, heard)


def _expected(limits: Limits | None = None) -> Expected:
    return Expected(limits or Limits(), "winch")


def _say(peer: Channel, words: Sequence[Any], heard: list[Any]) -> None:
    for each in words:
        peer.send(each)
        if isinstance(each, list) and each[:1] == ["tool"] and len(each) > 1:
            message = peer.receive()
            assert message is not None
            heard.append(message.value)


def asking(operation: str = "call", has_read: bool = False) -> list[Any]:
    return ["tool", operation, "math", 3, {"a": 1}, has_read]


# An answer


def test_the_answer_is_what_the_worker_says_by_the_code_that_was_chosen_here(pose: Posed) -> None:
    execution = answered(pose, result(stdout=b"done")).execution

    assert execution.stdout == b"done"
    assert execution.compiler == "winch"
    assert execution.stop is None


def test_a_guest_that_did_not_run_is_refused_in_the_workers_words(pose: Posed) -> None:
    with pytest.raises(InvalidArgumentsError, match="a: expected a number") as caught:
        answered(pose, ["refused", "call.invalid_arguments", "a: expected a number", "try 3"])
    assert caught.value.hint == "try 3"


@pytest.mark.parametrize(
    "words",
    [None, 7, "result", [], ["walled"], [["result"]], ["result"], ["refused"], ["tool"], {}],
)
def test_whatever_else_it_says_ends_it(pose: Posed, words: Any) -> None:
    with pytest.raises(ChannelError):
        answered(pose, words)


def test_what_cannot_be_said_is_not_half_said(pose: Posed) -> None:
    deep: list[Any] = []
    for _ in range(2000):
        deep = [deep]
    invocation = FunctionInvocation(function="f", arguments={"x": deep})
    order = Order(DIGEST, invocation, grant(), None, False, False)

    with pytest.raises(ValueError, match=r"nest|recursion|depth"):
        Conversation(
            pose.worker.channel, pose.worker.told, order, Around(None, None, None), _expected()
        ).answer(0)

    pose.peer.settimeout(0.001)
    assert pose.peer.receive() is None


def test_what_was_said_before_anybody_asked_is_no_answer(pose: Posed) -> None:
    pose.peer.send(result(stdout=b"of the call before"))
    with pytest.raises(ChannelError, match="without being asked"):
        answered(pose)


# Time


def test_a_silent_worker_is_given_up_with_the_deadline_of_its_call(
    pose: Posed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation_module, "LATE_SECONDS", 0.0)
    with pytest.raises(SilentError) as caught:
        answered(pose, limits=Limits(deadline_seconds=0.01))
    assert isinstance(caught.value.stop, DeadlineExceededError)
    assert caught.value.stop.message == "the guest did not finish within 0.01 s"


def test_a_worker_that_never_stops_asking_is_given_up_like_a_silent_one(
    pose: Posed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation_module, "LATE_SECONDS", 0.0)
    tools = Others()
    limits = Limits(deadline_seconds=0.05, host_calls=1 << 30)

    with pytest.raises(SilentError) as caught:
        conversed(pose, _asks_for_ever, tools=tools, limits=limits)

    assert isinstance(caught.value.stop, DeadlineExceededError)
    assert tools.asked


def _asks_for_ever(peer: Channel, heard: list[Any]) -> None:
    while True:
        _say(peer, [asking()], heard)


def test_a_cancellation_is_passed_on_and_the_answer_bears_the_servers_reason(pose: Posed) -> None:
    cancellation = Cancellation()
    cancellation.impose("the policy changed")

    def stops_when_cancelled(peer: Channel, _heard: list[Any]) -> None:
        while not peer.arena.is_cancelled:
            threading.Event().wait(0.001)
        peer.send(result(stop=CANCELLED))

    stop = conversed(pose, stops_when_cancelled, cancellation=cancellation).execution.stop

    assert isinstance(stop, CallCancelledError)
    assert stop.message == "the policy changed"


def test_a_worker_that_goes_on_with_a_cancelled_call_has_little_time(
    pose: Posed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation_module, "LATE_SECONDS", 0.0)
    cancellation = Cancellation()
    cancellation.request()

    with pytest.raises(SilentError) as caught:
        answered(pose, cancellation=cancellation, limits=Limits(deadline_seconds=600))

    assert isinstance(caught.value.stop, CallCancelledError)


def test_the_cancellation_of_one_call_is_not_the_next_ones(pose: Posed) -> None:
    pose.worker.channel.arena.cancel(wanted=True)
    answered(pose, result())
    assert not pose.peer.arena.is_cancelled


# Other tools


def test_what_the_guest_asks_of_other_tools_is_answered(pose: Posed) -> None:
    tools = Others()

    told = answered(pose, asking("search"), asking("describe"), asking(), result(), tools=tools)

    assert tools.asked == [("search", "math", 3), ("describe", "math"), ("call", "math", {"a": 1})]
    assert told.words == [
        ["answer", [{"name": "math"}], "", "", "", False],
        ["answer", {"name": "math"}, "", "", "", False],
        ["answer", None, "call.refused", "no", "tool=math", False],
    ]


def test_a_guest_without_other_tools_is_denied_whatever_its_worker_asks(pose: Posed) -> None:
    ((_, _, code, *_),) = answered(pose, asking(), result()).words
    assert code == DENIED


def test_a_worker_asks_no_more_often_than_its_call_may(pose: Posed) -> None:
    tools = Others()

    told = answered(pose, *[asking()] * 5, result(), tools=tools, limits=Limits(host_calls=2))

    assert len(tools.asked) == 2
    assert [code for _, _, code, *_ in told.words] == ["call.refused"] * 2 + [DENIED] * 3


def test_what_one_side_knows_to_have_been_read_the_other_knows_too(pose: Posed) -> None:
    traces = Traces()

    told = answered(
        pose, asking(), asking(has_read=True), asking(), result(), tools=Others(), traces=traces
    )

    assert traces.has_read
    assert [words[-1] for words in told.words] == [False, True, True]


def test_what_a_result_says_was_read_is_noted_for_the_whole_tree(pose: Posed) -> None:
    traces = Traces()
    answered(pose, result(has_read=True), traces=traces)
    assert traces.has_read
