"""The `ask` tool as a plain program: it asks whatever its user's machine can reach."""

import json
import pathlib
import sys
import urllib.error
import urllib.request

arguments = json.load(sys.stdin)
body = arguments.get("body", "").encode() or None
if "file" in arguments:
    body = pathlib.Path(arguments["file"]).read_bytes()
try:
    # Whatever URL it is given: this is what is wrong with it.
    with urllib.request.urlopen(arguments["url"], body, timeout=10) as answer:  # noqa: S310
        found = {"status": answer.status, "body": answer.read(1 << 20).decode("utf-8", "replace")}
except urllib.error.HTTPError as error:
    found = {"status": error.code, "body": error.read(1 << 20).decode("utf-8", "replace")}
except OSError as error:
    found = {"failed": str(error)}
json.dump(found, sys.stdout)
