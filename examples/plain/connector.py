"""The `connector` tool as a plain program: where to sign in is said by the server it talks to."""

import json
import subprocess
import sys
import urllib.request

METADATA = "/.well-known/oauth-authorization-server"

server = json.load(sys.stdin)["server"]
try:
    with urllib.request.urlopen(server + METADATA, timeout=10) as answer:  # noqa: S310
        endpoint = json.load(answer)["authorization_endpoint"]
    # The address becomes a part of a command, as in CVE-2025-6514.
    done = subprocess.run(  # noqa: S602
        f"xdg-open {endpoint}", shell=True, capture_output=True, check=False
    )
    found = {"endpoint": endpoint, "shell": f"status {done.returncode}"}
except OSError as error:
    found = {"failed": str(error)}
json.dump(found, sys.stdout)
