"""A pydantic-ai agent that may write Python, and run it where it cannot harm anything.

    pip install 'hatchway[python]' pydantic-ai-slim
    python agent.py "What is the 50th Fibonacci number?"

The model gets one tool. What it writes runs in a fresh CPython without files, network, clock
or environment; a traceback goes back to the model, which may try again.
"""

import asyncio
import sys
from typing import Any

from pydantic_ai import Agent, ModelRetry, RunContext
from pydantic_ai.models import Model

from hatchway import AsyncSandbox

agent = Agent(
    deps_type=AsyncSandbox,
    instructions="Use run_python for everything that can be computed.",
    retries=2,
)


@agent.tool
async def run_python(context: RunContext[AsyncSandbox], code: str) -> dict[str, Any]:
    """Run Python in a sandbox and return what it printed and the value of its last expression.

    Args:
        context: The sandbox of this run.
        code: A whole program. Nothing is kept from one to the next.
    """
    outcome = await context.deps.python(code)
    if outcome.exception is not None:
        raise ModelRetry(outcome.exception.traceback)
    if outcome.error is not None:
        raise ModelRetry(f"{outcome.error.message}\n{outcome.stdout}".strip())
    return {"value": outcome.value, "stdout": outcome.stdout, "stderr": outcome.stderr}


async def answer(question: str, model: Model | str) -> str:
    """What the agent says in the end."""
    async with AsyncSandbox(memory="256MiB", deadline="5s") as sandbox:
        return (await agent.run(question, model=model, deps=sandbox)).output


if __name__ == "__main__":
    print(asyncio.run(answer(sys.argv[1], "openai:gpt-5")))
