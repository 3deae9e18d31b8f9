"""Calls that may use the network: their way out, and what is told about them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from egress_servers import echo, serving
from workbench import OPERATOR, Workbench, ask, workbench

from hatchway.core.call import ToolCall
from hatchway.core.limits import Limits
from hatchway.policy.grammar import parse_capability

if TYPE_CHECKING:
    from hatchway.core.call import Outcome

WEB = Path(__file__).parents[2] / "examples" / "web" / "web.wasm"


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    return workbench(tmp_path)


def text_of(outcome: Outcome) -> str:
    return "".join(block.to_json()["text"] for block in outcome.content)


def test_a_call_reaches_the_origin_it_was_granted_and_says_what_it_got(bench: Workbench) -> None:
    with serving(echo) as origin:
        bench.application.keeper.admit("web", str(WEB), [f"net.http={origin.url};internal"])
        outcome = ask(bench.runtime(), "web", {"url": f"{origin.url}/page"})

    assert not outcome.is_error
    assert "/page" in text_of(outcome)
    (request,) = bench.events("http.request")
    assert request["http"]["decision"] == "allowed"


def test_whoever_watches_a_server_is_told_what_would_allow_a_denied_origin(
    bench: Workbench,
) -> None:
    bench.application.keeper.admit("web", str(WEB), ["net.http=https://granted.example"])
    told: list[str] = []
    runtime, _ = bench.application.live(told.append)

    outcome = ask(runtime, "web", {"url": "http://127.0.0.1:9/x"})

    way = "hatchway grant web 'net.http=http://127.0.0.1:9;internal'"
    assert [line.rpartition("; to allow it: ")[2] for line in told] == [way]
    (denial,) = bench.events("capability.denied")
    assert denial["details"] == {"hint": way}
    assert "grant" not in str(outcome.to_json()), "the model is not coached"


def test_a_file_that_is_run_once_goes_out_as_the_policy_in_force_says(bench: Workbench) -> None:
    with serving(echo) as proxy, serving(echo) as origin:
        policy = bench.application.project.policy_file
        policy.parent.mkdir(parents=True, exist_ok=True)
        policy.write_text(f'version = 1\n\n[egress]\nproxy = "{proxy.url}"\n')
        allow = [parse_capability(f"net.http={origin.url};internal", side="allowed")]
        runtime, tools = bench.application.one_off.runtime(str(WEB), allow, Limits())
        (name,) = tools
        runtime.call(
            ToolCall(
                call_id=runtime.new_call_id(),
                principal=OPERATOR,
                tool=name,
                arguments={"args": [f"{origin.url}/page"]},
            )
        )

    assert [heard.target for heard in proxy.heard] == [f"{origin.url}/page"]
    assert origin.heard == []
