"""A flow rule of the policy holds for sandboxed code and the tools that it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from code_homes import move_in
from egress_servers import echo, serving
from fetch_guests import component
from guests import wasm
from tool_guests import MATHS

from hatchway import Sandbox
from hatchway.compose import open_application

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from egress_servers import Origin

ASKS = """
import tools
if is_reading:
    open("/notes/f").read()
try:
    tools.net.go(request=request)
    answer = "it arrived"
except tools.ToolError as error:
    answer = error.code
answer
"""


@pytest.fixture
def outside() -> Iterator[Origin]:
    """A server that somebody may want to tell something."""
    with serving(echo) as it:
        yield it


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, outside: Origin) -> None:
    move_in(monkeypatch)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "f").write_text("nobody's business")
    opened = open_application()
    for name, text, allow in (
        ("math", MATHS, []),
        ("net", component(), [f"net.http={outside.url};internal"]),
    ):
        file = tmp_path / f"{name}.wasm"
        file.write_bytes(wasm(text))
        opened.keeper.admit(name, str(file), allow)
    policy = opened.project.policy_file
    policy.write_text(policy.read_text() + "\n[flow]\nafter_private = []\n")


@pytest.mark.claim("egress.flow")
@pytest.mark.parametrize("is_reading", [True, False], ids=["reads", "reads-nothing"])
def test_what_code_has_read_itself_does_not_leave_through_a_tool(
    is_reading: bool, tmp_path: Path, outside: Origin
) -> None:
    request = {
        "method": "POST", "url": outside.url, "headers": [], "body": "eA==", "redirects": 0,
    }  # fmt: skip
    seen: list[Mapping[str, Any]] = []

    with Sandbox(
        tools=["net"], allow=[f"fs.read={tmp_path}/notes:/notes"], events=seen.append
    ) as box:
        outcome = box.python(ASKS, inputs={"request": request, "is_reading": is_reading})

    own = [event["unmapped"]["hatchway"] for event in seen]
    rules = [event["http"]["rule"] for event in own if "http" in event]
    assert len(outside.heard) == (not is_reading), outcome
    assert (outcome.value == "it arrived") == (not is_reading)
    assert ("egress.private_flow" in rules) == is_reading


def test_code_finds_its_tools_and_goes_on_after_a_failure() -> None:
    code = """
import tools
names = [item["name"] for item in tools.search("")]
try:
    tools.math.trap()
except tools.ToolError as error:
    names.append(error.code)
names.append(tools.math.add(a=1, b=2))
names
"""
    with Sandbox(tools=["math.add", "math.trap"]) as box:
        outcome = box.python(code)

    assert outcome.value == ["math.add", "math.trap", "guest.trapped", 3]
    assert outcome.denials == ()
