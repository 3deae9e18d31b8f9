"""Which entries a call can set in motion."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from strategies import patient

from hatchway.core.capability import Clock, ToolUse
from hatchway.policy.document import ToolPolicy
from hatchway.policy.reach import reach, reach_in_words

NAMES = ("a", "b", "c", "d")
graphs = st.dictionaries(
    st.sampled_from(NAMES), st.lists(st.sampled_from((*NAMES, "absent")), max_size=4)
)


def entries(**granted: list[str]) -> dict[str, ToolPolicy]:
    """An entry for each, that was granted those tools."""
    return {
        name: ToolPolicy(
            name=name,
            source=f"{name}.wasm",
            allow=(Clock(), *(ToolUse(tool=tool) for tool in tools)),
        )
        for name, tools in granted.items()
    }


def test_an_entry_reaches_itself_and_what_it_was_granted_in_order() -> None:
    known = entries(python=["math", "weather"], math=[], weather=["store"], store=[], other=[])

    assert reach(known, "python") == ("python", "math", "weather", "store")
    assert reach(known, "other") == ("other",)


def test_a_grant_of_one_function_reaches_the_entry() -> None:
    known = entries(math=[]) | {
        "python": ToolPolicy(
            name="python", source="x.wasm", allow=(ToolUse(tool="math", function="add"),)
        )
    }

    assert reach(known, "python") == ("python", "math")


def test_tools_that_call_each_other_are_named_once() -> None:
    known = entries(a=["b"], b=["a", "b"])

    assert reach(known, "a") == ("a", "b")


def test_what_is_not_there_is_not_reached() -> None:
    assert reach(entries(a=["absent"]), "a") == ("a",)
    assert reach({}, "a") == ()


def test_in_words_each_is_named_with_what_it_holds_itself() -> None:
    known = entries(python=["math"], math=[]) | {
        "python": ToolPolicy(name="python", source="x.wasm", allow=(ToolUse(tool="math"),))
    }

    assert reach_in_words(known, "python") == "python (nothing), math (clock)"


@patient
@given(graphs, st.sampled_from(NAMES))
def test_what_is_reached_is_closed_and_nothing_else_is(
    graph: dict[str, list[str]], name: str
) -> None:
    known = entries(**graph)

    found = reach(known, name)

    assert len(set(found)) == len(found)
    assert set(found) <= set(known)
    for each in found:
        assert {tool for tool in graph[each] if tool in known} <= set(found)
    # Each one but the first is granted to one before it.
    for at, each in enumerate(found[1:], start=1):
        assert any(each in graph[before] for before in found[:at])
