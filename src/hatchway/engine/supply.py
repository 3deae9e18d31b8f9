"""Where compiled code comes from: the cache, what was just compiled, or the compile child.

Code is handed out as a sealed descriptor. Nothing here loads it.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from typing import IO, TYPE_CHECKING, NamedTuple

from hatchway.core.errors import InternalError
from hatchway.engine.cache import Description
from hatchway.engine.compiling import compile_artifact
from hatchway.engine.extism.kernel import kernel as kernel_bytes
from hatchway.engine.extism.kernel import kernel_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatchway.core.surface import Compilation, Compiler
    from hatchway.engine.cache import CompiledCache
    from hatchway.engine.compiling import CompileBudgets

Code = tuple[str, "Compiler | None"]
"""What code is asked for: an artifact's digest, and the compiler that was pinned."""


class Sealed(NamedTuple):
    """Compiled code on its way to whoever loads it.

    Attributes:
        descriptor: Of a copy that nobody can change any more.
    """

    code: Code
    description: Description
    descriptor: int


class NoCodeError(InternalError):
    """It was not compiled yet, or what was compiled is gone."""


class Supply:
    """Finds compiled code, and has it compiled; each is compiled by one thread only.

    Args:
        artifacts: Gives the bytes of an artifact whose compiled code must be built again.
        cache: Where compiled code is kept; None keeps it in memory until it is loaded.
        budgets: What compiling may cost.
        confinement: Says what the compile child calls before it reads, when one is needed.
    """

    def __init__(
        self,
        *,
        artifacts: Callable[[str], bytes],
        cache: CompiledCache | None,
        budgets: CompileBudgets,
        confinement: Callable[[], str | None],
    ) -> None:
        self._artifacts = artifacts
        self._cache = cache
        self._budgets = budgets
        self._confinement = confinement
        self._descriptions: dict[Code, Description] = {}
        self._held: dict[Code, IO[bytes]] = {}
        self._building: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        weakref.finalize(self, _close, self._held)

    def description(self, code: Code) -> Description | None:
        """What is known of `code` without loading it."""
        known = self._descriptions.get(code)
        if known is not None or self._cache is None:
            return known
        for compiler in _candidates(code[1]):
            found = self._cache.description(code[0], compiler)
            if found is not None and _serves(found.compilation, code[1]):
                return found
        return None

    def prepare(self, code: Code, artifact: bytes | None = None) -> Description:
        """What is known of `code`, which is compiled unless that was done before.

        Raises:
            AdmissionError: It cannot be compiled, or does not fit this host.
        """
        with self._one_at_a_time(code):
            known = self.description(code) or self._compile(code, artifact)
        if known.surface.is_plugin:
            self.prepare((kernel_digest(), known.compilation.compiler), kernel_bytes())
        return known

    def compile(self, code: Code, artifact: bytes | None = None) -> None:
        """Compile `code`, whatever there is of it."""
        with self._one_at_a_time(code):
            self._compile(code, artifact)

    @contextlib.contextmanager
    def stored(self, code: Code) -> Iterator[Sealed]:
        """Compiled code that is there.

        Raises:
            NoCodeError: There is none.
        """
        digest, pinned = code
        with self._lock:
            held = self._held.get(code)
            # Another one, because whoever loads it elsewhere may let go of it any time.
            descriptor = None if held is None else os.dup(held.fileno())
        if descriptor is not None:
            try:
                yield Sealed(code, self._descriptions[code], descriptor)
            finally:
                os.close(descriptor)
            return
        for compiler in _candidates(pinned):
            if self._cache is None:
                break
            with self._cache.code(digest, compiler) as entry:
                if entry is not None and _serves(entry[0].compilation, pinned):
                    yield Sealed(code, *entry)
                    return
        message = "compiled code is not where it was put"
        raise NoCodeError(message)

    @contextlib.contextmanager
    def sealed(self, code: Code, artifact: bytes | None = None) -> Iterator[Sealed]:
        """Compiled code, which may have to be compiled for it.

        Raises:
            AdmissionError: It cannot be compiled, or does not fit this host.
        """
        with contextlib.ExitStack() as stack:
            try:
                found = stack.enter_context(self.stored(code))
            except NoCodeError:
                found = stack.enter_context(self._compiled(code, artifact))
            yield found

    @contextlib.contextmanager
    def _compiled(self, code: Code, artifact: bytes | None) -> Iterator[Sealed]:
        with contextlib.ExitStack() as stack:
            with self._one_at_a_time(code):
                try:
                    found = stack.enter_context(self.stored(code))
                except NoCodeError:
                    self._compile(code, artifact)
                    found = stack.enter_context(self.stored(code))
            yield found

    def loaded(self, sealed: Sealed) -> None:
        """Let go of what is held for the first run, which has loaded it."""
        self._descriptions[sealed.code] = sealed.description
        with self._lock:
            held = self._held.pop(sealed.code, None)
        if held is not None:
            held.close()

    def _compile(self, code: Code, artifact: bytes | None) -> Description:
        data = self._artifacts(code[0]) if artifact is None else artifact
        compiled = compile_artifact(data, self._budgets, code[1], self._confinement())
        description = Description(compiled.surface, compiled.compilation)
        if self._cache is not None and self._cache.put(code[0], description, compiled.code):
            compiled.code.close()
        else:
            with self._lock:
                before = self._held.get(code)
                self._held[code] = compiled.code
            if before is not None:
                before.close()
        self._descriptions[code] = description
        return description

    @contextlib.contextmanager
    def _one_at_a_time(self, code: Code) -> Iterator[None]:
        with self._lock:
            building = self._building.setdefault(code[0], threading.Lock())
        with building:
            yield


def _close(held: dict[Code, IO[bytes]]) -> None:
    for stream in held.values():
        stream.close()


def _candidates(pinned: Compiler | None) -> tuple[Compiler, ...]:
    """Whose code would do, the best first."""
    return ("cranelift", "winch") if pinned is None else (pinned,)


def _serves(compilation: Compilation, pinned: Compiler | None) -> bool:
    """Whether code that was made so is what a tool gets.

    Where nobody pinned Winch, its code is used only if Cranelift gave up on the artifact, not
    because another tool asked for it.
    """
    is_first = compilation.compiler == "cranelift" or compilation.given_up is not None
    return compilation.compiler == pinned or (pinned is None and is_first)
