"""The `shell` tool as a plain program: the script can do whatever its user can do."""

import json
import subprocess
import sys

script = json.load(sys.stdin)["script"]
try:
    # Running what it is given is what this tool is for, and what is wrong with it.
    done = subprocess.run(  # noqa: S603
        ["/bin/sh", "-c", script], capture_output=True, text=True, check=False
    )
    outcome = {"status": done.returncode, "output": done.stdout, "errors": done.stderr}
except OSError as error:
    outcome = {"failed": error.strerror}
json.dump(outcome, sys.stdout)
