"""Exceptions of the code, as CPython would print them, with no lines but the code's own."""

from __future__ import annotations

import builtins
import linecache
import sys
import traceback
import types
from typing import TYPE_CHECKING, Any, NamedTuple

from hatchway.sdk.interpreters.python_guest.library import REASONS
from hatchway.sdk.interpreters.python_guest.values import name_of, shown, valid

if TYPE_CHECKING:
    from collections.abc import Callable

globals()["__builtins__"] = vars(builtins).copy()

FILE = "code.py"
MAX_KIND = 200
MAX_MESSAGE = 4000
MAX_TRACEBACK = 16_000
_MOST_LINKED = 20
_MOST_FRAMES = 400

_Trace = traceback.TracebackException
_cache = linecache.cache
_set = object.__setattr__


class Failed(NamedTuple):
    """Why the code did not come to its end."""

    kind: str
    message: str
    traceback: str


def know_source(code: str) -> None:
    """Let tracebacks show the lines of `code`."""
    _cache[FILE] = (len(code), None, code.splitlines(keepends=True), FILE)


def failed(error: BaseException, workspace: str | None) -> Failed:
    """What is told of `error`."""
    kind = name_of(type(error))
    message = _said(error)
    try:
        _without_others(error, _own(workspace))
        lines = list(_Trace(type(error), error, error.__traceback__, compact=True).format())
        told = "".join(lines)
    except BaseException:  # noqa: BLE001 - the code's own exception, or what it did to the library
        told = f"{kind}: {message}\n"
    told = f"{told}{_more(error)}"
    return Failed(
        kind=valid(kind[:MAX_KIND]),
        message=_cut(valid(message), MAX_MESSAGE),
        traceback=_cut(valid(told), MAX_TRACEBACK),
    )


def tell_unraisable(problem: Any) -> None:
    """`sys.unraisablehook`: like CPython's own, which would look for source files."""
    error = problem.exc_value
    if error is None:
        return
    where = problem.err_msg or "Exception ignored in"
    if problem.object is not None:
        where = f"{where}: {shown(problem.object)}"
    sys.stderr.write(f"{where}\n{failed(error, None).traceback}")


def _own(workspace: str | None) -> Callable[[str], bool]:
    inside = f"{workspace}/" if workspace else None
    return lambda file: file == FILE or (inside is not None and file.startswith(inside))


def _without_others(error: BaseException, is_own: Callable[[str], bool]) -> None:
    """Leave only the code's own frames in `error` and in what led to it."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting and len(seen) < _MOST_LINKED:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        # Some exceptions are frozen, or say that they are.
        BaseException.with_traceback(one, _filtered(one.__traceback__, is_own))
        waiting += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
    for one in waiting:
        if one is not None:
            BaseException.with_traceback(one, None)
            _set(one, "__cause__", None)
            _set(one, "__context__", None)


def _filtered(
    trace: types.TracebackType | None, is_own: Callable[[str], bool]
) -> types.TracebackType | None:
    own = []
    while trace is not None:
        if is_own(trace.tb_frame.f_code.co_filename):
            own.append(trace)
        trace = trace.tb_next
    if len(own) > _MOST_FRAMES:
        own = own[: _MOST_FRAMES // 2] + own[-_MOST_FRAMES // 2 :]
    linked = None
    for one in reversed(own):
        linked = types.TracebackType(linked, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return linked


def _said(error: BaseException) -> str:
    try:
        text = str.__str__(str(error))[: 2 * MAX_MESSAGE]
    except BaseException:  # noqa: BLE001 - the code's own method
        return "<exception str() failed>"
    if isinstance(error, MemoryError) and not text:
        return "there is no more memory: the limit of the call was reached"
    return text


def _more(error: BaseException) -> str:
    """What a reader would not know about modules that are not there."""
    if not isinstance(error, ModuleNotFoundError) or not isinstance(error.name, str):
        return ""
    top = error.name.partition(".")[0].lstrip("_")
    reason = REASONS.get(top)
    if reason is None:
        reason = "it is not in the standard library, and nothing can be installed here"
    return f"({top}: {reason})\n"


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
