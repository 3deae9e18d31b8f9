"""One run: the code, its inputs, and what came of it."""

from __future__ import annotations

import ast
import asyncio
import atexit
import builtins
import contextlib
import gc
import inspect
import io
import json
import sys
import types
from typing import TYPE_CHECKING, Any

from hatchway.sdk.interpreters.python_guest import streams
from hatchway.sdk.interpreters.python_guest.failures import FILE, Failed, failed, know_source
from hatchway.sdk.interpreters.python_guest.values import shown, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

globals()["__builtins__"] = vars(builtins).copy()

_FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_RESERVE_BYTES = 1 << 20
# Calls through C code (of `__getattr__`, of a cached function, of a key for sorting) take more of
# the stack. With 1,000 of them the sandbox would end the code before Python does, and without
# saying where.
_RECURSION_LIMIT = 600

_compile, _parse = compile, ast.parse
_run_async = asyncio.run
_set_limit, _set_trace, _set_profile = sys.setrecursionlimit, sys.settrace, sys.setprofile
_reserve = bytearray(_RESERVE_BYTES)
_callbacks = atexit._ncallbacks  # noqa: SLF001 - there is no other way to ask
_run_callbacks = atexit._run_exitfuncs  # noqa: SLF001
_objects = gc.get_objects
_FILES = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
_flush = {kind: kind.flush for kind in _FILES}
_known_callbacks = [0]


class Ended(Exception):  # noqa: N818 - it is told to the host, not raised at anybody
    """The code failed."""

    def __init__(self, told: Failed) -> None:
        super().__init__()
        self.told = told


def settle() -> None:
    """The end of the preparations: what is registered now belongs to nobody's code."""
    _known_callbacks[0] = _callbacks()
    _set_limit(_RECURSION_LIMIT)


def run(code: str, inputs: str, workspace: str | None) -> str | None:
    """The value of the last expression as JSON; None where there is none.

    Raises:
        Ended: The code failed.
    """
    try:
        value = _value_of(code, _space(inputs))
        _set_trace(None)
        _set_profile(None)
        _set_limit(_RECURSION_LIMIT)
        answer = None if value is None else text_of(value)
    except BaseException as error:  # noqa: BLE001 - whatever the code raises
        _make_room()
        told = _ending(error, workspace)
        if told is not None:
            raise Ended(told) from None
        answer = None
    finally:
        _close()
    return answer


def _space(inputs: str) -> dict[str, Any]:
    """The variables of a new `__main__`."""
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    space = main.__dict__
    space["__builtins__"] = builtins
    space.update(json.loads(inputs))
    return space


def _value_of(code: str, space: dict[str, Any]) -> Any:
    """Run all of `code`; the value of its last expression."""
    know_source(code)
    tree = _parse(code, FILE)
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr):
        _execute(tree, "exec", space)
        return None
    tree.body.pop()
    if tree.body:
        _execute(tree, "exec", space)
        # A tracer would be called for every function of ours from here on.
        _set_trace(None)
        _set_profile(None)
    return _execute(ast.Expression(last.value), "eval", space)


def _execute(tree: ast.Module | ast.Expression, mode: str, space: dict[str, Any]) -> Any:
    compiled = _compile(tree, FILE, mode, _FLAGS, dont_inherit=True)
    if compiled.co_flags & inspect.CO_COROUTINE:
        return _run_async(_awaited(eval(compiled, space)))  # noqa: S307 - that is what it is for
    return eval(compiled, space)  # noqa: S307


async def _awaited(coroutine: Any) -> Any:
    return await coroutine


def _make_room() -> None:
    """Whatever state the code left: let there be memory and stack for telling why it failed."""
    _set_limit(_RECURSION_LIMIT)
    _set_trace(None)
    _set_profile(None)
    _reserve.clear()


def _ending(error: BaseException, workspace: str | None) -> Failed | None:
    """What is told of an exception that nobody caught; None where it means success."""
    if isinstance(error, SystemExit):
        if error.code is None or error.code == 0:
            return None
        return Failed(
            "SystemExit", shown_code(error.code), f"SystemExit: {shown_code(error.code)}\n"
        )
    try:
        return failed(error, workspace)
    except BaseException:  # noqa: BLE001 - not even that
        return Failed("Exception", "the code failed, and nothing can be told of it", "")


def shown_code(code: object) -> str:
    """What a program said when it gave up."""
    return code[:4000] if isinstance(code, str) else shown(code)


def _close() -> None:
    """What the end of a process would do: call back, and write out what is still held."""
    _set_trace(None)
    _set_profile(None)
    if _callbacks() > _known_callbacks[0]:
        _quietly(_run_callbacks)
    _quietly(_write_out)
    streams.STDOUT.flush()
    streams.STDERR.flush()


def _write_out() -> None:
    """What open files still hold."""
    for thing in _objects():
        if type(thing) in _FILES:
            _quietly(_flush[type(thing)], thing)


def _quietly(act: Callable[..., object], *arguments: object) -> None:
    # It is too late for anybody to hear of it.
    with contextlib.suppress(BaseException):
        act(*arguments)
