"""An agent whose code cannot harm the machine it runs on.

    pip install 'hatchway[python]' smolagents
    python agent.py "How many prime numbers are below 1000?"

It asks the model that smolagents asks by default, which needs a token of its provider.
"""

import sys

from hatchway_executor import HatchwayExecutor
from smolagents import CodeAgent, InferenceClientModel, tool


@tool
def population(city: str) -> int:
    """The number of people who live in a city.

    Args:
        city: Its name in English.
    """
    return {"Paris": 2_100_000, "Rome": 2_750_000}[city]


def agent_for(model) -> CodeAgent:
    """An agent with one tool, and a sandbox for its code."""
    return CodeAgent(
        tools=[population],
        model=model,
        executor=HatchwayExecutor(deadline="10s", memory="256MiB"),
        verbosity_level=0,
    )


if __name__ == "__main__":
    print(agent_for(InferenceClientModel()).run(sys.argv[1]))
