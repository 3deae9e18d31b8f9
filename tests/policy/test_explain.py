"""Explanations say what the decision would be, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from strategies import patient, related_capabilities

from hatchway.core.call import Principal
from hatchway.core.capability import Capability, EnvironmentVariable, FileAccess, HttpAccess
from hatchway.core.egress import FlowRule
from hatchway.core.errors import NotAuthorizedError
from hatchway.core.manifest import ToolManifest, Want
from hatchway.core.tool import Tool
from hatchway.policy.decide import decide
from hatchway.policy.document import Policy, ToolPolicy, parse_policy
from hatchway.policy.explain import Explanation, explain, without
from hatchway.policy.grammar import parse_capability

if TYPE_CHECKING:
    from hatchway.core.isolation import Isolation

ORIGIN = HttpAccess(scheme="https", host="e.org", port=443)
ADA = Principal(tenant="local", subject="ada", door="cli")
ONE_OF_EACH = (
    "fs.read=/a", "net.http=https://e.org", "net.socket=e.org:80", "env=LANG", "clock", "random",
    "tool=sed",
)  # fmt: skip


def wish(text: str) -> Capability:
    return parse_capability(text, side="wanted")


def is_granted(policy: Policy, owner: str, wanted: Capability) -> bool:
    """Whether a tool that requires `wanted` may run."""
    needy = Tool(
        name=owner,
        owner=owner,
        digest="sha256:" + "0" * 64,
        manifest=ToolManifest(name=None, requires=(Want(capability=wanted, reason="r"),)),
        input_schema={"type": "object"},
        output_schema=None,
    )
    try:
        decide(needy, policy, ADA)
    except NotAuthorizedError:
        return False
    return True


entries = st.builds(
    ToolPolicy,
    name=st.just("x"),
    source=st.just("x"),
    allow=st.lists(related_capabilities(), max_size=5).map(tuple),
)
tables = st.dictionaries(st.sampled_from(("grep", "sed")), entries)
variables = st.dictionaries(st.sampled_from(("LANG", "TZ")), st.just("C"))


@patient
@given(tables, st.sampled_from(("grep", "sed")), related_capabilities())
def test_an_explanation_agrees_with_the_decision(
    tools: dict[str, ToolPolicy], owner: str, wanted: Capability
) -> None:
    opened = {
        item: 7 for entry in tools.values() for item in entry.allow if isinstance(item, FileAccess)
    }
    policy = Policy(tools=tools, host_environment={"LANG": "C", "TZ": "UTC"}, directories=opened)

    explanation = explain(policy, owner, wanted)

    event(f"allowed: {explanation.is_allowed}")
    assert explanation.is_allowed == is_granted(policy, owner, wanted)


simple = st.sampled_from(("clock", "env=LANG", "env=LANG=C", "env=TZ")).map(
    lambda text: parse_capability(text, side="allowed")
)


@patient
@given(st.lists(simple, max_size=3), variables, simple)
def test_an_explanation_agrees_with_the_decision_on_a_host_that_lacks_variables_too(
    allow: list[Capability], host: dict[str, str], wanted: Capability
) -> None:
    entry = ToolPolicy(name="grep", source="g", allow=tuple(allow))
    policy = Policy(tools={"grep": entry}, host_environment=host)

    assert explain(policy, "grep", wanted).is_allowed == is_granted(policy, "grep", wanted)


def test_a_directory_that_cannot_be_used_is_explained() -> None:
    explanation = explain(policy_of("fs.read=/srv:/data"), "grep", wish("fs.read=/data/in"))

    assert explanation.is_allowed is False
    assert "that directory cannot be used" in explanation.reason


def test_a_variable_that_the_host_lacks_is_explained() -> None:
    entry = ToolPolicy(name="grep", source="g", allow=(EnvironmentVariable(variable="LANG"),))

    explanation = explain(Policy(tools={"grep": entry}), "grep", wish("env=LANG"))

    assert explanation.is_allowed is False
    assert "LANG" in explanation.reason


@patient
@given(tables, st.sampled_from(("grep", "sed")), related_capabilities())
def test_a_denial_says_what_to_do_or_that_nothing_can_be_done(
    tools: dict[str, ToolPolicy], owner: str, wanted: Capability
) -> None:
    host = {"LANG": "C", "TZ": "UTC"}
    explanation = explain(Policy(tools=tools, host_environment=host), owner, wanted)

    if not explanation.is_allowed:
        cannot = "not a wildcard" in explanation.reason
        assert (explanation.hint is None) == cannot


def policy_of(*allow: str) -> Policy:
    lines = "".join(f'  "{text}",\n' for text in allow)
    return parse_policy(
        f'version = 1\n[tools.grep]\nsource = "g"\nallow = [\n{lines}]\n',
        file="hatchway.toml",
        base="/",
    )


def test_an_allowed_capability_is_explained_by_the_line_that_allows_it() -> None:
    assert explain(policy_of("random", "env=LANG=C"), "grep", wish("env=LANG")) == Explanation(
        is_allowed=True,
        reason="env=LANG=C at hatchway.toml:6 covers env=LANG",
        where="in a thread, because it may not use the network",
    )


def test_without_known_lines_the_file_alone_is_named() -> None:
    entry = ToolPolicy(name="grep", source="g", allow=(wish("clock"),))
    unknown = ToolPolicy(name="sed", source="s", allow=(wish("clock"),), allow_lines=(None,))
    policy = Policy(tools={"grep": entry, "sed": unknown}, file="the command line")

    for owner in ("grep", "sed"):
        assert explain(policy, owner, wish("clock")).reason == (
            "clock at the command line covers clock"
        )


def test_a_denied_capability_is_explained_by_all_that_is_allowed() -> None:
    assert explain(policy_of("random", "env=A=1"), "grep", wish("clock")) == Explanation(
        is_allowed=False,
        reason="hatchway.toml allows 'grep' random, env=A=1, and none of that covers clock",
        without="a time that starts at 2000-01-01 and advances 1 ms per reading",
        hint="hatchway grant grep clock",
        where="in a thread, because it may not use the network",
    )


@pytest.mark.parametrize(
    ("isolation", "granted", "where"),
    [
        (None, "net.http=https://e.org", "in a worker, because it may use the network"),
        ("thread", "net.http=https://e.org", "in a thread, because hatchway.toml says so"),
        ("worker", "clock", "in a worker, because hatchway.toml says so"),
    ],
)
def test_an_explanation_says_where_a_tool_runs_and_why(
    isolation: Isolation | None, granted: str, where: str
) -> None:
    policy = policy_of(granted)
    entry = replace(policy.tools["grep"], isolation=isolation)

    explanation = explain(replace(policy, tools={"grep": entry}), "grep", wish("clock"))

    assert explanation.where == where


def test_a_tool_that_is_allowed_nothing_is_said_to_be_allowed_nothing() -> None:
    assert "allows 'grep' nothing" in explain(policy_of(), "grep", wish("clock")).reason


@pytest.mark.parametrize(
    ("granted", "flow", "asked", "more"),
    [
        ("https://e.org", None, "https://e.org/v1", ""),
        ("http://[::1];internal", None, "http://[::1]", ""),
        ("http://[::1]", None, "http://[::1]",
         "; no request arrives, because [::1] is inside and it lacks ';internal'"),
        ("https://e.org", FlowRule(), "https://e.org",
         "; after a private read it is denied, because [flow] does not name it"),
        ("https://e.org", FlowRule(may_reach=(ORIGIN,)), "https://e.org/v1", ""),
    ],
)  # fmt: skip
def test_a_granted_origin_says_what_else_a_request_depends_on(
    granted: str, flow: FlowRule | None, asked: str, more: str
) -> None:
    policy = replace(policy_of(f"net.http={granted}"), flow=flow)

    explanation = explain(policy, "grep", wish(f"net.http={asked}"))

    assert explanation.is_allowed
    assert explanation.reason.endswith(f" covers net.http={asked}{more}")


def test_what_cannot_be_granted_is_explained_by_that() -> None:
    explanation = explain(policy_of("clock"), "grep", wish("net.socket=*.e.org:80"))

    assert explanation.reason.endswith("for one exact host, not a wildcard")
    assert explanation.hint is None
    assert explanation.without is not None


def test_a_tool_without_an_entry_is_denied_everything() -> None:
    assert explain(policy_of("clock"), "sed", wish("clock")) == Explanation(
        is_allowed=False,
        reason="hatchway.toml has no entry for 'sed'; everything absent is denied",
        hint="hatchway add SOURCE --name sed",
    )


@pytest.mark.parametrize(
    ("capability", "seen"),
    [
        ("fs.read=/a", "ENOTCAPABLE"),
        ("fs.write=/a", "ENOTCAPABLE"),
        ("net.http=https://e.org", "HTTP-request-denied"),
        ("net.socket=e.org:80", "access-denied"),
        ("net.dns=e.org:80", "access-denied"),
        ("env=LANG", "an environment without that variable"),
        ("clock", "starts at 2000-01-01"),
        ("random", "the same constant stream every call, unfit for keys"),
        ("tool=sed", "no such tool"),
    ],
)
def test_every_denial_says_what_the_guest_sees_instead(capability: str, seen: str) -> None:
    assert seen in without(wish(capability))


def test_every_kind_of_capability_is_explained() -> None:
    assert {type(wish(text)) for text in ONE_OF_EACH} == set(get_args(Capability))
    assert all(without(wish(text)) for text in ONE_OF_EACH)


def test_a_grant_of_a_tool_says_everything_that_it_reaches() -> None:
    text = """version = 1
    [tools.python]
    source = "p.wasm"
    allow = ["tool=glue.run"]
    [tools.glue]
    source = "g.wasm"
    allow = ["tool=math", "net.http=https://e.org"]
    [tools.math]
    source = "m.wasm"
    """
    policy = parse_policy(text, file="p.toml", base="/")

    answer = explain(policy, "python", wish("tool=glue.run"))

    assert answer.reason == (
        "tool=glue.run at p.toml:4 covers tool=glue.run; "
        "it reaches glue (net.http=https://e.org), math (nothing)"
    )
