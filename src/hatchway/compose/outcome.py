"""What one run of code came to, as a library gives it back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hatchway.core.call import NOTHING_GATED, Usage
from hatchway.core.code import CodeResult
from hatchway.core.errors import CodeError
from hatchway.runtime.media import IMAGES, media_type_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.core.call import Denial, Gated, Outcome
    from hatchway.core.code import CodeException
    from hatchway.core.errors import CallError


_UNMEASURED = Usage()


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeOutcome:
    """What one run of code came to, whether it went well or not.

    Whatever the code did wrong is data: nothing is raised for it but by `unwrap`.

    Attributes:
        value: What the last expression gave, as JSON holds it.
        stdout: What the code printed. Bytes that are not UTF-8 are replaced.
        stderr: The same for stderr.
        exception: Why the code did not come to its end, in its own words.
        error: Why Hatchway stopped the code, or never ran it: a deadline, fuel, memory, output,
            a trap.
        files: What the code made or changed in its working directory, by path below it.
        usage: What the run consumed.
        denials: What the code tried without a grant.
        gated: How often it read a substitute for the clock, randomness or the environment.
    """

    value: Any = None
    stdout: str = ""
    stderr: str = ""
    exception: CodeException | None = None
    error: CallError | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    usage: Usage = _UNMEASURED
    denials: tuple[Denial, ...] = ()
    gated: Gated = NOTHING_GATED

    @property
    def ok(self) -> bool:
        """Whether the code came to its end."""
        return self.exception is None and self.error is None

    @property
    def images(self) -> Mapping[str, str]:
        """Which of the files are images, by their content and their name: the media types."""
        kinds = {name: media_type_of(name, data) for name, data in self.files.items()}
        return {name: kind for name, kind in kinds.items() if kind in IMAGES}

    def unwrap(self) -> Any:
        """The value.

        Raises:
            CodeError: The code did not come to its end. Its `code` is that of `error` where
                Hatchway stopped it.
        """
        if self.error is not None:
            error = self.error
            raise CodeError(
                error.message, code=error.code, hint=error.hint, details=error.details
            ) from error
        if self.exception is not None:
            raise CodeError(
                f"{self.exception.kind}: {self.exception.message}", exception=self.exception
            )
        return self.value


def code_outcome(outcome: Outcome) -> CodeOutcome:
    """An answer of the runtime as a library gives it back."""
    result = outcome.code or CodeResult()
    return CodeOutcome(
        value=result.value,
        stdout=outcome.stdout.decode("utf-8", "replace"),
        stderr=outcome.stderr.decode("utf-8", "replace"),
        exception=result.exception,
        error=outcome.error,
        files=result.files,
        usage=outcome.usage,
        denials=outcome.denials,
        gated=outcome.gated,
    )
