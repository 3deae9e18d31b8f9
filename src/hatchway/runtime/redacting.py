"""Taking secrets out of what a call gives back.

The broker keeps a secret away from guests even when a server echoes it. This is the wall
behind that one: whatever a guest says, however it came to know it, no answer, no error and no
event holds a secret of the generation it ran in.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hatchway.core.call import TextContent

if TYPE_CHECKING:
    from hatchway.core.call import Content, Denial, Execution, Outcome
    from hatchway.core.errors import CallError
    from hatchway.core.redaction import Redactor


def outcome_without(redactor: Redactor, outcome: Outcome, found: set[str]) -> Outcome:
    """`outcome` without secrets; the names of those it held are added to `found`.

    All its words are looked at together, so a secret that is split over them is found.
    """
    words = [
        [block.text if isinstance(block, TextContent) else None for block in outcome.content],
        outcome.structured,
        _words_of(outcome.error),
        [[denial.attempted, denial.wanted] for denial in outcome.denials],
    ]
    (texts, structured, said, denials), names = redactor.redact_json(words)
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
