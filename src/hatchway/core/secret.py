"""Values that must not be seen."""

from __future__ import annotations

import hmac


class Secret:
    """A value that does not show itself: its `repr` and `str` are ``Secret(…)``."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one place that needs it."""
        return self._value

    def matches(self, presented: str) -> bool:
        """Whether `presented` is this secret, in time that does not depend on where it differs."""
        return hmac.compare_digest(self._value.encode(), presented.encode("utf-8", "replace"))

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__
