"""A project's own `calls.toml` grants nothing of the machine unless a person says it too."""

from __future__ import annotations

from pathlib import Path

import pytest

from hatchway.core.errors import ConfigError
from hatchway.policy.grammar import parse_capability
from hatchway.runtime.project_grants import project_grants
from hatchway.sdk.calls import parse_calls

PROJECT = Path("/somewhere/cloned")


def granted(line: str, *given: str) -> list[str]:
    text = f'limits = {{}}\nallow = [\n  "clock",\n  {line!r},\n]\n'
    calls = parse_calls(text, file="calls.toml")
    said = [parse_capability(each, side="allowed", base="/home/me") for each in given]
    found = project_grants(
        calls.allow, calls, project=PROJECT, given=said, command="hatchway test cloned"
    )
    return list(map(str, found))


@pytest.mark.parametrize("line", ["random", "env=MODE=fast", "env=MODE="])
def test_what_hands_out_nothing_of_the_host_is_granted(line: str) -> None:
    assert granted(line) == ["clock", line]


@pytest.mark.parametrize(
    "line",
    [
        "env=AWS_SECRET_ACCESS_KEY",
        "fs.read=/etc:/in",
        "fs.write=/somewhere/cloned/data:/data",
        "net.http=https://example.com",
        "net.http=http://127.0.0.1:8977;internal",
        "tool=files",
    ],
)
def test_everything_else_has_to_be_said_at_the_command_line(line: str) -> None:
    with pytest.raises(ConfigError) as refused:
        granted(line)

    assert refused.value.code == "config.not_allowed"
    assert refused.value.message == f"calls.toml:4: a project cannot grant itself {line}"
    assert "hatchway test cloned --allow " in str(refused.value.hint)
    assert granted(line, line) == ["clock", line]


def test_what_was_said_is_compared_as_it_is_meant() -> None:
    with pytest.raises(ConfigError, match="cannot grant itself"):
        granted("fs.read=data:/data", "fs.read=data:/data")

    assert granted("fs.read=data:/data", "fs.read=/somewhere/cloned/data:/data")[1:] == [
        "fs.read=/somewhere/cloned/data:/data"
    ]


def test_more_than_was_said_is_not_granted() -> None:
    with pytest.raises(ConfigError, match="cannot grant itself"):
        granted("net.http=https://example.com", "net.http=https://example.com;methods=GET")


def test_the_hint_is_one_command_for_everything_that_is_missing() -> None:
    calls = parse_calls(
        'allow = ["env=A", "net.http=https://a.example;methods=GET"]', file="calls.toml"
    )

    with pytest.raises(ConfigError) as refused:
        project_grants(calls.allow, calls, project=PROJECT, given=[], command="hatchway test .")

    assert str(refused.value.hint).endswith(
        "hatchway test . --allow env=A --allow 'net.http=https://a.example;methods=GET'"
    )
