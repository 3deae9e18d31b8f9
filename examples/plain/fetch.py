"""The `fetch` tool as a plain program: it reaches whatever its user's machine can reach."""

import http.client
import json
import sys
import urllib.parse

arguments = json.load(sys.stdin)
url = urllib.parse.urlsplit(arguments["url"])
body = arguments.get("body")
try:
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
    connection.request("GET" if body is None else "POST", url.path, body)
    answer = connection.getresponse()
    found = {"status": answer.status, "body": answer.read(1 << 20).decode("utf-8", "replace")}
except (OSError, http.client.HTTPException) as error:
    found = {"failed": str(error)}
json.dump(found, sys.stdout)
