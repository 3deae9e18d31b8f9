"""From an author's module to WIT and a manifest: hints, docstrings, and what is refused."""

from __future__ import annotations

import enum
import types
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest

from hatchway.policy.manifest import manifest_from_values
from hatchway.sdk import tool
from hatchway.sdk.authoring.describing import described
from hatchway.sdk.authoring.shapes import UnfitError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Tag:
    label: str


@dataclass
class HTTPItem:
    product_name: str
    tags: list[Tag]
    cached: int = field(init=False, default=0)


@dataclass
class Result:
    count: int


class Side(enum.Enum):
    LEFT = "left"
    TOP_MOST = 3


@dataclass
class Endless:
    inner: Endless | None


@dataclass
class Empty:
    pass


@dataclass
class BadField:
    line_2: str


class Nobody(enum.Enum):
    pass


def module(**functions: Callable[..., Any]) -> types.ModuleType:
    made = types.ModuleType("app")
    for name, function in functions.items():
        function.__module__ = "app"
        setattr(made, name, function)
    return made


declared = tool(purpose="Try it")


def test_hints_become_wit() -> None:
    @declared
    def find_all(
        item: HTTPItem,
        side: Side,
        names: dict[str, list[bytes]],
        pair: tuple[int, bool],
        many: tuple[float, ...],
        mode: Literal["fast", "SLOW"] | None,
        limit: Annotated[int, "a bound"] = 10,
    ) -> list[HTTPItem]:
        return []

    found = described(module(find_all=find_all))

    assert found["wit"] == (
        "package local:tool;\n\nworld tool {\n"
        "  record %tag { %label: string }\n"
        "  record %http-item { %product-name: string, %tags: list<%tag> }\n"
        "  enum %side { %left, %top-most }\n"
        "  enum %find-all-mode { %fast, %SLOW }\n"
        "  export %find-all: func(%item: %http-item, %side: %side, "
        "%names: list<tuple<string, list<list<u8>>>>, %pair: tuple<s64, bool>, "
        "%many: list<f64>, %mode: option<%find-all-mode>, %limit: option<s64>) "
        "-> result<list<%http-item>, string>;\n}\n"
    )


def test_what_a_docstring_and_the_decorator_say_becomes_the_manifest() -> None:
    @tool(
        purpose="Look things up",
        title="Look-up",
        reads={"/in": "holds the list"},
        writes=["/out"],
        origins="https://api.example.com",
        env="LANG",
        clock="stamps it",
        random=True,
        optional={"env=MODE": "is faster"},
        read_only=True,
    )
    def look_up(word: str, at_least: int = 1, raw: bytes = b"") -> None:
        """Look a word up.

        Args:
            word: The word.
        """

    found = described(module(look_up=look_up))
    manifest = manifest_from_values({"tools": found["tools"]}, file="app.py")

    (entry,) = manifest.tools
    assert entry.description == "Look a word up."
    assert entry.json == "plain"
    assert entry.parameters == {"word": "The word.", "at_least": "Default: 1."}
    assert entry.annotations.title == "Look-up"
    assert entry.annotations.read_only is True
    assert {str(want.capability): want.reason for want in entry.requires} == {
        "fs.read=/in": "holds the list",
        "fs.write=/out": "Look things up",
        "net.http=https://api.example.com": "Look things up",
        "env=LANG": "Look things up",
        "clock": "stamps it",
        "random": "Look things up",
    }
    assert [str(want.capability) for want in entry.optional] == ["env=MODE"]
    assert "import hatchway:egress/fetch@0.1.0;" in found["wit"]
    assert "result<_, string>" in found["wit"]


def test_a_type_does_not_take_the_name_of_something_that_the_compiler_writes() -> None:
    @declared
    def count() -> Result:
        return Result(1)

    assert "record %result-type" in described(module(count=count))["wit"]


def test_a_decorated_function_is_still_a_plain_function() -> None:
    @declared
    def double(number: int) -> int:
        return number * 2

    assert double(4) == 8


def test_functions_of_other_modules_are_not_tools_of_this_one() -> None:
    @declared
    def own() -> None: ...

    @declared
    def other() -> None: ...

    made = module(own=own, other=other)
    other.__module__ = "elsewhere"

    assert [each["name"] for each in described(made)["tools"]] == ["own"]


# What is refused: every refusal names the function, the parameter and the type.


def takes(hint: Any) -> Callable[..., Any]:
    def function(value: Any) -> None: ...

    function.__annotations__["value"] = hint
    return declared(function)


@pytest.mark.parametrize(
    ("hint", "why"),
    [
        (set[str], "the parameter 'value' (set[str]): this type cannot cross .* use a list"),
        (Any, "use a dataclass, or str with JSON in it"),
        (dict, "use dict"),
        (dict[int, str], "the keys of a dict must be str"),
        (int | str, "a value of several types cannot be told apart"),
        (tuple[()], "a tuple must hold something"),
        (Literal[1, 2], "Literal may hold texts only"),
        (Literal["a b"], "'a b' cannot be one of several choices"),
        (Nobody, "Nobody has no members"),
        (Empty, "Empty has no fields"),
        (Endless, "Endless.inner: the dataclass Endless holds itself"),
        (BadField, "BadField.line_2: the name 'line_2' cannot be used"),
        (list[tuple[str, int]], "cannot be told from dict"),
        (dict[str, list[tuple[str, int]]], "cannot be told from dict"),
        (list[list[set[int]]], "this type cannot cross the border of a tool"),
        ("Missing", "its type hints cannot be resolved: NameError"),
    ],
)
def test_a_type_that_wit_cannot_say_is_refused_with_its_place(hint: Any, why: str) -> None:
    pattern = "^weigh: .*" + why.replace("(", r"\(").replace(")", r"\)").replace("[", r"\[")

    with pytest.raises(UnfitError, match=pattern):
        described(module(weigh=takes(hint)))


def test_a_function_must_say_what_it_takes_and_returns() -> None:
    def silent(value):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - what is refused
        return value

    def half(value: int):  # type: ignore[no-untyped-def]  # noqa: ANN202 - what is refused
        return value

    with pytest.raises(UnfitError, match="silent: the parameter 'value' has no type hint"):
        described(module(silent=declared(silent)))
    with pytest.raises(UnfitError, match="half: it does not say what it returns"):
        described(module(half=declared(half)))


def test_what_has_no_name_for_a_caller_cannot_be_a_parameter() -> None:
    def first(value: int, /) -> None: ...
    def rest(*values: int) -> None: ...
    async def later(value: int) -> None: ...
    def Loud(value: int) -> None: ...  # noqa: N802 - what is refused

    for function, why in (
        (first, "the parameter 'value' has no name for a caller"),
        (rest, "the parameter 'values' has no name for a caller"),
        (later, "it cannot be async"),
        (Loud, "the name 'Loud' cannot be used"),
    ):
        with pytest.raises(UnfitError, match=why):
            described(module(**{function.__name__: declared(function)}))


def test_a_docstring_may_not_speak_of_a_parameter_that_there_is_not() -> None:
    @declared
    def count(text: str) -> int:
        """Count.

        Args:
            texts: The text.
        """
        return 0

    with pytest.raises(UnfitError, match="describes a parameter 'texts' that there is not"):
        described(module(count=count))


def test_a_module_without_tools_is_none() -> None:
    with pytest.raises(UnfitError, match="there is no function with @tool"):
        described(module())


def test_two_types_may_not_have_one_name() -> None:
    @dataclass
    class HttpItem:
        name: str

    def both(one: Any, other: Any) -> None: ...

    both.__annotations__ |= {"one": HTTPItem, "other": HttpItem}
    with pytest.raises(UnfitError, match="two types are called 'http-item'"):
        described(module(both=declared(both)))


@pytest.mark.parametrize(
    "given", [{"purpose": ""}, {"purpose": "x", "reads": [1]}, {"purpose": "x", "env": {"A": ""}}]
)
def test_the_decorator_refuses_what_it_cannot_understand(given: Any) -> None:
    with pytest.raises(TypeError, match="@tool"):
        tool(**given)
