"""The inside of a component, without a component: values both ways, and how failures are told."""

from __future__ import annotations

import enum
import sys
import types
from dataclasses import dataclass, make_dataclass
from typing import TYPE_CHECKING, Any

import pytest

from hatchway.sdk import ToolError, fetch, tool
from hatchway.sdk.authoring.answering import world_class

if TYPE_CHECKING:
    from collections.abc import Callable

declared = tool(purpose="Try it")


class Err(Exception):  # noqa: N818 - its name there
    """As componentize-py has it."""

    @property
    def value(self) -> Any:
        return self.args[0]


@dataclass
class Point:
    x_axis: int
    name: str | None = None


class Side(enum.Enum):
    LEFT = "left"
    RIGHT = "right"


# What componentize-py would write for the two types above.
WORLD = types.SimpleNamespace(
    Point=make_dataclass("Point", ["x_axis", "name"]), Side=enum.Enum("Side", {"A": 0, "B": 1})
)


@pytest.fixture(autouse=True)
def _streams(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, getattr(sys, name))


def component(*functions: Callable[..., Any], has_output: bool = True) -> Any:
    module = types.ModuleType("app")
    for function in functions:
        function.__module__ = "app"
        setattr(module, function.__name__, function)
    own = (__file__.rpartition("/")[2],)
    made = world_class(module, WORLD, Err, own=own, has_output=has_output)  # type: ignore[arg-type]  # a namespace will do
    return made()


def test_values_are_the_authors_own_inside_and_wits_outside() -> None:
    seen: list[Any] = []

    @declared
    def turn(
        points: list[Point], side: Side, by_name: dict[str, float], pair: tuple[int, str]
    ) -> dict[str, Point]:
        seen.extend([points, side, by_name, pair])
        return {"first": points[0]}

    point = WORLD.Point(3, None)
    found = component(turn).turn([point], WORLD.Side.B, [("a", 1.5)], (1, "x"))

    assert seen == [[Point(x_axis=3)], Side.RIGHT, {"a": 1.5}, (1, "x")]
    assert found == [("first", point)]


def test_a_parameter_that_was_left_out_has_its_default() -> None:
    @declared
    def repeat(word: str, times: int = 2, mark: str | None = "!") -> str:
        return word * times + str(mark)

    assert component(repeat).repeat("a", None, None) == "aa!"
    assert component(repeat).repeat("a", 3, "?") == "aaa?"


def test_nothing_is_a_result_too() -> None:
    @declared
    def rest() -> None: ...

    assert component(rest).rest() is None


def test_choices_and_bytes_and_whole_numbers_go_out_as_what_they_were_promised_to_be() -> None:
    @declared
    def side() -> Side:
        return Side.RIGHT

    @declared
    def numbers() -> tuple[float, bytes, int | None]:
        return 1, bytearray(b"x"), None  # type: ignore[return-value]  # what authors do

    assert component(side).side() is WORLD.Side.B
    assert component(numbers).numbers() == (1.0, b"x", None)


class Unprintable:
    def __repr__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    ("hint", "value", "why"),
    [
        (int, "3", "the result of give must be int, got '3'"),
        (int, True, "must be int, got True"),
        (int, 1 << 63, "does not fit into 64 bits"),
        (list[int], 3, "must be list, got 3"),
        (list[int], [1, "b"], r"the result of give\[1\] must be int"),
        (dict[str, int], [], "must be dict"),
        (dict[str, int], {1: 1}, "must have texts as keys"),
        (dict[str, int], {"a": "b"}, r"give\['a'\] must be int"),
        (tuple[int, str], (1,), "must be a tuple of 2"),
        (Point, {}, "must be Point"),
        (Point, Point(x_axis="a"), r"give\.x_axis must be int"),  # type: ignore[arg-type]  # so
        (Side, "left", "must be one of"),
        (str, Unprintable(), "must be str, got Unprintable"),
        (str, None, "must be str, got None"),
    ],
)
def test_a_result_that_breaks_its_promise_fails_with_its_place(
    hint: Any, value: Any, why: str
) -> None:
    def give() -> Any:
        return value

    give.__annotations__["return"] = hint

    with pytest.raises(Err, match=f"^WrongValueError: .*{why}"):
        component(declared(give)).give()


def test_an_exception_tells_its_words_and_the_authors_own_lines() -> None:
    def inner(text: str) -> float:
        return float(text)

    @declared
    def read(text: str) -> float:
        return inner(text)

    with pytest.raises(Err) as raised:
        component(read).read("three")

    lines = str(raised.value.value).splitlines()
    assert lines[0] == "ValueError: could not convert string to float: 'three'"
    assert [line.partition(", in ")[2] for line in lines[1:]] == [
        "read: return inner(text)",
        "inner: return float(text)",
    ]


def test_a_tool_error_tells_its_words_alone() -> None:
    @declared
    def refuse(text: str) -> None:
        raise ToolError(text)

    with pytest.raises(Err, match=r"^not today$"):
        component(refuse).refuse("not today")
    with pytest.raises(Err, match=r"^ToolError$"):
        component(refuse).refuse("")


class Mute(Exception):  # noqa: N818 - as authors name them
    def __str__(self) -> str:
        raise ValueError


def test_an_exception_that_cannot_speak_is_told_by_its_name() -> None:
    @declared
    def fail() -> None:
        raise Mute

    with pytest.raises(Err, match=r"^Mute\n"):
        component(fail).fail()


def test_what_is_printed_is_lost_where_there_is_no_output() -> None:
    @declared
    def talk() -> str:
        print("hello")
        return "said"

    assert component(talk, has_output=False).talk() == "said"


def test_the_web_is_there_inside_a_component_only() -> None:
    with pytest.raises(RuntimeError, match="inside the sandbox only"):
        fetch("https://example.com")
