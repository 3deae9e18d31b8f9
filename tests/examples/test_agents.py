"""The agents of the examples, with the real libraries and a model that plays its part."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from code_homes import move_in
from pydantic_ai.messages import ModelResponse, RetryPromptPart, TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel
from smolagents.models import ChatMessage, MessageRole, Model

if TYPE_CHECKING:
    from types import ModuleType

    from pydantic_ai.messages import ModelMessage
    from pydantic_ai.models.function import AgentInfo

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch) -> None:
    move_in(monkeypatch)
    monkeypatch.syspath_prepend(str(EXAMPLES / "smolagents"))


def example(place: str) -> ModuleType:
    """An example as a module, however often one of that name was loaded."""
    name = f"example_{place.replace('/', '_').replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{place}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class Scripted(Model):  # type: ignore[misc]  # smolagents is not typed
    """A model for smolagents that writes one program after the other."""

    def __init__(self, *programs: str) -> None:
        super().__init__()
        self.programs = list(programs)
        self.told: list[str] = []

    def generate(self, messages: list[ChatMessage], *_: Any, **__: Any) -> ChatMessage:
        self.told.append(str(messages[-1].content))
        said = f"Thought: next.\n<code>\n{self.programs.pop(0)}\n</code>"
        return ChatMessage(role=MessageRole.ASSISTANT, content=said)


def test_a_smolagents_agent_computes_over_several_steps_with_its_tools() -> None:
    model = Scripted(
        "paris = population('Paris')\nprint('Paris', paris)",
        "final_answer(paris + population(city='Rome'))",
    )

    answer = example("smolagents/agent").agent_for(model).run("How many live in both?")

    assert answer == 4_850_000
    assert "Paris 2100000" in model.told[1]


def test_a_smolagents_agent_is_told_what_its_code_was_denied_and_mends_it() -> None:
    model = Scripted("open('/etc/passwd').read()", "final_answer('no files here')")

    answer = example("smolagents/agent").agent_for(model).run("Read the passwords.")

    assert answer == "no files here"
    assert "PermissionError" in model.told[1]
    assert 'File "<step>", line 1' in model.told[1]


def test_nothing_of_a_smolagents_step_but_its_values_is_there_in_the_next() -> None:
    model = Scripted(
        "import builtins\nbuiltins.len = lambda _: 7\nkept = [1]\nlost = object()",
        "final_answer([len(kept), 'lost' in globals()])",
    )

    assert example("smolagents/agent").agent_for(model).run("Count.") == [1, False]


def test_the_code_of_a_smolagents_step_calls_no_other_function_of_the_program() -> None:
    executor = example("smolagents/hatchway_executor").HatchwayExecutor(deadline="10s")
    executor.send_tools({})

    with pytest.raises(RuntimeError, match="no such tool"):
        executor("import tools\ntools.call('population', city='Rome')")


def test_a_pydantic_ai_agent_gets_the_traceback_and_then_the_value() -> None:
    programs = ["open('/etc/passwd')", "print('hello')\nsum(range(101))"]
    told: list[ModelMessage] = []

    def play(messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        told[:] = messages
        if programs:
            return ModelResponse(parts=[ToolCallPart("run_python", {"code": programs.pop(0)})])
        return ModelResponse(parts=[TextPart(str(messages[-1].parts[0]))])

    answer = asyncio.run(example("pydantic-ai/agent").answer("Sum up.", FunctionModel(play)))

    assert "5050" in answer
    assert "hello" in answer
    retries = [part for each in told for part in each.parts if isinstance(part, RetryPromptPart)]
    assert retries == [] or "PermissionError" in str(retries[0].content)
    assert "PermissionError" in str(told)
