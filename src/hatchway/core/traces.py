"""What the calls of one tree have left behind by looking around."""

from __future__ import annotations


class Traces:
    """Whether anything private was read. One for a call and everything it calls.

    Calls of one tree run on one thread, one at a time; the broker reads and sets it on another.
    It only ever goes from False to True.

    Attributes:
        has_read: A directory of the host was asked about anything, whatever the answer was, or
            an origin whose answers are private.
    """

    __slots__ = ("has_read",)

    def __init__(self) -> None:
        self.has_read = False
