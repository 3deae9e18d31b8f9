"""A tool in Python with the helper of the SDK, built by componentize-py, asks a real server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from audit_texts import tool_named
from egress_calls import broker_of, call_of
from egress_calls import grant as allowed
from egress_servers import echo, serving
from guests import grant, sandbox

from hatchway.core.limits import Limits
from hatchway.core.sandbox import FunctionInvocation
from hatchway.registry.store import digest_of
from hatchway.sdk import guest

pytestmark = [pytest.mark.artifacts, pytest.mark.slow]

WORLD = """package example:tool;

world tool {
  import hatchway:egress/fetch@0.1.0;
  export ask: func(url: string, body: list<u8>) -> string;
}
"""
PROGRAM = """
import json
import wit_world
from hatchway_fetch import fetch


class WitWorld(wit_world.WitWorld):
    def ask(self, url: str, body: bytes) -> str:
        method = "POST" if body else "GET"
        try:
            response = fetch(url, method=method, headers={"X-A": "é"}, body=body)
            found = response.raise_for_status().json()
        except PermissionError as error:
            return f"denied: {error}"
        except (OSError, ValueError) as error:
            return f"{type(error).__name__}: {error}"
        return json.dumps(found | {"status": response.status})
"""


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    pytest.importorskip("componentize_py")
    source = tmp_path_factory.mktemp("tool")
    (source / "wit" / "deps").mkdir(parents=True)
    (source / "wit" / "world.wit").write_text(WORLD)
    (source / "app.py").write_text(PROGRAM)
    shutil.copy(guest.path() / "fetch.wit", source / "wit" / "deps")
    shutil.copy(guest.path() / "hatchway_fetch.py", source)
    build = ("-d", "wit", "-w", "tool", "componentize", "app", "-o", "tool.wasm")
    subprocess.run(
        [Path(sys.executable).with_name("componentize-py"), *build],
        cwd=source,
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return (source / "tool.wasm").read_bytes()


def test_a_python_tool_asks_with_the_helper_and_is_denied_with_the_usual_error(
    artifact: bytes,
) -> None:
    digest = digest_of(artifact)
    sandbox().prepare(artifact, digest)
    limits = Limits(fuel=10**10, memory_bytes=256 << 20)

    def ask(ticket: Any, url: str, body: str = "") -> Any:
        invocation = FunctionInvocation(function="ask", arguments={"url": url, "body": body})
        return sandbox().run(digest, invocation, grant(limits=limits), None, ticket)

    with (
        serving(echo) as origin,
        broker_of() as (broker, _),
        broker.admit(call_of(), tool_named("t"), allowed(f"{origin.url};internal")) as ticket,
    ):
        got = ask(ticket, f"{origin.url}/x")
        posted = ask(ticket, f"{origin.url}/x", "Ym9keQ==")
        denied = ask(ticket, "https://other.example.test/")
        wrong = ask(ticket, "x")
    without = ask(None, "https://e.org/")

    assert json.loads(got.value)["status"] == 200
    assert json.loads(posted.value)["method"] == "POST"
    assert denied.value == "denied: GET https://other.example.test/ is not allowed"
    assert denied.denials[0].wanted == "net.http=https://other.example.test"
    assert (wrong.value, without.value) == (
        "denied: GET x is not allowed",
        "denied: GET https://e.org/ is not allowed",
    )
