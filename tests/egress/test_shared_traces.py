"""Calls inside each other that use the network: what one of them has read, the others have read."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from audit_texts import tool_named
from egress_calls import Line, Recorded, broker_of, call_of, grant, request_to
from egress_servers import echo, serving, serving_raw, silent

from hatchway.core.exchange import Kind, frame
from hatchway.core.traces import Traces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from egress_servers import Origin

    from hatchway.core.egress import EgressGrant, Ticket


@pytest.fixture
def private() -> Iterator[Origin]:
    with serving(echo) as it:
        yield it


@pytest.fixture
def sink() -> Iterator[Origin]:
    """A server that takes everything and says nothing."""
    with serving_raw(silent) as it:
        yield it


class Tree:
    """Calls of one tree, each with a grant of its own, on one broker."""

    def __init__(self, stack: ExitStack, traces: Traces) -> None:
        self._broker, self.events = stack.enter_context(broker_of())
        self._stack = stack
        self._traces = traces

    def admits(self, granted: EgressGrant) -> Ticket:
        """A call that is on the network until the tree is over."""
        admitted = self._broker.admit(call_of(), tool_named("fetch"), granted, self._traces)
        return self._stack.enter_context(admitted)

    def asks(self, ticket: Ticket) -> Line:
        """A request of one of its calls."""
        return self._stack.enter_context(Line(ticket))

    def begins(self, granted: EgressGrant) -> Line:
        """The only request of another call."""
        return self.asks(self.admits(granted))


@pytest.fixture
def traces() -> Traces:
    return Traces()


@pytest.fixture
def tree(traces: Traces) -> Iterator[Tree]:
    with ExitStack() as stack:
        yield Tree(stack, traces)


def read(tree: Tree, private: Origin) -> None:
    """Another call of the tree gets an answer that is private."""
    line = tree.begins(grant(f"{private.url};internal;private", after_private=[]))
    line.head(request_to(private.url))
    line.end()
    assert line.answer().status == 200


def rules(events: Recorded) -> list[str | None]:
    return [trace.rule for trace in events if trace.method == "POST"]


@pytest.mark.claim("egress.flow")
def test_a_request_under_way_takes_nothing_along_that_another_call_has_read(
    tree: Tree, private: Origin, sink: Origin
) -> None:
    line = tree.begins(grant(f"{sink.url};internal", after_private=[]))
    line.head(request_to(sink.url, "POST"))
    line.data(b"harmless so far")
    assert sink.is_reached(1)

    read(tree, private)
    # The inside half looks at the traces before it sends more, and says what it saw.
    line.raw(frame(Kind.PRIVATE))
    line.data(b"what it read")
    answer = line.answer()

    assert (answer.error, answer.rule) == ("HTTP-request-denied", "egress.private_flow")
    assert rules(tree.events) == ["egress.private_flow"]


@pytest.mark.claim("egress.flow")
def test_every_request_that_a_call_has_under_way_is_stopped(
    tree: Tree, private: Origin, sink: Origin
) -> None:
    call = tree.admits(grant(f"{sink.url};internal", after_private=[]))
    lines = [tree.asks(call), tree.asks(call)]
    for line in lines:
        line.head(request_to(sink.url, "POST"))
        line.data(b"harmless so far")
    assert sink.is_reached(2)

    read(tree, private)
    lines[0].raw(frame(Kind.PRIVATE))

    assert [line.answer().rule for line in lines] == ["egress.private_flow"] * 2


@pytest.mark.claim("egress.flow")
def test_a_request_that_begins_after_another_call_read_a_file_is_denied(
    tree: Tree, traces: Traces, private: Origin
) -> None:
    traces.has_read = True

    line = tree.begins(grant(f"{private.url};internal", after_private=[]))
    line.head(request_to(private.url, "POST"))
    line.end()

    assert line.answer().rule == "egress.private_flow"
    assert private.connections == 0


def test_where_it_may_go_after_a_private_read_another_call_goes_on(
    tree: Tree, private: Origin
) -> None:
    with serving(echo) as allowed:
        granted = grant(f"{allowed.url};internal", after_private=[allowed.url])
        line = tree.begins(granted)
        line.head(request_to(allowed.url, "POST"))
        line.data(b"some ")
        read(tree, private)
        line.raw(frame(Kind.PRIVATE))
        line.data(b"more")
        line.end()

        assert line.answer().status == 200


def test_calls_of_two_trees_have_read_nothing_of_each_other(private: Origin) -> None:
    with ExitStack() as stack:
        one, other = Tree(stack, Traces()), Tree(stack, Traces())
        read(one, private)

        line = other.begins(grant(f"{private.url};internal", after_private=[]))
        line.head(request_to(private.url, "POST"))
        line.end()

        assert line.answer().status == 200
