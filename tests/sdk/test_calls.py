"""`calls.toml`: what it may say."""

from __future__ import annotations

import pytest

from hatchway.core.errors import ConfigError
from hatchway.sdk.calls import parse_calls


def test_a_call_and_what_is_expected_of_it() -> None:
    found = parse_calls(
        """
        allow = ["clock"]
        limits = { deadline = "2s" }
        [[call]]
        name = "reads"
        function = "find"
        arguments = { word = "a" }
        files = { "/in/a.txt" = "x" }
        allow = ["random"]
        result = false
        denied = ["net.http", "fs.read"]
        leaves = { "/out/b.txt" = "y" }
        """,
        file="calls.toml",
    )

    (call,) = found.calls
    assert (found.allow, found.limits) == (("clock",), {"deadline": "2s"})
    assert (call.name, call.function, call.allow) == ("reads", "find", ("random",))
    assert (call.has_result, call.result) == (True, False)
    assert call.denied == ("fs.read", "net.http")
    assert call.leaves == {"/out/b.txt": "y"}
    assert call.text is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[call]]\nresult = 1", "every call needs a name"),
        ('[[call]]\nname = "a"', "'a' expects nothing"),
        ('[[call]]\nname = "a"\nresult = 1\nerror = "b"', "gives a result or fails"),
        ('[[call]]\nname = "a"\nresults = 1', "did you mean|unknown key"),
        ('[[call]]\nname = "a"\ntext = ""\n[[call]]\nname = "a"\ntext = ""', "the same name"),
        ('[[call]]\nname = "a"\ntext = ""\nfiles = { "in/a" = "" }', "not a file below"),
        ('[[call]]\nname = "a"\ntext = ""\nfiles = { "/a" = "" }', "not a file below"),
        ('[[call]]\nname = "a"\ntext = ""\nfiles = { "/in/../a" = "" }', "not a file below"),
        ("call = 3", "must be an array"),
        ("calls = 3", "unknown key"),
    ],
)
def test_what_is_not_understood_is_refused(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        parse_calls(text, file="calls.toml")


def test_there_is_an_end_to_calls() -> None:
    calls = "".join(f'[[call]]\nname = "{number}"\ntext = ""\n' for number in range(501))

    with pytest.raises(ConfigError, match="500 calls"):
        parse_calls(calls, file="calls.toml")
