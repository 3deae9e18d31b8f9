"""The inside of a component: what componentize-py calls, and the author's functions behind it."""

from __future__ import annotations

import io
import linecache
import sys
from typing import TYPE_CHECKING, Any

from hatchway.sdk.authoring.declaring import ToolError
from hatchway.sdk.authoring.reading import signatures_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import ModuleType

    from hatchway.sdk.authoring.reading import Signature

_MOST_FRAMES = 8
_MOST_WORDS = 4000


def world_class(
    module: ModuleType,
    world: ModuleType,
    failure: type[Exception],
    *,
    own: tuple[str, ...],
    has_output: bool,
) -> type:
    """The class that componentize-py looks for.

    Args:
        module: The author's.
        world: Written by componentize-py: a class for every type of the world.
        failure: What is raised to answer with `err`.
        own: The author's files, by their paths below the project.
        has_output: Whether the component can write anywhere. If not, what is printed is lost.
    """
    signatures, _ = signatures_of(module)
    sources = _kept_sources(own)
    if not has_output:
        # Without a host's streams a single `print` would end the tool.
        sys.stdout, sys.stderr, sys.stdin = io.StringIO(), io.StringIO(), io.StringIO()
    methods = {each.name: _method(each, sources, world, failure) for each in signatures}
    return type("WitWorld", (), methods)


def _method(
    signature: Signature, sources: Mapping[str, Sequence[str]], world: Any, failure: Any
) -> Callable[..., Any]:
    def answer(_self: object, *values: Any) -> Any:
        try:
            given = {
                each.name: each.shape.take(value, world)
                for each, value in zip(signature.parameters, values, strict=True)
                if not (value is None and each.has_default)
            }
            found = signature.function(**given)
            if signature.result is None:
                return None
            return signature.result.give(found, f"the result of {signature.name}", world)
        except ToolError as error:
            raise failure(_words(error) or type(error).__name__) from None
        except Exception as error:  # noqa: BLE001 - whatever the author's function raises
            raise failure(explained(error, sources)) from None

    return answer


def explained(error: Exception, sources: Mapping[str, Sequence[str]]) -> str:
    """What went wrong, and where in the author's own files.

    Nothing is looked up on disk: in a component that asks for no files, trying to ends the tool.

    Args:
        error: What the function raised.
        sources: The lines of the author's files, by the names that code objects have.
    """
    said = _words(error)
    lines = [f"{type(error).__name__}: {said}" if said else type(error).__name__]
    lines += [_place(*found) for found in _frames(error, sources)][-_MOST_FRAMES:]
    return "\n".join(lines)[:_MOST_WORDS]


def _frames(
    error: Exception, sources: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, int, str, str]]:
    step = error.__traceback__
    while step is not None:
        code, number = step.tb_frame.f_code, step.tb_lineno
        own = sources.get(code.co_filename)
        if own is not None:
            text = own[number - 1].strip() if number <= len(own) else ""
            yield code.co_filename, number, code.co_name, text
        step = step.tb_next


def _place(file: str, number: int, function: str, text: str) -> str:
    place = f"  {file.rpartition('/')[2]}, line {number}, in {function}"
    return f"{place}: {text}" if text else place


def _words(error: Exception) -> str:
    try:
        return str(error)[:_MOST_WORDS]
    except Exception:  # noqa: BLE001 - a broken __str__ of the author's
        return ""


def _kept_sources(own: tuple[str, ...]) -> Mapping[str, Sequence[str]]:
    """The lines of the author's files, which are not there any more when the tool runs."""
    found: dict[str, Sequence[str]] = {}
    for each in list(sys.modules.values()):
        file = getattr(each, "__file__", None) or ""
        if file.endswith(tuple(f"/{path}" for path in own)):
            found[file] = linecache.getlines(file)
    return found
