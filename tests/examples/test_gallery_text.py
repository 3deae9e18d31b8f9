"""The tools of the gallery that take text: regular expressions, units and graphs."""

from __future__ import annotations

import functools
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from guests import grant, sandbox, stop_code
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import often
from workbench import ask, workbench

from hatchway.core.sandbox import CommandInvocation
from hatchway.registry.store import digest_of

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SVG = "{http://www.w3.org/2000/svg}"


@functools.cache
def digest(name: str) -> str:
    artifact = (EXAMPLES / name / f"{name}.wasm").read_bytes()
    sandbox().prepare(artifact, digest_of(artifact))
    return digest_of(artifact)


def run(name: str, stdin: str | bytes, *arguments: str) -> Any:
    """A run of a tool with the default limits and no grants."""
    words = tuple(word.encode() for word in (name, *arguments))
    data = stdin.encode() if isinstance(stdin, str) else stdin
    invocation = CommandInvocation(arguments=words, stdin=data)
    return sandbox().run(digest(name), invocation, grant(), None)


def answer(name: str, stdin: str, *arguments: str) -> Any:
    execution = run(name, stdin, *arguments)
    assert execution.stop is None, execution.stderr
    return json.loads(execution.stdout)


def said(name: str, stdin: str, *arguments: str) -> str:
    """What a run that fails says."""
    execution = run(name, stdin, *arguments)
    assert stop_code(execution) == "guest.exited"
    return str(execution.stderr.decode())


# Regular expressions


def test_every_match_is_found_with_its_place_in_characters_and_its_groups() -> None:
    found = answer("regex", "é=1, ü=22", "find", "--", r"(\w)=(\d+)|(x)")

    assert found["matches"] == [
        {"start": 0, "text": "é=1", "groups": ["é", "1", None]},
        {"start": 5, "text": "ü=22", "groups": ["ü", "22", None]},
    ]
    assert found["is_cut"] is False


def test_lines_and_letters_of_either_case_are_found_when_asked_for() -> None:
    plain = answer("regex", "a\nA\n", "find", "--", "^a$")
    both = answer("regex", "a\nA\n", "--ignore-case", "--lines", "find", "--", "^a$")
    after_newline = answer("regex", "x\na", "--lines", "find", "--", "\n|^a")

    assert plain["matches"] == []
    assert [match["start"] for match in both["matches"]] == [0, 2]
    assert [match["text"] for match in after_newline["matches"]] == ["\n", "a"]


def test_a_replacement_names_groups() -> None:
    replaced = answer("regex", "ada@e.org, x", "replace", "--", r"(\w+)@(\w+)", r"\2\\\1-\0")

    assert replaced == {"replacements": 1, "text": "e\\ada-ada@e.org, x"}


_PATTERNS = st.recursive(
    st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "é", r"\d", "(b)"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        inner.map("({})*".format),
        inner.map("({})?".format),
        inner.map("({}){{2}}".format),
    ),
    max_leaves=6,
)


@given(_PATTERNS, st.text("abé1\n", max_size=12))
@settings(deadline=None, max_examples=often(60))
def test_where_nothing_can_be_longer_it_matches_what_python_matches(
    pattern: str, text: str
) -> None:
    found = answer("regex", text, "find", "--", pattern)

    first = re.compile(pattern, re.DOTALL).search(text)
    # The leftmost match begins at the same place; POSIX then takes the longest.
    assert bool(found["matches"]) is (first is not None)
    assume(first is not None)
    assert first is not None
    match = found["matches"][0]
    assert match["start"] == first.start()
    assert len(match["text"]) >= len(first[0])
    assert re.fullmatch(pattern, match["text"], re.DOTALL)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("(a+)+$b", "a" * 20_000), ("(a|a)*b", "a" * 20_000), ("(a*)*(a*)*b", "a" * 5_000)],
)
def test_a_pattern_that_would_make_others_explode_ends_soon(pattern: str, text: str) -> None:
    assert answer("regex", text, "find", "--", pattern)["matches"] == []


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("(", "Missing ')'"),
        ("[", "Missing ']'"),
        ("*a", "Repetition"),
        (r"(a)\1", "cannot refer back"),
        (r"\ba", "borders of words"),
        ("x" * 1001, "longer than 1000 bytes"),
        ("(((a{255}){255}){255}){255}", "Out of memory"),
    ],
)
def test_a_pattern_that_is_none_is_refused_in_words(pattern: str, complaint: str) -> None:
    assert complaint in said("regex", "aa", "find", "--", pattern)


def test_a_search_that_is_too_long_ends_at_the_fuel(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.application.keeper.admit("regex", str(EXAMPLES / "regex" / "regex.wasm"), [])

    outcome = ask(bench.runtime(), "regex.find", {"pattern": "a|a.*b", "text": "a" * 50_000})

    assert outcome.is_error
    (event,) = bench.events("call.failed")
    assert event["code"] == "guest.fuel_exhausted"


def test_more_than_a_thousand_matches_are_cut() -> None:
    found = answer("regex", "a" * 1001, "find", "--", "a")

    assert len(found["matches"]) == 1000
    assert found["is_cut"] is True


def test_statistics_count_what_is_there() -> None:
    counts = answer("regex", "The cat's été.\nÉTÉ the end\n", "statistics")

    assert counts == {
        "bytes": 31,
        "characters": 27,
        "lines": 2,
        "longest_line": 14,
        "words": 6,
        "different_words": 4,
        "most_common": [
            {"count": 2, "word": "the"},
            {"count": 2, "word": "été"},
            {"count": 1, "word": "cat's"},
            {"count": 1, "word": "end"},
        ],
    }


# Units


@pytest.mark.parametrize(
    ("value", "before", "after", "result"),
    [
        ("100", "km/h", "m/s", 27.777777777778),
        ("-40", "°C", "F", -40),
        ("0", "K", "°C", -273.15),
        ("1", "kWh", "kg*m^2/s^2", 3_600_000),
        ("0.1", "m", "cm", 10),
        ("1", "GiB", "MB", 1073.741824),
        ("180", "deg", "rad", 3.1415926535898),
        ("3", "mi", "km", 4.828032),
        ("1", "L/100km", "mpg", None),
        ("1e-300", "m^9", "nm^9", 1e-219),
        ("0", "ly", "m", 0),
    ],
)
def test_a_quantity_is_converted_or_refused(
    value: str, before: str, after: str, result: float | None
) -> None:
    execution = run("units", "", f"--value={value}", f"--from={before}", f"--to={after}")

    if result is None:
        assert stop_code(execution) == "guest.exited"
    else:
        assert json.loads(execution.stdout)["value"] == pytest.approx(result, rel=1e-12)


@pytest.mark.parametrize(
    ("value", "before", "after", "complaint"),
    [
        ("1", "m", "s", "'m' and 's' measure different things"),
        ("1", "quux", "m", "unknown unit 'quux'"),
        ("1", "m^99", "m", "a power is a digit"),
        ("1", "m\t/s", "m/s", "a control character"),
        ("1", "", "m", "unknown unit ''"),
        ("1e308", "ly", "nm", "too large"),
        ("1e999", "m", "cm", "not a finite number"),
        ("", "m", "cm", "not a finite number"),
        ("1", "m*" * 60, "m", "longer than 100"),
    ],
)
def test_what_cannot_be_converted_is_said_in_words(
    value: str, before: str, after: str, complaint: str
) -> None:
    assert complaint in said("units", "", f"--value={value}", f"--from={before}", f"--to={after}")


@given(st.text('kmgs^/*·-19 °CF"\\é', max_size=30))
@settings(deadline=None, max_examples=often(60))
def test_whatever_a_unit_looks_like_the_answer_is_json_or_words(unit: str) -> None:
    execution = run("units", "", "--value=2", f"--from={unit}", f"--to={unit}")

    if execution.stop is None:
        assert json.loads(execution.stdout)["value"] == 2
    else:
        assert stop_code(execution) == "guest.exited"
        assert execution.stderr


# Graphs


def drawn(text: str, *arguments: str) -> ET.Element:
    execution = run("graph", text, *arguments)
    assert execution.stop is None, execution.stderr
    return ET.fromstring(execution.stdout)  # noqa: S314 - our own tool made it


def labels(drawing: ET.Element) -> list[str | None]:
    return [element.text for element in drawing.iter(f"{SVG}text")]


def boxes(drawing: ET.Element) -> list[dict[str, int]]:
    places = ("x", "y", "width", "height")
    nodes = [element for element in drawing.iter(f"{SVG}rect") if element.get("rx")]
    return [{name: int(node.attrib[name]) for name in places} for node in nodes]


def test_dot_is_drawn_with_its_labels_and_escaped() -> None:
    drawing = drawn('strict digraph g { a [label="A & <b>"]; a -> b:port [label="to"]; b -> c }')

    assert labels(drawing) == ["to", "A & <b>", "b", "c"]
    assert [box["y"] for box in boxes(drawing)] == sorted({box["y"] for box in boxes(drawing)})


@pytest.mark.parametrize(
    "text", ["a -> b yes\nb -> c\n", "a,b,yes\nb,c", 'a b "yes"\n# more\nb c', '"a" -> b: yes\nb c']
)
def test_a_list_of_edges_is_drawn_like_dot(text: str) -> None:
    assert labels(drawn(text)) == ["yes", "a", "b", "c"]


def test_sideways_means_from_left_to_right() -> None:
    by_option, by_text = drawn("a -> b", "--sideways"), drawn("digraph { rankdir=LR a -> b }")

    for drawing in (by_option, by_text):
        first, second = boxes(drawing)
        assert first["x"] + first["width"] < second["x"]
        assert first["y"] == second["y"]


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=30),
    st.booleans(),
)
@settings(deadline=None, max_examples=often(40))
def test_no_two_nodes_overlap_and_all_lie_in_the_picture(
    edges: list[tuple[int, int]], is_sideways: bool
) -> None:
    text = "".join(f"n{one} -> n{other}\n" for one, other in edges)

    drawing = drawn(text, *(["--sideways"] if is_sideways else []))

    found = boxes(drawing)
    width, height = int(drawing.attrib["width"]), int(drawing.attrib["height"])
    assert len(found) == len({node for edge in edges for node in edge})
    for index, one in enumerate(found):
        assert one["x"] >= 0
        assert one["x"] + one["width"] <= width
        assert one["y"] >= 0
        assert one["y"] + one["height"] <= height
        for other in found[:index]:
            assert not _overlap(one, other)


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(
        one[place] < other[place] + other[size] and other[place] < one[place] + one[size]
        for place, size in (("x", "width"), ("y", "height"))
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("digraph { a -> ", "a mark where a name belongs"),
        ("digraph { a -> b", "lacks a brace"),
        ("graph { a [label=<b>] }", "HTML"),
        ("digraph { a -> { b c } }", "a group of nodes"),
        ('"a', "does not end"),
        ("digraph { /* a", "a comment does not end"),
        ("digraph {" * 2 + "{" * 40, "nested more than 32"),
        ("\n".join(f"n{number}" for number in range(201)), "more than 200 nodes"),
        ("a b\n" * 1001, "more than 1000 edges"),
        (
            "".join(f"n{i} -> n{i + 1}\n" for i in range(199)) + "n0 -> n199\n" * 20,
            "too entangled",
        ),
    ],
)
def test_a_graph_that_is_none_or_too_large_is_refused_in_words(text: str, complaint: str) -> None:
    assert complaint in said("graph", text)


def test_the_largest_graph_is_drawn_within_the_default_limits() -> None:
    edges = [(number, (number * 7 + step) % 200) for number in range(200) for step in range(5)]
    layered = [(one, other) for one, other in edges if one // 40 < other // 40]

    drawing = drawn("".join(f"n{one} n{other}\n" for one, other in layered))

    assert len(boxes(drawing)) > 100


@pytest.mark.parametrize("name", ["graph", "regex"])
@given(data=st.one_of(st.binary(max_size=60), st.text('{}[]"->,;:=ab/*#\n\\').map(str.encode)))
@settings(deadline=None, max_examples=often(60))
def test_whatever_it_is_fed_it_ends_in_words_and_not_in_a_trap(name: str, data: bytes) -> None:
    execution = run(name, data, *(["statistics"] if name == "regex" else []))

    assert stop_code(execution) in (None, "guest.exited")
    assert execution.stop is None or execution.stderr
