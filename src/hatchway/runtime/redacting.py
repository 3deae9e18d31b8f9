"""Taking secrets out of what a call gives back.

The broker keeps a secret away from guests even when a server echoes it. This is the wall
behind that one: whatever a guest says, however it came to know it, no answer, no error and no
event holds a secret of the generation it ran in.

A guest can write what takes long to look through. So that has an end as well, and what was not
looked through by then stays here.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from hatchway.core.call import Outcome, TextContent
from hatchway.core.code import CodeResult
from hatchway.core.errors import UncheckedOutputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.core.call import Content, Denial, Execution
    from hatchway.core.errors import CallError
    from hatchway.core.redaction import Redactor

_LEAST_SECONDS = 0.25
"""For a call with less, or with nothing left: an answer of ordinary size takes a fraction."""

_FACTS = ("trap", "exit_code")
"""What is known of an error that no guest can have put into words."""


class Clean(NamedTuple):
    """What may leave.

    Attributes:
        names: Of the secrets that were taken out.
    """

    outcome: Outcome
    execution: Execution | None
    names: list[str]


def cleaned(
    redactor: Redactor, outcome: Outcome, execution: Execution | None, seconds: float
) -> Clean:
    """Answer and run without secrets, or without the answer when that takes over `seconds`.

    What the host itself noted, denials and frames, is bounded and always looked through.
    """
    found: set[str] = set()
    try:
        watched = redactor.watched(_until(max(seconds, _LEAST_SECONDS)))
        outcome = outcome_without(watched, outcome, found)
    except _OverdueError:
        outcome = outcome_without(redactor, _withheld(outcome), found)
    if execution is not None:
        execution = without_secrets(redactor, execution, found)
    return Clean(outcome, execution, sorted(found))


class _OverdueError(Exception):
    """Looking takes too long."""


def _until(seconds: float) -> Callable[[], None]:
    ends_at = time.monotonic() + seconds

    def check() -> None:
        if time.monotonic() > ends_at:
            raise _OverdueError

    return check


def _withheld(outcome: Outcome) -> Outcome:
    """An error instead of all that the guest said; what stopped it stays the reason."""
    message = "the answer was withheld: looking through it for secrets took too long"
    why = outcome.error
    error: CallError = UncheckedOutputError(message)
    if why is not None:
        known = {name: fact for name, fact in why.details.items() if name in _FACTS}
        error = type(why)(message, code=why.code, details=known)
    return Outcome(
        content=(TextContent(text=message),),
        is_error=True,
        error=error,
        usage=outcome.usage,
        denials=outcome.denials,
        gated=outcome.gated,
    )


def outcome_without(redactor: Redactor, outcome: Outcome, found: set[str]) -> Outcome:
    """`outcome` without secrets; the names of those it held are added to `found`.

    All its words are looked at together, so a secret that is split over them is found.
    """
    words = [
        [block.text if isinstance(block, TextContent) else None for block in outcome.content],
        outcome.structured,
        _words_of(outcome.error),
        [[denial.attempted, denial.wanted] for denial in outcome.denials],
        _words_of_code(outcome.code),
    ]
    (texts, structured, said, denials, code), names = redactor.redact_json(words)
    found.update(names)
    return outcome._replace(
        content=tuple(
            replace(block, text=text)
            if isinstance(block, TextContent)
            else _binary(redactor, block, found)
            for block, text in zip(outcome.content, texts, strict=True)
        ),
        structured=structured,
        error=_saying(outcome.error, said),
        denials=_denials(outcome.denials, denials),
        stdout=_stdout(redactor, outcome, texts, found),
        stderr=_bytes(redactor, outcome.stderr, found),
        code=_code(redactor, outcome.code, code, found),
    )


def without_secrets(redactor: Redactor, execution: Execution, found: set[str]) -> Execution:
    """`execution` without secrets in what its events will say; their names go to `found`."""
    words = [
        list(execution.frames),
        [[denial.attempted, denial.wanted] for denial in execution.denials],
    ]
    (frames, denials), names = redactor.redact_json(words)
    found.update(names)
    return execution._replace(frames=tuple(frames), denials=_denials(execution.denials, denials))


def _binary(redactor: Redactor, block: Content, found: set[str]) -> Content:
    assert not isinstance(block, TextContent)
    return replace(block, data=_bytes(redactor, block.data, found))


def _stdout(redactor: Redactor, outcome: Outcome, texts: list[Any], found: set[str]) -> bytes:
    """Clean standard output; it is looked through once where it is the answer as well."""
    for block, text in zip(outcome.content, texts, strict=True):
        if isinstance(block, TextContent) and block.text.encode() == outcome.stdout:
            clean: bytes = text.encode()
            return clean
    return _bytes(redactor, outcome.stdout, found)


def _bytes(redactor: Redactor, data: bytes, found: set[str]) -> bytes:
    clean, names = redactor.redact_bytes(data)
    found.update(names)
    return clean


def _words_of_code(code: CodeResult | None) -> list[Any]:
    if code is None:
        return []
    said = code.exception
    words = None if said is None else [said.kind, said.message, said.traceback]
    return [code.value, words, list(code.files)]


def _code(
    redactor: Redactor, code: CodeResult | None, words: list[Any], found: set[str]
) -> CodeResult | None:
    """What code came to, in clean words, with clean files."""
    if code is None:
        return None
    value, said, names = words
    exception = code.exception
    if exception is not None:
        kind, message, traceback = said
        exception = replace(exception, kind=kind, message=message, traceback=traceback)
    files = {
        name: _bytes(redactor, data, found)
        for name, data in zip(names, code.files.values(), strict=True)
    }
    return CodeResult(value=value, exception=exception, files=files)


def _words_of(error: CallError | None) -> list[Any]:
    return [] if error is None else [error.message, error.details, error.hint]


def _saying(error: CallError | None, words: list[Any]) -> CallError | None:
    """The same kind of error in clean words: guests choose some of them."""
    if error is None or words == _words_of(error):
        return error
    message, details, hint = words
    return type(error)(message, code=error.code, hint=hint, details=details)


def _denials(denials: tuple[Denial, ...], words: list[list[str]]) -> tuple[Denial, ...]:
    return tuple(
        replace(denial, attempted=attempted, wanted=wanted)
        for denial, (attempted, wanted) in zip(denials, words, strict=True)
    )
