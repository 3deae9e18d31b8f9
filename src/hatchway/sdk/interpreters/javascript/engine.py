"""QuickJS, and the preparation that turns it into an interpreter of ours.

The engine is a guest already while it is prepared: wasmtime runs it without any import that
does something, and with a bounded amount of fuel.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchway.sdk.interpreters.javascript.snapshot import with_memory

if TYPE_CHECKING:
    from collections.abc import Mapping

    import wasmtime

GUEST = Path(__file__).parent / "guest"

HOST_FUNCTIONS = "oertwcdskmbapfguqxl"
"""What the prelude is given, a letter each; `adapter/hosting.wat` says what they do."""

_PRELUDE = (
    "base", "shown", "console", "chance", "timers", "bytes", "files", "tools", "json", "failure",
    "ask",
)  # fmt: skip
"""Its parts, which share one scope."""

_STACK_BYTES = 300_000
"""About 1,200 calls inside each other; the engine gives up before the native stack is full."""
_STACK_END = 1 << 20
"""The engine's C stack lies at the beginning of its memory; between calls nothing is in it."""
_GC_THRESHOLD_BYTES = 1 << 20
_FUEL = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The engine with the prelude inside.

    Attributes:
        module: The WebAssembly module.
        ask: The handle of the prelude's function `ask`.
        space: Where the adapter's memory begins.
    """

    module: bytes
    ask: int
    space: int


def prepared(published: bytes, space_bytes: int, contents: Mapping[int, bytes]) -> Prepared:
    """The engine once it has started and read the prelude.

    Args:
        published: The engine.
        space_bytes: How much memory is set aside for the adapter.
        contents: What is in it, by where it begins there.
    """
    run = _Run(published)
    run("_initialize")
    assert run("qjs_init") == 0
    for letter in HOST_FUNCTIONS:
        run.give(letter)
    ask = run.evaluate(_prelude())
    space = run("wasm_malloc", space_bytes)
    run.write(space, bytes(space_bytes))
    for at, content in contents.items():
        run.write(space + at, content)
    for setting, value in (
        ("interrupt_handler", 1),
        ("promise_rejection_handler", 1),
        ("module_loader", 1),
        ("max_stack_size", _STACK_BYTES),
        ("gc_threshold", _GC_THRESHOLD_BYTES),
    ):
        run(f"qjs_set_{setting}", value)
    run("qjs_run_gc")
    return Prepared(module=with_memory(run.module, run.memory()), ask=ask, space=space)


def assembled(text: str) -> bytes:
    """The binary of a module or component in text form."""
    import wasmtime

    return bytes(wasmtime.wat2wasm(text))


def _prelude() -> str:
    parts = [(GUEST / "prelude" / f"{name}.js").read_text() for name in _PRELUDE]
    return "(() => {'use strict';\n" + "".join(parts) + "})()"


class _Run:
    """The engine while it is prepared."""

    def __init__(self, module: bytes) -> None:
        import wasmtime

        self.module = module
        config = wasmtime.Config()
        config.consume_fuel = True
        engine = wasmtime.Engine(config)
        self._store = wasmtime.Store(engine)
        self._store.set_fuel(_FUEL)
        compiled = wasmtime.Module(engine, module)
        functions = [self._import(each) for each in compiled.imports]
        instance = wasmtime.Instance(self._store, compiled, functions)
        self._exports: Any = instance.exports(self._store)

    def __call__(self, name: str, *arguments: int) -> int:
        answer: int = self._exports[name](self._store, *arguments)
        return answer

    def write(self, at: int, content: bytes) -> None:
        self._exports["memory"].write(self._store, content, at)

    def memory(self) -> bytes:
        """All of it, without what calls have left on the stack.

        Its one global is the stack's pointer, which every call puts back.
        """
        assert self._exports["__stack_pointer"].value(self._store) == _STACK_END
        content = bytes(self._exports["memory"].read(self._store))
        return bytes(_STACK_END) + content[_STACK_END:]

    def give(self, letter: str) -> None:
        """Let the prelude have the host function of that letter."""
        name = self._text(letter)
        function = self("qjs_new_host_function", name, len(letter), 0)
        self(
            "qjs_set_prop_string", self("qjs_get_global"), self._text(f"__host_{letter}"), function
        )

    def evaluate(self, program: str) -> int:
        """The value of the program, as a handle."""
        text = self._text(program)
        value = self("qjs_eval", text, len(program.encode()), self._text("hatchway"), 0)
        self("wasm_free", text)
        assert not self("qjs_is_exception", value)
        return value

    def _text(self, text: str) -> int:
        content = text.encode() + b"\0"
        at = self("wasm_malloc", len(content))
        self.write(at, content)
        return at

    def _import(self, wanted: wasmtime.ImportType) -> wasmtime.Func:
        import wasmtime

        kind = wanted.type
        assert isinstance(kind, wasmtime.FuncType)
        nothing = 0 if kind.results else None

        def answer(*arguments: int) -> int | None:
            if wanted.name == "clock_time_get":
                self.write(arguments[2], bytes(8))
            if wanted.name == "random_get":
                self.write(arguments[0], bytes(arguments[1]))
            return nothing

        return wasmtime.Func(self._store, kind, answer)
