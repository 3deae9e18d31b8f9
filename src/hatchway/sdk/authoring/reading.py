"""From the hints of a function to its shapes."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
import types
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from hatchway.sdk.authoring.declaring import declaration_of
from hatchway.sdk.authoring.docstrings import words_of
from hatchway.sdk.authoring.shapes import (
    Choice,
    Fields,
    Fixed,
    Many,
    Mapped,
    Maybe,
    Plain,
    Shape,
    UnfitError,
    label,
    type_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hatchway.sdk.authoring.declaring import Declaration
    from hatchway.sdk.authoring.docstrings import Words

    _Named = TypeVar("_Named", Choice, Fields)

_PLAIN = {
    str: Plain("string", str),
    int: Plain("s64", int),
    float: Plain("f64", float),
    bool: Plain("bool", bool),
    bytes: Plain("list<u8>", bytes),
}
_INSTEAD = {
    set: "a list",
    frozenset: "a list",
    dict: "dict[str, T]",
    list: "list[T]",
    tuple: "tuple[A, B] or list[T]",
    object: "a dataclass that says what it holds",
    Any: "a dataclass, or str with JSON in it",
    complex: "two floats",
}
_CASE = re.compile(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*|[A-Z][A-Z0-9]*(-[A-Z][A-Z0-9]*)*")
_DEEPEST = 24


@dataclass(frozen=True)
class Parameter:
    """One parameter of a tool.

    Attributes:
        shape: What it is; an option when the author gave it a default.
        has_default: Whether it is left out of the call when nothing was given.
    """

    name: str
    shape: Shape
    has_default: bool
    description: str


@dataclass(frozen=True)
class Signature:
    """One tool of a module.

    Attributes:
        name: The function's own.
        result: None when it returns nothing.
    """

    name: str
    function: Callable[..., Any]
    declaration: Declaration
    parameters: tuple[Parameter, ...]
    result: Shape | None
    words: Words


class Types:
    """The records and enumerations that the functions of one module share."""

    def __init__(self) -> None:
        self._named: dict[str, Choice | Fields] = {}
        self._owners: dict[str, Any] = {}
        self._open: list[type] = []

    @property
    def definitions(self) -> list[str]:
        """Every named type in WIT, each after those it uses."""
        return [each.definition for each in self._named.values()]

    def shape(self, hint: Any, name: str) -> Shape:  # noqa: C901 - one case for every kind
        """The shape of a hint.

        Args:
            hint: As `typing.get_type_hints` resolves it.
            name: What an enumeration is called that has no name of its own.

        Raises:
            UnfitError: WIT has nothing like it.
        """
        if isinstance(hint, type) and hint in _PLAIN:
            return _PLAIN[hint]
        if len(self._open) > _DEEPEST:
            message = f"it nests deeper than {_DEEPEST} levels"
            raise UnfitError(message)
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin is typing.Annotated:
            return self.shape(arguments[0], name)
        if origin is typing.Literal:
            return self._literal(arguments, name)
        if origin in (typing.Union, types.UnionType):
            return self._union(arguments, name)
        if origin is list:
            return Many(self.shape(arguments[0], name), list)
        if origin is dict:
            return self._dict(arguments, name)
        if origin is tuple:
            return self._tuple(arguments, name)
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            return self._enumeration(hint)
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            return self._record(hint)
        raise UnfitError(_refused(hint))

    def _union(self, members: tuple[Any, ...], name: str) -> Shape:
        some = [member for member in members if member is not type(None)]
        if len(some) == len(members) or len(some) != 1:
            message = "a value of several types cannot be told apart; use a dataclass with options"
            raise UnfitError(message)
        return Maybe(self.shape(some[0], name))

    def _dict(self, arguments: tuple[Any, ...], name: str) -> Shape:
        if arguments[0] is not str:
            message = "the keys of a dict must be str, as in JSON"
            raise UnfitError(message)
        return Mapped(self.shape(arguments[1], name))

    def _tuple(self, arguments: tuple[Any, ...], name: str) -> Shape:
        if not arguments:
            message = "a tuple must hold something"
            raise UnfitError(message)
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return Many(self.shape(arguments[0], name), tuple)
        return Fixed(tuple(self.shape(each, name) for each in arguments))

    def _literal(self, values: tuple[Any, ...], name: str) -> Shape:
        if not all(isinstance(value, str) for value in values):
            message = "Literal may hold texts only"
            raise UnfitError(message)
        return self._choice(type_name(name), values, values, values)

    def _enumeration(self, kind: type[enum.Enum]) -> Shape:
        members = tuple(kind)
        if not members:
            message = f"the enumeration {kind.__name__} has no members"
            raise UnfitError(message)
        spelled = tuple(
            each.value if isinstance(each.value, str) else each.name.lower().replace("_", "-")
            for each in members
        )
        return self._choice(type_name(kind.__name__), spelled, members, kind)

    def _choice(
        self, name: str, labels: tuple[str, ...], values: tuple[Any, ...], owner: Any
    ) -> Choice:
        for each in labels:
            if not _CASE.fullmatch(each):
                message = (
                    f"{each!r} cannot be one of several choices: write words of small letters "
                    "or of capitals, with dashes between them"
                )
                raise UnfitError(message)
        return self._own(Choice(name, labels, values), owner)

    def _record(self, kind: type) -> Shape:
        if kind in self._open:
            message = f"the dataclass {kind.__name__} holds itself, which WIT cannot say"
            raise UnfitError(message)
        self._open.append(kind)
        try:
            hints = typing.get_type_hints(kind, include_extras=True)
            shapes = {
                each.name: self._field(kind, each.name, hints[each.name])
                for each in dataclasses.fields(kind)
                if each.init
            }
        finally:
            self._open.pop()
        if not shapes:
            message = f"the dataclass {kind.__name__} has no fields"
            raise UnfitError(message)
        return self._own(Fields(type_name(kind.__name__), kind, shapes), kind)

    def _field(self, kind: type, name: str, hint: Any) -> Shape:
        try:
            label(name)
            return self.shape(hint, f"{kind.__name__}_{name}")
        except UnfitError as error:
            message = f"{kind.__name__}.{name}: {error}"
            raise UnfitError(message) from error

    def _own(self, found: _Named, owner: Any) -> _Named:
        """`found`, under a name that no other type has."""
        if self._owners.setdefault(found.name, owner) != owner:
            message = f"two types are called {found.name!r}"
            raise UnfitError(message)
        self._named.setdefault(found.name, found)
        return found


def signatures_of(module: types.ModuleType) -> tuple[tuple[Signature, ...], Types]:
    """The tools of a module in the order of its text, and the types they share.

    Raises:
        UnfitError: One cannot become a tool; it names function, parameter and type.
    """
    found: list[Signature] = []
    known = Types()
    for name, value in list(vars(module).items()):
        declaration = declaration_of(value)
        if declaration is None or getattr(value, "__module__", None) != module.__name__:
            continue
        try:
            found.append(_signature(name, value, declaration, known))
        except UnfitError as error:
            message = f"{name}: {error}"
            raise UnfitError(message) from error
    if not found:
        message = "there is no function with @tool(purpose=…) in it"
        raise UnfitError(message)
    return tuple(found), known


def _signature(
    name: str, function: Callable[..., Any], declaration: Declaration, known: Types
) -> Signature:
    label(name)
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        message = "a tool is an ordinary function; it cannot be async or a generator"
        raise UnfitError(message)
    hints = _hints(function)
    words = words_of(function.__doc__)
    parameters = tuple(
        _parameter(each, hints, known, name, words.parameters.get(each.name, ""))
        for each in inspect.signature(function).parameters.values()
    )
    if unknown := words.parameters.keys() - {each.name for each in parameters}:
        message = f"the docstring describes a parameter {min(unknown)!r} that there is not"
        raise UnfitError(message)
    if "return" not in hints:
        message = "it does not say what it returns; write -> None if it returns nothing"
        raise UnfitError(message)
    result = None
    if hints["return"] is not type(None):
        result = _in_place("the result", hints["return"], f"{name}_result", known)
    signature = Signature(name, function, declaration, parameters, result, words)
    _require_one_kind_of_pairs(signature)
    return signature


def _hints(function: Callable[..., Any]) -> Mapping[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception as error:
        message = f"its type hints cannot be resolved: {type(error).__name__}: {error}"
        raise UnfitError(message) from error


def _parameter(
    parameter: inspect.Parameter,
    hints: Mapping[str, Any],
    known: Types,
    function: str,
    description: str,
) -> Parameter:
    where = f"the parameter {parameter.name!r}"
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        message = f"{where} has no name for a caller; * and / are not possible in a tool"
        raise UnfitError(message)
    if parameter.name not in hints:
        message = f"{where} has no type hint"
        raise UnfitError(message)
    shape = _in_place(where, hints[parameter.name], f"{function}_{parameter.name}", known)
    label(parameter.name)
    has_default = parameter.default is not parameter.empty
    if has_default:
        shape = shape if isinstance(shape, Maybe) else Maybe(shape)
        description = _with_default(description, parameter.default)
    return Parameter(parameter.name, shape, has_default, description)


def _with_default(description: str, default: Any) -> str:
    if isinstance(default, enum.Enum):
        default = default.value
    if not isinstance(default, str | int | float | bool):
        return description
    said = f"Default: {default!r}."
    return f"{description} {said}" if description else said


def _in_place(where: str, hint: Any, name: str, known: Types) -> Shape:
    try:
        return known.shape(hint, name)
    except UnfitError as error:
        message = f"{where} ({_spelled(hint)}): {error}"
        raise UnfitError(message) from error


def _require_one_kind_of_pairs(signature: Signature) -> None:
    """Refuse `list[tuple[str, T]]`: in WIT it is what a dict is, and would become an object."""
    for shape in (*(each.shape for each in signature.parameters), signature.result):
        if shape is not None and _has_pairs(shape):
            message = "list[tuple[str, T]] cannot be told from dict[str, T]; use a dict or a class"
            raise UnfitError(message)


def _has_pairs(shape: Shape) -> bool:
    match shape:
        case Many(Fixed((Plain("string"), _)), _):
            return True
        case Many(inner, _) | Maybe(inner) | Mapped(inner):
            return _has_pairs(inner)
        case Fixed(elements):
            return any(map(_has_pairs, elements))
        case Fields(_, _, shapes):
            return any(map(_has_pairs, shapes.values()))
        case _:
            return False


def _refused(hint: Any) -> str:
    origin = typing.get_origin(hint) or hint
    try:
        instead = _INSTEAD.get(origin)
    except TypeError:
        instead = None
    said = "this type cannot cross the border of a tool"
    return f"{said}; use {instead}" if instead else said


def _spelled(hint: Any) -> str:
    if isinstance(hint, type) and not typing.get_args(hint):
        return hint.__name__
    return str(hint).replace("typing.", "")
