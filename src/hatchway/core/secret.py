"""Values that must not be seen."""

from __future__ import annotations

import hmac
from typing import NoReturn, final


@final
class Secret:
    """A value that does not show itself: its `repr` and `str` are ``Secret(…)``.

    It is equal to another of the same value, cannot be changed, and is not written anywhere:
    pickling it fails, and so does handing it to another process.
    """

    __slots__ = ("_value",)

    _value: str

    def __init__(self, value: str) -> None:
        object.__setattr__(self, "_value", value)

    def reveal(self) -> str:
        """The value itself, for the one place that needs it."""
        return self._value

    def matches(self, presented: str) -> bool:
        """Whether `presented` is this secret, in time that does not depend on where it differs."""
        return hmac.compare_digest(
            self._value.encode("utf-8", "surrogatepass"),
            presented.encode("utf-8", "surrogatepass"),
        )

    def __eq__(self, other: object) -> bool:
        return self.matches(other._value) if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        # The same for all: a number made from the value would say something about it.
        return hash(Secret)

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __setattr__(self, name: str, value: object) -> NoReturn:
        message = "a secret cannot be changed"
        raise AttributeError(message)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        message = "a secret is not written anywhere"
        raise TypeError(message)
