"""YAML from others: plain values or a refusal."""

from __future__ import annotations

import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatchway.core.errors import ConfigError
from hatchway.runtime.yaml_text import MAX_BYTES, MAX_NODES, read_yaml

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join(['*' + old] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


def read(text: str | bytes) -> object:
    return read_yaml(text if isinstance(text, bytes) else text.encode(), file="policy.yaml")


def complaint(text: str | bytes) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return caught.value


def test_plain_values_are_read_as_json_has_them() -> None:
    text = """
    version: "1.0"
    a: [1, 2.5, true, no, null, ~, text, "5", 2024-01-01, 0x1F, 1_0, .inf, 12:30]
    b: {c: {d: e}}
    f:
    """

    assert read(text) == {
        "version": "1.0",
        "a": [1, 2.5, True, False, None, None, "text", "5", "2024-01-01", "0x1F", 10, ".inf",
              "12:30"],
        "b": {"c": {"d": "e"}},
        "f": None,
    }  # fmt: skip


def test_nothing_is_nothing() -> None:
    assert read("") is None
    assert read("# only a comment") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "policy.yaml:1: anchors and aliases are not read"),
        ("a: *b", "policy.yaml:1: anchors and aliases are not read"),
        ("a: !!python/object/apply:os.system [x]", "policy.yaml:1: tags are not read"),
        ("a: !!str 5", "policy.yaml:1: tags are not read"),
        ("a: !x 5", "policy.yaml:1: tags are not read"),
        ("a: 1\na: 2", "policy.yaml:2: the key 'a' stands there twice"),
        ("1: 2", "policy.yaml:1: a key must be text, got 1"),
        ("? [a]\n: b", "policy.yaml:1: a key must be text, got ['a']"),
        ("a: 1\n---\nb: 2", "policy.yaml:2: there is more than one document"),
        ("[" * 18 + "]" * 18, "policy.yaml:1: deeper than 16, or more than 10000 values"),
        ("[" + "1," * MAX_NODES + "]", "policy.yaml:1: deeper than 16, or more than 10000 values"),
    ],
    ids=range(11),
)
def test_what_json_could_not_say_is_refused_with_its_line(text: str, message: str) -> None:
    error = complaint(text)

    assert (error.code, error.message) == ("config.invalid", message)


@pytest.mark.parametrize(
    "text", ["a: [", "\ta: 1", b"\xff", "a: 'x", "%YAML 3.0\n---\na: 1", b"\x00"]
)
def test_what_is_no_yaml_is_refused(text: str | bytes) -> None:
    assert complaint(text).code == "config.syntax"


def test_a_deep_nest_ends_before_the_stack_does() -> None:
    assert complaint("[" * 100_000).code in ("config.invalid", "config.syntax")


def test_a_large_document_is_not_looked_at() -> None:
    assert complaint(b"#" * (MAX_BYTES + 1)).code == "config.too_large"


def test_without_the_package_the_next_step_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)

    error = complaint("a: 1")

    assert (error.code, error.hint) == ("config.no_yaml", "pip install 'hatchway[wassette]'")


@given(st.text(max_size=60) | st.text("[]{}:,-?&*!|>'\"% #a1\n", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ConfigError):
        read(text.encode("utf-8", "replace"))
