"""What code came to that an interpreter ran."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeException:
    """Why the code did not come to its end, in its own words. Nothing of it is to be believed.

    Attributes:
        kind: The name of the exception's class.
        message: What the exception says.
        traceback: Where it happened, in the code's own lines; empty where there is no such place.
        line: The last line of the code that the traceback names, counted from 1.
    """

    kind: str
    message: str
    traceback: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeResult:
    """The whole of what code came to, for whoever ran it by hand.

    A client gets the same in words, images and files, of which some are bounded.

    Attributes:
        value: What the last expression gave, as JSON would hold it.
        exception: Why the code did not come to its end; None when it did.
        files: What the code made or changed in its workspace, by path below it.
    """

    value: Any = None
    exception: CodeException | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
