"""Sandboxed code and the tools of a policy: what was asked for can be called, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from code_homes import move_in
from guests import wasm
from workbench import ECHO_JSON, ECHO_MANIFEST

from hatchway import Sandbox, ToolError
from hatchway.compose import open_application
from hatchway.compose.running import own_entry
from hatchway.core.call import Principal
from hatchway.core.errors import UnknownToolError
from hatchway.policy.decide import decide
from hatchway.policy.grammar import TOOL_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PRINCIPAL = Principal(tenant="local", subject="operator", door="library")


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    move_in(monkeypatch)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "echo.wasm").write_bytes(wasm(ECHO_JSON))
    (tmp_path / "echo.tool.toml").write_text(ECHO_MANIFEST)
    keeper = open_application().keeper
    for name in ("echo", "other"):
        keeper.admit(name, str(tmp_path / "echo.wasm"), [])


def test_code_calls_a_tool_it_was_given_and_each_call_is_on_record() -> None:
    seen: list[Mapping[str, Any]] = []
    code = "import tools\n[tools.call('echo', text=word)['text'] for word in ('a', 'b')]"

    with Sandbox(tools=["echo"], events=seen.append) as box:
        outcome = box.python(code)

    assert outcome.value == ["a", "b"], outcome.exception
    own = [event["unmapped"]["hatchway"] for event in seen]
    assert [(event["event"], event["tool"]) for event in own] == [
        ("call.completed", "echo"),
        ("call.completed", "echo"),
        ("call.completed", "python"),
    ]


def test_a_tool_it_was_not_given_is_denied_and_the_grant_is_named() -> None:
    code = "import tools\ntry:\n    tools.call('other', text='x')\nexcept tools.ToolError as e:\n"
    code += "    print(e.code)"

    with Sandbox(tools=["echo"]) as box:
        outcome = box.python(code)

    assert outcome.stdout == "capability.denied\n"
    assert [(denial.capability, denial.wanted) for denial in outcome.denials] == [
        ("tool", "tool=other")
    ]


def test_without_tools_or_functions_there_is_nothing_to_call() -> None:
    with Sandbox() as box:
        outcome = box.python("import tools\ntools.call('echo', text='x')")

    assert not outcome.ok
    assert outcome.denials


def test_functions_and_tools_stand_side_by_side() -> None:
    def shout(text: str) -> str:
        if not text:
            message = "nothing to shout"
            raise ToolError(message)
        return text.upper()

    code = "import tools\n[tools.call('shout', text=tools.call('echo', text=text)['text'])]"

    with Sandbox(tools=["echo"], functions={"shout": shout}) as box:
        loud = box.python(code, inputs={"text": "hi"})
        silent = box.python(code, inputs={"text": ""})

    assert loud.value == ["HI"]
    assert silent.exception is not None
    assert "nothing to shout" in silent.exception.message


SAYS_WHAT_IT_HAS = """
import os, tools
try:
    read = open('/d/diary.txt').read()
except OSError:
    read = "no file"
try:
    tools.call('echo', text='x')
    called = "called echo"
except tools.ToolError as error:
    called = error.code
[read, os.environ.get('SANDBOX_ONLY', 'no variable'), called]
"""


@pytest.fixture
def _pythons() -> None:
    """The policy has an entry called like the Sandbox's language, and one that may call it."""
    keeper = open_application().keeper
    keeper.admit("python", "builtin:python", [])
    keeper.admit("agent", "builtin:python", ["tool=python"])


@pytest.fixture
def grants(tmp_path: Path) -> list[str]:
    """What a Sandbox has and the policy's entries have not."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "diary.txt").write_text("the pin is 4711")
    return [f"fs.read={tmp_path}/notes:/d", "env=SANDBOX_ONLY=secret", "tool=echo"]


NOTHING = ["no file", "no variable", "capability.denied"]


@pytest.mark.usefixtures("_pythons")
def test_a_tool_that_may_call_python_does_not_reach_what_the_sandbox_was_granted(
    grants: list[str],
) -> None:
    inner = f"import tools\ntools.call('python', code={SAYS_WHAT_IT_HAS!r})['value']"
    seen: list[Mapping[str, Any]] = []

    with Sandbox(allow=grants, tools=["agent"], events=seen.append) as box:
        outcome = box.python(f"import tools\ntools.call('agent', code={inner!r})['value']")
        own = box.python(SAYS_WHAT_IT_HAS)

    assert outcome.value == NOTHING, outcome
    assert own.value == ["the pin is 4711", "secret", "called echo"]
    ends = [event["unmapped"]["hatchway"] for event in seen]
    named = [event["tool"] for event in ends if event["event"] == "call.completed"]
    assert named == ["python", "agent", "python", "echo", "python"]


@pytest.mark.usefixtures("_pythons")
def test_a_sandbox_that_may_call_python_calls_the_entry_of_the_policy(grants: list[str]) -> None:
    with Sandbox(allow=grants, tools=["python"]) as box:
        outcome = box.python(f"import tools\ntools.python(code={SAYS_WHAT_IT_HAS!r})['value']")

    assert outcome.value == NOTHING, outcome


@pytest.mark.usefixtures("_pythons")
def test_the_network_and_the_secrets_of_a_sandbox_are_those_of_its_own_entry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KEY", "hunter2-hunter2")
    origin = "https://api.example.com"
    secret = {"name": "KEY", "from": "env:KEY", "to": origin}

    with Sandbox(allow=[f"net.http={origin}"], secrets=[secret], tools=["agent"]) as box:
        catalog = box._place.prepare("python").catalog

    granted = {
        name: decide(entry.tool, catalog.policy, PRINCIPAL).egress
        for name, entry in catalog.entries.items()
    }
    assert {name for name, egress in granted.items() if egress is not None} == {own_entry("python")}
    assert set(catalog.policy.secrets) == {own_entry("python")}


def test_what_a_sandbox_calls_itself_is_no_name_that_a_policy_or_a_guest_can_say() -> None:
    name = own_entry("python")

    assert TOOL_NAME.fullmatch(name) is None
    with Sandbox(tools=["echo"]) as box:
        outcome = box.python(
            "import tools\n"
            f"try:\n    tools.call({name!r}, code='1')\n"
            "except tools.ToolError as error:\n    said = error.code\n"
            "[said, [found['name'] for found in tools.search('')]]"
        )

    assert outcome.value == ["capability.denied", ["echo"]], outcome
    assert [denial.wanted for denial in outcome.denials] == [""]


def test_a_denial_of_a_sandbox_names_no_command_for_an_entry_that_is_not_there() -> None:
    seen: list[Mapping[str, Any]] = []

    with Sandbox(tools=["echo"], events=seen.append) as box:
        box.python("import tools\ntools.call('other', text='x')")

    own = [event["unmapped"]["hatchway"] for event in seen]
    hints = [event["details"]["hint"] for event in own if event["event"] == "capability.denied"]
    assert hints == ["--allow tool=other"]


@pytest.mark.parametrize("name", ["weather", "echo.never"])
def test_a_tool_that_the_policy_has_not_got_is_refused(name: str) -> None:
    with Sandbox(tools=[name]) as box, pytest.raises(UnknownToolError):
        box.python("1")
