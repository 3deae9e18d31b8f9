"""Runs each line of its standard input, a JSON string of Python, in a Capsule sandbox."""

import asyncio
import json
import sys
import time

from capsule_adapter import run_python


async def main() -> None:
    for line in sys.stdin:
        code = json.loads(line)
        # Its sandbox answers with the value of the last expression, not with what is printed.
        code = code.removeprefix("print(").removesuffix(")")
        began = time.perf_counter_ns()
        answer = await run_python(code)
        took = (time.perf_counter_ns() - began) / 1000
        print("ran", took, answer.strip(), flush=True)


asyncio.run(main())
