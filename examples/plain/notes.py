"""The `notes` tool as a plain program: it writes wherever its user may write."""

import json
import pathlib
import sys

arguments = json.load(sys.stdin)
file = pathlib.Path(arguments.get("path", "/tmp/agent-notes.txt"))  # noqa: S108 - the point of it
try:
    outcome = f"wrote {file.write_bytes(arguments.get('text', '').encode())} bytes"
except OSError as error:
    outcome = f"failed: {error.strerror}"
json.dump({"outcome": outcome, "path": str(file)}, sys.stdout)
