"""What was read is remembered, and never forgotten."""

from __future__ import annotations

import pytest

from hatchway.core.traces import Traces


def test_nothing_was_read_at_first_and_what_was_stays_read() -> None:
    traces = Traces()

    before = traces.has_read
    traces.has_read = True

    assert (before, traces.has_read) == (False, True)


def test_nothing_else_can_be_noted() -> None:
    with pytest.raises(AttributeError):
        Traces().has_forgotten = True  # type: ignore[attr-defined]
