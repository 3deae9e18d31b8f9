"""`from hatchway import Sandbox`: run code that somebody, or something, wrote a moment ago."""

from __future__ import annotations

import inspect
import sys
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio
import anyio.from_thread
import anyio.to_thread

from hatchway.compose.asked import Asked
from hatchway.compose.functions import checked_functions
from hatchway.compose.outcome import code_outcome
from hatchway.compose.running import Watcher, Workplace
from hatchway.core.call import Cancellation
from hatchway.core.untrusted import harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType
    from typing import Self

    from hatchway.compose.asked import Duration, Size
    from hatchway.compose.outcome import CodeOutcome
    from hatchway.core.isolation import Isolation
    from hatchway.core.surface import Compiler

Events: TypeAlias = "bool | Callable[[Mapping[str, Any]], object]"
"""Whether events are written to the event log, or what is told of each instead."""

Progress: TypeAlias = "bool | Callable[[str], object] | None"
"""Whether slow first steps are told on stderr, or what is told of them; None where a person
is likely to look."""


class Sandbox:
    """Runs code, each time in a fresh instance that starts with nothing but what was asked for.

    It may be used for any number of runs, from any number of threads. Making one is cheap: the
    engine and the interpreters are shared by all sandboxes of a process. The first use of a
    language builds its interpreter and compiles it, which takes seconds, once for a user.

    It keeps the policy it began with: `hatchway revoke` and `hatchway remove` do not reach a
    sandbox that has run code with `tools`. Make a new one to see what the policy says now.

        with Sandbox(deadline="2s") as box:
            outcome = box.python("sum(rows)", inputs={"rows": [1, 2]})

    Args:
        memory: The most memory of one run, such as `"128MiB"`, or a number of bytes.
        deadline: The most wall-clock time of one run, such as `"2s"`, or a number of seconds.
        fuel: The most Wasm operations. By default more than the deadline leaves time for.
        output: The most bytes that a run may print and give back, files included.
        scratch: The size of the private directory in which the code starts; 0 for none.
        limits: Other limits, by the keys of a policy: `host_calls`, `instances`, ….
        allow: What the code may touch, in the grammar of `--allow`.
        secrets: What the broker puts into its requests: tables as in a policy.
        functions: Functions of this program that the code may call, by name, as
            `tools.call(NAME, ...)`. They run outside the sandbox with all your power, and what
            they are called with is written by the code.
        tools: Admitted tools that the code may call, as `NAME` or `NAME.FUNCTION`.
        config: The policy those are looked up in; by default the nearest one.
        events: Whether events are written to the event log. A function is told of each instead.
        progress: Whether slow first steps are told on stderr; by default where it is a terminal.
        compiler: `"cranelift"` or `"winch"`; by default the one that fits.
        isolation: `"thread"` or `"worker"`: in this process, or in one of its own that gave up
            everything the code was not allowed. By default a worker for what may use the network.

    Raises:
        ConfigError: Something is misspelt, contradicts itself or can never be granted.
    """

    def __init__(  # noqa: PLR0913 - every one has a name and a default
        self,
        *,
        memory: Size | None = None,
        deadline: Duration | None = None,
        fuel: int | None = None,
        output: Size | None = None,
        scratch: Size | None = None,
        limits: Mapping[str, str | int] | None = None,
        allow: Iterable[str] = (),
        secrets: Iterable[Mapping[str, str]] = (),
        functions: Mapping[str, Callable[..., Any]] | None = None,
        tools: Iterable[str] = (),
        config: str | Path | None = None,
        events: Events = True,
        progress: Progress = None,
        compiler: Compiler | None = None,
        isolation: Isolation | None = None,
    ) -> None:
        named = {
            "memory": memory,
            "deadline": deadline,
            "fuel": fuel,
            "output": output,
            "scratch": scratch,
        }
        given = {key: value for key, value in named.items() if value is not None}
        checked = checked_functions(functions or {}, may_await=self._may_await)
        self._place = Workplace(
            Asked(
                allow=(*allow, *(f"tool={name}" for name in tools)),
                secrets=tuple(secrets),
                limits={**(limits or {}), **given},
                compiler=compiler,
                isolation=isolation,
            ),
            config=None if config is None else Path(config),
            sink=None if events is True else Watcher(events or None),
            tell=_teller(progress),
            functions={name: self._called(each) for name, each in checked.items()},
        )

    _may_await = False

    def _called(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """What is called for `function`, from the thread of a run."""
        return function

    def python(
        self,
        code: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        files: Mapping[str, bytes | str] | None = None,
    ) -> CodeOutcome:
        """Run Python.

        Args:
            code: It, from top to bottom; the value of its last expression is the result.
            inputs: Variables of the code. They travel as JSON.
            files: What lies in its working directory when it starts, by relative path.

        Raises:
            HatchwayError: It cannot be run at all: no interpreter, no event log, a bug of ours.
        """
        return self.run("python", code, inputs=inputs, files=files)

    def javascript(
        self,
        code: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        files: Mapping[str, bytes | str] | None = None,
    ) -> CodeOutcome:
        """Run JavaScript; otherwise like `python`."""
        return self.run("javascript", code, inputs=inputs, files=files)

    def run(
        self,
        language: str,
        code: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        files: Mapping[str, bytes | str] | None = None,
        cancellation: Cancellation | None = None,
    ) -> CodeOutcome:
        """Run code in any language there is an interpreter for.

        Args:
            language: `"python"` or `"javascript"`.
            code: It.
            inputs: Variables of the code. They travel as JSON.
            files: What lies in its working directory when it starts, by relative path.
            cancellation: A flag by which another thread can stop it.

        Raises:
            HatchwayError: It cannot be run at all.
        """
        outcome = self._place.run(language, code, inputs or {}, files or {}, cancellation)
        return code_outcome(outcome)

    def prepare(self, *languages: str) -> None:
        """Do now what the first run of each language would wait for.

        Raises:
            HatchwayError: Something of it cannot be had.
        """
        for language in languages or ("python",):
            self._place.prepare(language)

    def close(self) -> None:
        """Begin no more runs; those that run go on to their end."""
        self._place.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class _AwaitingSandbox(Sandbox):
    """A sandbox whose functions may be coroutine functions of the loop that awaits the run."""

    _may_await = True

    def _called(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if not inspect.iscoroutinefunction(function):
            return function

        @wraps(function)
        def awaited(**arguments: Any) -> Any:
            return anyio.from_thread.run(partial(function, **arguments))

        return awaited


class AsyncSandbox:
    """A `Sandbox` whose runs are awaited. Each runs on a worker thread.

    When the task that awaits a run is cancelled, the guest is stopped. Functions may be coroutine
    functions; they run on the event loop.

    Args:
        at_once: How many runs may go on at the same time; others wait.
        arguments: As for `Sandbox`.

    Raises:
        ConfigError: Something is misspelt, contradicts itself or can never be granted.
    """

    def __init__(self, *, at_once: int = 8, **arguments: Any) -> None:
        self._box = _AwaitingSandbox(**arguments)
        self._limiter = anyio.CapacityLimiter(at_once)

    async def python(
        self,
        code: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        files: Mapping[str, bytes | str] | None = None,
    ) -> CodeOutcome:
        """Run Python; see `Sandbox.python`."""
        return await self.run("python", code, inputs=inputs, files=files)

    async def javascript(
        self,
        code: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        files: Mapping[str, bytes | str] | None = None,
    ) -> CodeOutcome:
        """Run JavaScript; see `Sandbox.python`."""
        return await self.run("javascript", code, inputs=inputs, files=files)

    async def run(
        self,
        language: str,
        code: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        files: Mapping[str, bytes | str] | None = None,
    ) -> CodeOutcome:
        """Run code in any language there is an interpreter for; see `Sandbox.run`."""
        cancellation = Cancellation()
        run = partial(
            self._box.run, language, code, inputs=inputs, files=files, cancellation=cancellation
        )
        try:
            return await anyio.to_thread.run_sync(
                run, abandon_on_cancel=True, limiter=self._limiter
            )
        finally:
            cancellation.request()  # whatever the reason for leaving, nobody waits any more

    async def prepare(self, *languages: str) -> None:
        """Do now what the first run of each language would wait for."""
        await anyio.to_thread.run_sync(partial(self._box.prepare, *languages))

    async def aclose(self) -> None:
        """Begin no more runs; those that run go on to their end."""
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._box.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


def _teller(progress: Progress) -> Callable[[str], None]:
    if callable(progress):
        told = progress

        def tell(words: str) -> None:
            told(words)

        return tell
    if progress is None:
        progress = sys.stderr is not None and sys.stderr.isatty()
    return _say if progress else _ignore


def _say(words: str) -> None:
    sys.stderr.write(f"hatchway: {harmless(words)}\n")


def _ignore(_words: str) -> None:
    """Nobody wants to know."""
