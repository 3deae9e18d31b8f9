"""Generated code that calls tools, with the real interpreters and a real client."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from code_homes import code_bench
from doors import in_memory
from egress_servers import echo, serving
from fetch_guests import component
from interpreters import built, prepared
from tool_guests import MATHS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from egress_servers import Origin
    from mcp import Client
    from workbench import Workbench

LIMITS: dict[str, str | int] = {
    "memory": "256MiB",
    "scratch": "16MiB",
    "fuel": 10**12,
    "inner_fuel": 10**13,
    "deadline": "60s",
}


@pytest.fixture(scope="module")
def outside() -> Iterator[Origin]:
    """A server that somebody may want to tell something."""
    with serving(echo) as it:
        yield it


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, outside: Origin) -> Iterator[Workbench]:
    """Two interpreters that may call `math`, `net` and themselves; `hidden` is nobody's.

    Python may read a directory, and after that nothing may be sent anywhere.
    """
    home = tmp_path_factory.mktemp("code")
    notes = home / "notes"
    notes.mkdir()
    (notes / "f").write_text("nobody's business")
    prepared("javascript")
    with pytest.MonkeyPatch.context() as patch:
        for kind in ("CONFIG", "DATA", "STATE", "CACHE"):
            patch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))
        bench = code_bench(home)
        bench.add("math", MATHS)
        bench.add("hidden", MATHS)
        bench.add("net", component(), f"net.http={outside.url};internal")
        keeper = bench.application.keeper
        for language, more in {"python": (f"fs.read={notes}:/notes",), "javascript": ()}.items():
            allow = ("tool=math", "tool=net", f"tool={language}", *more)
            keeper.keep(keeper.examine(language, str(built(language))), list(allow), LIMITS)
        policy = bench.application.project.policy_file
        policy.write_text(policy.read_text() + "\n[flow]\nafter_private = []\n")
        yield bench


def said(
    bench: Workbench, language: str, code: str, inputs: Mapping[str, Any] | None = None
) -> tuple[Any, list[dict[str, Any]]]:
    """What one request of a client comes to, and the events of it."""
    before = len(bench.events())
    answers: list[dict[str, Any]] = []

    async def talk(client: Client) -> None:
        result = await client.call_tool(language, {"code": code, "inputs": dict(inputs or {})})
        assert result.structured_content is not None, result.content
        answers.append(result.structured_content)

    async def main() -> None:
        async with in_memory(bench.runtime()) as client:
            await talk(client)

    anyio.run(main)
    (answer,) = answers
    assert "exception" not in answer, answer
    return answer["value"], bench.events()[before:]


EVERYTHING = {
    "python": """
import tools

found = [item["name"] for item in tools.search("add")]
described = tools.describe("math.add")
codes = []
for name in ("hidden.add", "nothing", "math.trap"):
    try:
        tools.call(name, a=1, b=2) if name != "math.trap" else tools.math.trap()
    except tools.ToolError as error:
        codes.append(error.code)
{
    "found": found[0],
    "hidden": any("hidden" in name for name in found),
    "required": described["input"]["required"],
    "sums": [tools.call("math.add", a=1, b=2), tools.math.add(a=3, b=4)],
    "codes": codes,
}
""",
    "javascript": """
const found = tools.search("add").map(item => item.name);
const described = tools.describe("math.add");
const codes = [];
for (const name of ["hidden.add", "nothing", "math.trap"]) {
  try {
    name === "math.trap" ? tools.math.trap({}) : tools.call(name, {a: 1, b: 2});
  } catch (error) {
    codes.push(error.code);
  }
}
({
  found: found[0],
  hidden: found.some(name => name.includes("hidden")),
  required: described.input.required,
  sums: [tools.call("math.add", {a: 1, b: 2}), tools.math.add({a: 3, b: 4})],
  codes,
})
""",
}


@pytest.mark.claim("tools.grants")
@pytest.mark.parametrize("language", EVERYTHING)
def test_code_finds_reads_about_and_calls_what_it_was_granted_and_nothing_else(
    language: str, bench: Workbench
) -> None:
    value, events = said(bench, language, EVERYTHING[language])

    assert value == {
        "found": "math.add",
        "hidden": False,
        "required": ["a", "b"],
        "sums": [3, 7],
        "codes": ["capability.denied", "capability.denied", "guest.trapped"],
    }
    denied = [event for event in events if event["event"] == "capability.denied"]
    assert [event["attempted"] for event in denied] == ["hidden.add", "nothing"]
    assert denied[0]["details"] == {"hint": f"hatchway grant {language} tool=hidden.add"}


@pytest.mark.claim("tools.events")
def test_twenty_calls_are_one_request_and_twenty_one_events(bench: Workbench) -> None:
    code = "import tools\nsum(tools.math.add(a=n, b=1) for n in range(20))"

    value, events = said(bench, "python", code)

    ends = [event for event in events if event["event"].startswith("call.")]
    assert value == 210
    assert [event["tool"] for event in ends] == ["math.add"] * 20 + ["python"]
    assert {event.get("parent_call_id") for event in ends[:20]} == {ends[20]["call_id"]}
    assert ends[20]["details"]["inner_calls"] == 20


@pytest.mark.claim("tools.depth")
def test_code_that_runs_code_that_runs_code_comes_to_an_end(bench: Workbench) -> None:
    again = """
import tools
try:
    answer = tools.call("python", code=again, inputs={"again": again})["value"] + 1
except tools.ToolError as error:
    answer = 1 if error.code == "call.too_deep" else error.message
answer
"""

    value, events = said(bench, "python", again, {"again": again})

    assert value == 4
    ends = [event for event in events if event["event"].startswith("call.")]
    assert [event.get("depth", 0) for event in ends] == [4, 3, 2, 0]


ASKS = """
import tools
answer = "it arrived"
if is_reading:
    secret = open("/notes/f").read()
    assert secret == "nobody's business"
try:
    tools.net.go(request=request)
except tools.ToolError as error:
    answer = error.message
answer
"""


@pytest.mark.claim("egress.flow")
@pytest.mark.parametrize("is_reading", [True, False], ids=["reads", "reads-nothing"])
def test_what_code_has_read_itself_does_not_leave_through_a_tool(
    is_reading: bool, bench: Workbench, outside: Origin
) -> None:
    heard = len(outside.heard)
    request = {
        "method": "POST", "url": outside.url, "headers": [], "body": "eA==", "redirects": 0,
    }  # fmt: skip

    value, events = said(bench, "python", ASKS, {"request": request, "is_reading": is_reading})

    rules = [event["http"]["rule"] for event in events if "http" in event]
    if is_reading:
        assert value != "it arrived"
        assert rules == ["egress.private_flow"]
    else:
        assert value == "it arrived", json.dumps(events)
    assert len(outside.heard) - heard == (not is_reading)
