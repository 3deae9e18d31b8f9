"""The values of the secrets that a policy names."""

from __future__ import annotations

import base64
import shlex
from typing import TYPE_CHECKING

import pytest

from hatchway.core.errors import ConfigError
from hatchway.core.secret import Secret
from hatchway.policy.document import Policy, parse_policy
from hatchway.runtime.secrets import redactor_of, with_secrets

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENT = {"ONE": "one-correct-horse", "TWO": "two-battery-staple", "SHORT": "short"}


def policy(base: Path, **tools: str) -> Policy:
    """A policy whose tools each have the secrets that are given as `NAME=SOURCE …`."""
    text = "version = 1\n"
    for tool, secrets in tools.items():
        rules = ", ".join(
            f'{{ name = \'{name}\', from = """{source}""", to = \'https://e.org\', '
            f"header = 'x-{name.lower()}', value = 'Bearer {{}}' }}"
            for name, _, source in (each.partition("=") for each in secrets.split("|") if each)
        )
        text += (
            f"[tools.{tool}]\nsource = 'a.wasm'\nallow = ['net.http=https://e.org']\n"
            f"secrets = [{rules}]\n"
        )
    return parse_policy(text, file="hatchway.toml", base=str(base), commands="run")


def test_every_secret_gets_its_value(tmp_path: Path) -> None:
    (tmp_path / "two").write_text("two-battery-staple\n")
    (tmp_path / "two").chmod(0o600)
    asked = policy(tmp_path, first="A=env:ONE|B=file:two", second="C=env:ONE")

    found = with_secrets(asked, ENVIRONMENT)

    assert {
        tool: [(each.name, each.header, each.template, each.secret.reveal()) for each in bound]
        for tool, bound in found.secrets.items()
    } == {
        "first": [
            ("A", "x-a", "Bearer {}", "one-correct-horse"),
            ("B", "x-b", "Bearer {}", "two-battery-staple"),
        ],
        "second": [("C", "x-c", "Bearer {}", "one-correct-horse")],
    }
    assert found.tools == asked.tools


def test_a_tool_without_secrets_is_not_there(tmp_path: Path) -> None:
    found = with_secrets(policy(tmp_path, plain="", other="A=env:ONE"), ENVIRONMENT)

    assert list(found.secrets) == ["other"]


@pytest.mark.parametrize(
    ("source", "code"),
    [("env:MISSING", "config.missing_secret"), ("env:SHORT", "config.unfit_secret")],
)
def test_a_secret_without_a_value_is_an_error(tmp_path: Path, source: str, code: str) -> None:
    asked = policy(tmp_path, whole="A=env:ONE", broken=f"A=env:ONE|B={source}")

    with pytest.raises(ConfigError, match=f"the secret B.*'{source}'") as caught:
        with_secrets(asked, ENVIRONMENT)

    assert caught.value.code == code


def test_only_what_is_needed_is_asked_for(tmp_path: Path) -> None:
    asked = policy(tmp_path, whole="A=env:ONE", broken="B=env:MISSING")

    found = with_secrets(asked, ENVIRONMENT, needed_by=("whole", "unknown"))

    assert list(found.secrets) == ["whole"]
    assert with_secrets(asked, ENVIRONMENT, needed_by=()).secrets == {}


def test_every_source_is_asked_once(tmp_path: Path) -> None:
    log = shlex.quote(str(tmp_path / "asked"))
    source = f"command:/bin/sh -c 'echo asked >> {log}; echo one-correct-horse'"

    found = with_secrets(policy(tmp_path, a=f"A={source}|C={source}", b=f"B={source}"))

    assert [each.name for bound in found.secrets.values() for each in bound] == ["A", "C", "B"]
    assert (tmp_path / "asked").read_text() == "asked\n"


def test_values_are_not_in_what_a_policy_shows(tmp_path: Path) -> None:
    found = with_secrets(policy(tmp_path, a="A=env:ONE"), ENVIRONMENT)

    assert "one-correct-horse" not in repr(found)


def test_the_redactor_finds_the_secrets_of_all_tools(tmp_path: Path) -> None:
    found = with_secrets(policy(tmp_path, a="A=env:ONE", b="B=env:TWO"), ENVIRONMENT)
    encoded = base64.b64encode(b"Bearer one-correct-horse").decode()

    redactor = redactor_of(found)

    assert redactor is not None
    assert redactor.redact_text(f"{encoded} two-battery-staple")[1] == ("A", "B")


def test_there_is_no_redactor_without_secrets(tmp_path: Path) -> None:
    found = with_secrets(policy(tmp_path, a=""), ENVIRONMENT)

    assert redactor_of(found) is None


def test_a_value_that_is_the_same_again_is_equal(tmp_path: Path) -> None:
    asked = policy(tmp_path, a="A=env:ONE")

    first, again = (with_secrets(asked, ENVIRONMENT) for _ in range(2))
    other = with_secrets(asked, {"ONE": "one-incorrect-horse"})

    assert first.secrets == again.secrets
    assert first.secrets != other.secrets
    assert first.secrets["a"][0].secret == Secret("one-correct-horse")
