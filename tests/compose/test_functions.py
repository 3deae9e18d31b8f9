"""Functions of the program that the code may call: JSON in, JSON out, and nothing of the host."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway import ToolError
from hatchway.compose.functions import HostFunctions, checked_functions
from hatchway.core.errors import ConfigError
from hatchway.core.tools import ToolAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
)


class Others:
    """Tools that tell their names."""

    def search(self, query: str, most: int) -> Sequence[Mapping[str, Any]]:
        return [{"name": "weather", "description": query}] * most

    def describe(self, name: str) -> ToolAnswer:
        return ToolAnswer(f"describes {name}")

    def call(self, name: str, arguments: Mapping[str, Any]) -> ToolAnswer:
        return ToolAnswer([name, dict(arguments)])


def functions(**named: Callable[..., Any]) -> HostFunctions:
    return HostFunctions(checked_functions(named, may_await=False), Others())


def customer(name: str, *, years: int = 1, tags: list[str] | None = None) -> dict[str, Any]:
    """Look a customer up."""
    return {"name": name, "years": years, "tags": tags}


def test_a_function_gets_its_arguments_by_name() -> None:
    answer = functions(customer=customer).call("customer", {"name": "Ada", "years": 2})

    assert answer == ToolAnswer({"name": "Ada", "years": 2, "tags": None})


@pytest.mark.parametrize(
    "value", [[0] * 100_001, "x" * (8 << 20 | 1), 1 << 200], ids=["many", "long", "large"]
)
def test_arguments_that_no_tool_would_get_do_not_reach_a_function(value: Any) -> None:
    called: list[Any] = []

    answer = functions(take=called.append).call("take", {"object": value})

    assert answer.code == "call.invalid_arguments"
    assert answer.message.startswith("take: ")
    assert called == []


@given(VALUES)
def test_what_a_function_gives_is_a_copy_of_its_json(value: Any) -> None:
    answer = functions(get=lambda: value).call("get", {})

    assert answer.value == value
    assert not answer.code


@pytest.mark.parametrize("arguments", [{}, {"nam": "x"}, {"name": "x", "more": 1}])
def test_arguments_that_do_not_fit_never_reach_the_function(arguments: dict[str, Any]) -> None:
    answer = functions(customer=customer).call("customer", arguments)

    assert answer.code == "call.invalid_arguments"
    assert answer.message.startswith("customer: ")


def test_of_an_exception_the_code_learns_its_class_only(caplog: pytest.LogCaptureFixture) -> None:
    def read() -> str:
        raise FileNotFoundError(2, "No such file", "/srv/private/customers.db")

    with caplog.at_level(logging.WARNING):
        answer = functions(read=read).call("read", {})

    assert answer == ToolAnswer(code="call.failed", message="read failed: FileNotFoundError")
    assert "/srv/private" in caplog.text  # the program's own log has all of it


def test_a_function_can_say_in_its_own_words_why_it_failed() -> None:
    def find() -> None:
        message = "there is no customer 7"
        raise ToolError(message)

    answer = functions(find=find).call("find", {})

    assert answer == ToolAnswer(code="call.failed", message="there is no customer 7")


def test_whoever_interrupts_the_program_is_not_kept_from_it() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        functions(interrupted=interrupted).call("interrupted", {})


@pytest.mark.parametrize("value", [{1, 2}, object(), float("nan"), b"bytes", "circle", "deep"])
def test_what_is_no_json_does_not_leave(value: Any) -> None:
    if value == "circle":
        value = []
        value.append(value)
    if value == "deep":
        for _ in range(100):
            value = [value]

    answer = functions(get=lambda: value).call("get", {})

    assert answer == ToolAnswer(code="call.failed", message="get gave no JSON")


def test_other_tools_are_asked_for_what_is_no_function() -> None:
    both = functions(customer=customer)

    assert both.call("weather", {"city": "Ulm"}) == ToolAnswer(["weather", {"city": "Ulm"}])
    assert both.describe("weather") == ToolAnswer("describes weather")
    assert [found["name"] for found in both.search("customer", 3)] == [
        "customer",
        "weather",
        "weather",
    ]
    assert [found["name"] for found in both.search("rain", 1)] == ["weather"]
    assert both.search("", 1) == [{"name": "customer", "description": "Look a customer up."}]


def test_a_function_is_described_by_its_signature() -> None:
    answer = functions(customer=customer).describe("customer")

    assert answer.value == {
        "name": "customer",
        "description": "Look a customer up.",
        "input": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "years": {"type": "integer"}, "tags": {}},
            "required": ["name"],
            "additionalProperties": False,
        },
        "output": {},
    }


def test_a_function_that_takes_anything_says_so() -> None:
    def anything(first, /, *rest: Any, **named: Any) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - a signature without types
        """Take it."""

    answer = functions(anything=anything, c=max).describe("anything")

    assert answer.value["input"]["additionalProperties"] is True
    assert answer.value["input"]["properties"] == {}
    assert functions(largest=max).describe("largest").value["input"]["additionalProperties"]


@pytest.mark.parametrize("name", ["", "a b", "a.b", "x" * 65, "é"])
def test_a_function_has_a_name_that_a_tool_could_have(name: str) -> None:
    with pytest.raises(ConfigError, match="no name for a function"):
        checked_functions({name: print}, may_await=False)


def test_what_cannot_be_called_is_no_function() -> None:
    with pytest.raises(ConfigError, match="cannot be called: it is a int"):
        checked_functions({"one": 1}, may_await=False)


def test_a_coroutine_function_needs_somebody_who_awaits_it() -> None:
    async def later() -> None: ...

    with pytest.raises(ConfigError) as raised:
        checked_functions({"later": later}, may_await=False)

    assert raised.value.hint == "AsyncSandbox awaits them"
    assert checked_functions({"later": later}, may_await=True) == {"later": later}
