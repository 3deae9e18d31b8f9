"""Reading a document strictly, with the place of every complaint."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import IS_THOROUGH, json_values, patient, readable_text

from hatchway.core.errors import ConfigError
from hatchway.policy.reading import MAX_DOCUMENT_BYTES, Table, read_toml
from hatchway.policy.units import parse_count

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENT = """\
name = "grep"
flag = true

[limits]
fuel = 5
names = ["a",
  "b"]

[[tools]]
name = "x"
[[tools]]
name = "y"
"""


def table() -> Table:
    return read_toml(DOCUMENT, file="t.toml")


def complaint_of(action: Any) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        action()
    return raised.value


def test_a_table_knows_its_keys_and_values() -> None:
    root = table()

    assert list(root) == ["name", "flag", "limits", "tools"]
    assert "name" in root
    assert "nothing" not in root
    assert root.values["limits"] == {"fuel": 5, "names": ["a", "b"]}


def test_values_are_read_with_their_types() -> None:
    root = table()

    assert root.text("name", limit=4) == "grep"
    assert root.flag("flag") is True
    assert root.table("limits").texts("names") == ["a", "b"]
    assert root.table("limits").items("names") == ["a", "b"]
    assert root.table("limits").parsed("fuel", parse_count, 0) == 5
    assert [entry.text("name", limit=9) for entry in root.tables("tools")] == ["x", "y"]


def test_what_is_absent_is_none_empty_or_the_default() -> None:
    root = table()

    assert root.text("none", limit=4) is None
    assert root.text("none", limit=4, default="d") == "d"
    assert root.flag("none") is None
    assert root.choice("none", ("a",)) is None
    assert root.choice("none", ("a",), default="a") == "a"
    assert root.parsed("none", parse_count, 7) == 7
    assert root.texts("none") == []
    assert root.items("none") == []
    assert root.tables("none") == []
    assert list(root.table("none")) == []


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda root: root.text("flag", limit=9), "t.toml:2: 'flag' must be a string, got True"),
        (lambda root: root.text("name", limit=3), "t.toml:1: 'name' may have 3 characters, got 4"),
        (lambda root: root.flag("name"), "t.toml:1: 'name' must be true or false, got 'grep'"),
        (lambda root: root.table("name"), "t.toml:1: 'name' must be a table, got 'grep'"),
        (
            lambda root: root.tables("name"),
            "t.toml:1: 'name' must be an array of tables, got 'grep'",
        ),
        (
            lambda root: root.table("limits").tables("names"),
            "t.toml:6: expected a table, got 'a'",
        ),
        (
            lambda root: root.texts("limits"),
            "t.toml:4: 'limits' must be an array of strings, got {'fuel': 5, 'names': ['a', 'b']}",
        ),
        (lambda root: root.items("flag"), "t.toml:2: 'flag' must be an array, got True"),
        (
            lambda root: root.choice("name", ("sed", "awk")),
            "t.toml:1: 'name' is one of sed, awk; got 'grep'",
        ),
        (
            lambda root: root.parsed("name", parse_count, 0),
            "t.toml:1: 'name': expected a whole number without a unit, got 'grep'",
        ),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused_with_its_line(read: Any, message: str) -> None:
    error = complaint_of(lambda: read(table()))

    assert (error.message, error.code) == (message, "config.invalid")


def test_an_element_of_another_type_is_refused_with_its_own_line() -> None:
    root = read_toml('a = [\n"x",\n5]', file="t.toml")

    assert complaint_of(lambda: root.texts("a")).message == "t.toml:3: expected a string, got 5"


def test_a_boolean_is_not_a_string_nor_an_integer_a_boolean() -> None:
    root = read_toml("a = 1\nb = true", file="t.toml")

    complaint_of(lambda: root.flag("a"))
    complaint_of(lambda: root.parsed("b", parse_count, 0))


def test_an_unknown_key_is_answered_with_the_nearest_known_one() -> None:
    error = complaint_of(lambda: table().table("limits").only("fuels", "name"))

    assert error.code == "config.unknown_key"
    assert error.message == "t.toml:5: unknown key 'fuel' in [limits]"
    assert error.hint == "did you mean 'fuels'?"


def test_without_a_near_one_all_known_keys_are_listed() -> None:
    error = complaint_of(lambda: table().only("qqq", "zzz"))

    assert error.message == "t.toml:1: unknown key 'name'"
    assert error.hint == "known here: qqq, zzz"


def test_known_keys_are_not_refused() -> None:
    table().only("name", "flag", "limits", "tools", "more")


def test_an_entry_of_an_array_is_named_by_its_number() -> None:
    second = table().tables("tools")[1]

    error = complaint_of(lambda: second.only("nothing"))

    assert error.message == "t.toml:12: unknown key 'name' in [tools.1]"


def test_values_without_a_text_have_no_line() -> None:
    parsed = Table({"a": 1}, file="a.wasm")

    assert complaint_of(lambda: parsed.text("a", limit=1)).message == (
        "a.wasm: 'a' must be a string, got 1"
    )
    assert parsed.line("a") is None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a = ", "t.toml"),
        ("a = 1\nb = = 2", "t.toml:2"),
        ("\n\n[a\n", "t.toml:3"),
        ("a = 1\na = 2", "t.toml"),
        ('a = "\\q"', "t.toml:1"),
        ("a = 2020-13-01", "t.toml"),
        (f"a = {'9' * 5000}", "t.toml"),
        ("\0", "t.toml:1"),
        ("a = '\x07'", "t.toml:1"),
    ],
    ids=lambda text: repr(text)[:30],
)
def test_what_is_not_toml_is_refused_with_its_place(text: str, place: str) -> None:
    error = complaint_of(lambda: read_toml(text, file="t.toml"))

    assert error.code == "config.syntax"
    assert error.message.startswith(f"{place}")
    assert ": not valid TOML: " in error.message


def test_a_huge_document_is_refused_before_it_is_parsed() -> None:
    error = complaint_of(lambda: read_toml("#" * (MAX_DOCUMENT_BYTES + 1), file="t.toml"))

    assert error.code == "config.too_large"


def test_a_document_of_the_largest_size_is_read() -> None:
    assert list(read_toml("#" * MAX_DOCUMENT_BYTES, file="t.toml")) == []


def nested(opening: str, inside: str, closing: str, depth: int) -> str:
    return opening * depth + inside + closing * depth


def deeper(frames: int, action: Callable[[], object]) -> object:
    """Do something that many frames further down: where the stack ends must not matter."""
    return deeper(frames - 1, action) if frames else action()


@pytest.mark.parametrize("frames", [0, 1])
@pytest.mark.parametrize(
    ("opening", "inside", "closing"),
    [("[", "", "]"), ("{a=", "1", "}"), ("[{a=", "1", "}]")],
)
def test_a_document_of_any_depth_is_read_or_refused(
    opening: str, inside: str, closing: str, frames: int
) -> None:
    refused = 0
    for depth in range(300, 510, 1 if IS_THOROUGH else 3):
        text = f"x = {nested(opening, inside, closing, depth)}"
        try:
            root = deeper(frames, partial(read_toml, text, file="t.toml"))
        except ConfigError as error:
            assert error.code == "config.syntax"  # noqa: PT017 - either outcome is right
            refused += 1
            continue
        assert isinstance(root, Table)
        with pytest.raises(ConfigError):
            root.text("x", limit=1)

    assert refused


@pytest.mark.parametrize("digits", [4299, 4301, 50_000])
def test_a_number_of_any_length_is_read_or_refused(digits: int) -> None:
    root = read_toml(f"x = 0x{'f' * digits}", file="t.toml")

    assert complaint_of(lambda: root.text("x", limit=1)).message.startswith("t.toml:1: ")
    assert complaint_of(lambda: root.choice("x", ("a",))).message.startswith("t.toml:1: ")


def test_a_complaint_shows_little_of_a_huge_value() -> None:
    root = read_toml(f"x = '{'y' * 100_000}'", file="t.toml")

    assert len(complaint_of(lambda: root.parsed("x", parse_count, 0)).message) < 500
    assert len(complaint_of(lambda: root.flag("x")).message) < 500


@patient
@given(readable_text(200) | st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_config_error(text: str) -> None:
    with contextlib.suppress(ConfigError):
        read_toml(text, file="t.toml")


@patient
@given(st.dictionaries(st.sampled_from("abc"), json_values(), max_size=3))
def test_any_values_are_read_or_refused_with_a_config_error(values: dict[str, Any]) -> None:
    root = Table(values, file="t")
    readers: list[Any] = [
        lambda key: root.text(key, limit=4),
        root.texts,
        root.flag,
        root.items,
        root.tables,
        root.table,
        lambda key: root.choice(key, ("a", "b")),
        lambda key: root.parsed(key, parse_count, 0),
        root.only,
    ]

    for read in readers:
        with contextlib.suppress(ConfigError):
            read("a")


def test_a_key_of_very_many_parts_is_refused_before_it_takes_all_memory() -> None:
    key = " . ".join(["x", '"y"'] * 50_000)

    found = complaint_of(lambda: read_toml(f"a = 1\n[{key}]\n", file="tool.toml"))

    assert found.message == "tool.toml:2: a key has more than 20 parts"


def test_a_key_of_many_parts_is_read() -> None:
    assert "a" in read_toml(f"{'.'.join('abcdefghijklmnopqrst')} = 1\n", file="tool.toml")


def test_many_dots_in_a_text_are_no_key() -> None:
    text = 'purpose = "' + "x. " * 60 + '"\n'

    assert read_toml(text, file="tool.toml").text("purpose", limit=1000) == "x. " * 60
