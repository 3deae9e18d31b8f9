"""A smolagents executor whose code runs in a WebAssembly sandbox.

    from hatchway_executor import HatchwayExecutor
    agent = CodeAgent(tools=[…], model=model, executor=HatchwayExecutor())

Every step of the agent is a fresh CPython that starts with nothing. What the next step needs
of its variables goes along as JSON, so a step may use what an earlier one computed, as long
as it is text, numbers, lists and the like. The agent's tools stay on this side: the code may
call them, and only them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smolagents.local_python_executor import CodeOutput, PythonExecutor

from hatchway import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STEP = """
import ast, json, linecache, traceback
import tools

class _FinalAnswer(BaseException):
    pass

def _final_answer(answer=None):
    raise _FinalAnswer(answer)

def _function(name, parameters):
    def call(*values, **named):
        return tools.call(name, **dict(zip(parameters, values)), **named)
    return call

def _json(value):
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True

def _step(code, state, functions):
    given = {name: _function(name, parameters) for name, parameters in functions.items()}
    given["final_answer"] = _final_answer
    space = {"__name__": "__main__", **given, **state}
    told = {"output": None, "is_final": False, "error": None}
    linecache.cache["<step>"] = (len(code), None, code.splitlines(True), "<step>")
    try:
        tree = ast.parse(code, "<step>")
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, "<step>", "exec"), space)
        if last is not None:
            told["output"] = eval(compile(ast.Expression(last.value), "<step>", "eval"), space)
    except _FinalAnswer as final:
        told["output"], told["is_final"] = final.args[0], True
    except Exception as error:
        frames = error.__traceback__
        while frames is not None and frames.tb_frame.f_code.co_filename != "<step>":
            frames = frames.tb_next
        told["error"] = "".join(traceback.format_exception(error.with_traceback(frames)))
    if not _json(told["output"]):
        told["output"] = repr(told["output"])
    told["state"] = {
        name: value
        for name, value in space.items()
        if name not in given and not name.startswith("__") and _json(value)
    }
    return told

_step(code, state, functions)
"""


class HatchwayExecutor(PythonExecutor):
    """Runs the code of an agent's steps.

    Args:
        limits: As `hatchway.Sandbox` takes them: `memory="128MiB"`, `deadline="5s"`,
            `allow=[…]`, ….
    """

    def __init__(self, **limits: Any) -> None:
        self._limits = limits
        self._state: dict[str, Any] = {}
        self._functions: dict[str, Callable[..., Any]] = {}
        self._parameters: dict[str, list[str]] = {}

    def send_variables(self, variables: Mapping[str, Any]) -> None:
        """Let the next step know `variables`, which JSON must be able to hold."""
        self._state.update(variables)

    def send_tools(self, tools: Mapping[str, Any]) -> None:
        """Let the code call `tools`. They run outside the sandbox, with this program's power."""
        self._functions = {
            name: tool_on_this_side(tool) for name, tool in tools.items() if name != "final_answer"
        }
        self._parameters = {name: list(tools[name].inputs) for name in self._functions}

    def __call__(self, code_action: str) -> CodeOutput:
        """Run one step.

        Raises:
            RuntimeError: It failed, in words that a model can mend it by.
        """
        step = {"code": code_action, "state": self._state, "functions": self._parameters}
        with Sandbox(functions=self._functions, **self._limits) as box:
            outcome = box.python(STEP, inputs=step)
        logs = outcome.stdout + outcome.stderr
        if outcome.error is not None:
            raise RuntimeError(f"{logs}\n{outcome.error.message}".strip())
        told = outcome.unwrap()
        self._state = told["state"]
        if told["error"] is not None:
            raise RuntimeError(f"{logs}\n{told['error']}".strip())
        return CodeOutput(output=told["output"], logs=logs, is_final_answer=told["is_final"])


def tool_on_this_side(tool: Any) -> Callable[..., Any]:
    """A plain function that calls the tool."""

    def call(**arguments: Any) -> Any:
        return tool(**arguments)

    return call
