"""Which changes of a policy take something away from a call that runs."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import related_capabilities

from hatchway.core.capability import Capability, FileAccess, HttpAccess
from hatchway.core.egress import EgressLimits, FlowRule, Route
from hatchway.core.limits import Limits
from hatchway.policy.cover import covering
from hatchway.policy.document import Policy, ToolPolicy
from hatchway.policy.grammar import parse_capability
from hatchway.policy.narrowing import is_narrowed
from hatchway.policy.secrets import SecretRule


def entry(*allow: str, **said: Any) -> ToolPolicy:
    return ToolPolicy(
        name="grep",
        source="grep.wasm",
        allow=tuple(parse_capability(text, side="allowed", base="/base") for text in allow),
        **said,
    )


def narrowed(before: ToolPolicy, after: ToolPolicy) -> bool:
    """Whether it is, under policies that say nothing else."""
    return is_narrowed(Policy(tools={"grep": before}), Policy(tools={"grep": after}), "grep")


def allowing(*allow: Capability) -> ToolPolicy:
    return ToolPolicy(name="grep", source="grep.wasm", allow=allow)


@pytest.mark.claim("policy.live")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["clock"], []),
        (["clock", "random"], ["clock"]),
        (["fs.write=/srv:/srv"], ["fs.read=/srv:/srv"]),
        (["fs.read=/srv:/data"], ["fs.read=/srv/docs:/data"]),
        (["fs.read=/srv:/data"], ["fs.read=/other:/data"]),
        (["fs.write=/srv:/srv"], ["fs.write=/srv:/srv;quota=1MiB"]),
        (["fs.write=/srv:/srv;quota=2MiB"], ["fs.write=/srv:/srv;quota=1MiB"]),
        (["env=MODE=fast"], ["env=MODE=slow"]),
        (["env=MODE=fast"], ["env=MODE"]),
        (["net.http=https://example.com"], ["net.http=https://example.com;methods=GET"]),
        (["net.http=https://example.com"], ["net.http=https://example.com;private"]),
        (["net.http=https://example.com;internal"], ["net.http=https://example.com"]),
        (["net.http=https://example.com"], ["net.http=https://example.com/v1"]),
        (["net.http=https://example.com"], ["net.http=https://example.org"]),
        (["net.http=https://*.example.com"], ["net.http=https://a.example.com"]),
    ],
)
def test_less_than_before_is_narrower(before: list[str], after: list[str]) -> None:
    assert narrowed(entry(*before), entry(*after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], []),
        ([], ["clock"]),
        (["clock"], ["random", "clock"]),
        (["fs.read=/srv:/srv"], ["fs.write=/srv:/srv"]),
        (["fs.read=/srv/docs:/srv/docs"], ["fs.read=/srv:/srv"]),
        (["fs.write=/srv:/srv;quota=1MiB"], ["fs.write=/srv:/srv"]),
        (["fs.write=/srv:/srv;quota=1MiB"], ["fs.write=/srv:/srv;quota=1MiB"]),
        (["fs.write=/srv:/srv;shared"], ["fs.write=/srv:/srv"]),
        (["net.http=https://example.com;private"], ["net.http=https://example.com"]),
        (["net.http=https://example.com;methods=GET"], ["net.http=https://example.com"]),
    ],
)
def test_as_much_as_before_or_more_is_not(before: list[str], after: list[str]) -> None:
    assert not narrowed(entry(*before), entry(*after))


@pytest.mark.claim("policy.live")
@pytest.mark.parametrize("limit", [field.name for field in fields(Limits)])
def test_every_limit_that_becomes_smaller_is_narrower(limit: str) -> None:
    larger = replace(Limits(), scratch_bytes=1 << 20)
    smaller = replace(larger, **{limit: getattr(larger, limit) - 1})

    assert narrowed(entry(limits=larger), entry(limits=smaller))
    assert not narrowed(entry(limits=smaller), entry(limits=larger))


@pytest.mark.claim("policy.live")
@pytest.mark.parametrize("limit", [field.name for field in fields(EgressLimits)])
def test_every_limit_of_requests_that_becomes_smaller_is_narrower(limit: str) -> None:
    larger = EgressLimits()
    smaller = replace(larger, **{limit: getattr(larger, limit) - 1})

    assert narrowed(entry(egress=larger), entry(egress=smaller))
    assert not narrowed(entry(egress=smaller), entry(egress=larger))


ORIGIN = HttpAccess(scheme="https", host="example.com", port=443)
KEY = SecretRule(name="KEY", kind="env", source="KEY", origin=ORIGIN)


@pytest.mark.claim("policy.live")
@pytest.mark.parametrize(
    "after",
    [
        (),
        (replace(KEY, name="OTHER"),),
        (replace(KEY, kind="file", source="/key"),),
        (replace(KEY, source="OTHER"),),
        (replace(KEY, origin=replace(ORIGIN, port=444)),),
        (replace(KEY, header="cookie"),),
        (replace(KEY, template="Bearer {}"),),
    ],
)
def test_a_secret_that_is_gone_or_another_one_is_narrower(after: tuple[SecretRule, ...]) -> None:
    assert narrowed(entry(secrets=(KEY,)), entry(secrets=after))


def test_a_secret_that_is_added_or_moved_in_the_file_is_not() -> None:
    more = replace(KEY, name="MORE", header="cookie")

    assert not narrowed(entry(), entry(secrets=(KEY,)))
    assert not narrowed(entry(secrets=(KEY,)), entry(secrets=(more, replace(KEY, line=9))))


def under(flow: FlowRule | None = None, route: Route | None = None, *allow: str) -> Policy:
    """A policy with something to say about the network."""
    tools = {"grep": entry(*(allow or ("net.http=https://example.com",)))}
    return Policy(tools=tools, flow=flow, route=route or Route())


def reaching(*origins: str) -> FlowRule:
    """What remains after a private read."""
    read = (parse_capability(f"net.http={origin}", side="allowed") for origin in origins)
    return FlowRule(may_reach=tuple(each for each in read if isinstance(each, HttpAccess)))


@pytest.mark.claim("policy.live")
@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, None, False),
        (None, reaching("https://example.com"), True),
        (reaching(), None, False),
        (reaching(), reaching(), False),
        (reaching("https://a.org"), reaching(), True),
        (reaching("https://a.org"), reaching("https://a.org/v1"), True),
        (reaching("https://a.org/v1"), reaching("https://b.org", "https://a.org"), False),
    ],
)
def test_less_that_may_be_reached_after_a_private_read_is_narrower(
    before: FlowRule | None, after: FlowRule | None, expected: bool
) -> None:
    assert is_narrowed(under(before), under(after), "grep") is expected


@pytest.mark.claim("policy.live")
@pytest.mark.parametrize("after", [Route(proxy="http://p:1"), Route(authorities="/ca.pem")])
def test_another_way_to_the_network_is_narrower(after: Route) -> None:
    assert is_narrowed(under(), under(None, after), "grep")
    assert is_narrowed(under(None, after), under(), "grep")


def test_a_tool_without_origins_does_not_care_how_the_network_is_reached() -> None:
    before, after = (
        under(None, None, "clock"),
        under(reaching(), Route(proxy="http://p:1"), "clock"),
    )

    assert not is_narrowed(before, after, "grep")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, None, False),
        (None, "winch", True),
        ("cranelift", "winch", True),
        ("winch", "winch", False),
        ("winch", None, False),
    ],
)
def test_code_of_a_compiler_that_is_ruled_out_is_narrower(
    before: str | None, after: str | None, expected: bool
) -> None:
    assert narrowed(entry(compiler=before), entry(compiler=after)) is expected


WEB = "net.http=https://example.com"


@pytest.mark.claim("policy.live")
@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (entry(isolation="thread"), entry(isolation="worker"), True),
        (entry(), entry(isolation="worker"), True),
        (entry(WEB, isolation="thread"), entry(WEB), True),
        (entry(isolation="worker"), entry(isolation="thread"), False),
        (entry(WEB), entry(WEB, isolation="thread"), False),
        (entry("clock"), entry("clock", WEB), False),
    ],
)
def test_a_call_without_a_kernel_wall_ends_when_it_should_have_one(
    before: ToolPolicy, after: ToolPolicy, expected: bool
) -> None:
    assert narrowed(before, after) is expected


def test_a_policy_that_sends_every_tool_to_workers_is_narrower() -> None:
    before = Policy(tools={"grep": entry()})

    assert is_narrowed(before, replace(before, isolation="worker"), "grep")


@pytest.mark.claim("policy.live")
@pytest.mark.parametrize("after", ["net.socket=e.org:1;private", "net.socket=e.org:2"])
def test_a_raw_connection_that_may_do_less_is_narrower(after: str) -> None:
    assert narrowed(entry("net.socket=e.org:1"), entry(after))
    assert not narrowed(entry("net.socket=e.org:1"), entry("net.socket=e.org:1", "clock"))


@given(st.lists(related_capabilities(), max_size=4))
def test_nothing_is_narrower_than_itself(allow: list[Capability]) -> None:
    assert not narrowed(allowing(*allow), allowing(*allow))


@given(st.lists(related_capabilities(), max_size=4), st.lists(related_capabilities(), max_size=4))
def test_what_is_added_never_narrows(allow: list[Capability], more: list[Capability]) -> None:
    assert not narrowed(allowing(*allow), allowing(*more, *allow))


@given(st.lists(related_capabilities(), max_size=4), st.lists(related_capabilities(), max_size=4))
def test_what_nothing_covers_any_more_always_narrows(
    before: list[Capability], after: list[Capability]
) -> None:
    lost = [held for held in before if covering(after, held) is None]

    if lost:
        assert narrowed(allowing(*before), allowing(*after))


@given(
    st.lists(related_capabilities(), max_size=4),
    st.lists(related_capabilities(), max_size=4),
    st.lists(related_capabilities(), max_size=4),
)
def test_a_loss_is_not_hidden_by_a_step_between(
    one: list[Capability], two: list[Capability], three: list[Capability]
) -> None:
    first, second, third = allowing(*one), allowing(*two), allowing(*three)

    if not narrowed(first, second) and not narrowed(second, third):
        assert not narrowed(first, third)


def test_options_are_compared_between_capabilities_of_one_kind_only() -> None:
    files = FileAccess(access="read", guest_path="/srv", host_path="/srv", quota_bytes=1)
    web = HttpAccess(scheme="https", host="example.com", port=443, is_private=True)

    assert narrowed(allowing(files), allowing(web))
    assert narrowed(allowing(web), allowing(files))


# Through tools


def shop(**entries: ToolPolicy) -> Policy:
    """`grep` may call `glue`, which may call `math`; nobody calls `other`."""
    usual = {
        "grep": entry("tool=glue"),
        "glue": entry("tool=math"),
        "math": entry("clock"),
        "other": entry("random"),
    }
    return Policy(tools={**usual, **entries})


@pytest.mark.claim("tools.withdrawal")
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("grep", entry()),
        ("grep", entry("tool=glue.run")),
        ("glue", entry()),
        ("math", entry()),
        ("math", entry("clock", limits=Limits(fuel=1))),
    ],
)
def test_a_call_holds_what_the_tools_hold_that_it_reaches(changed: str, said: ToolPolicy) -> None:
    assert is_narrowed(shop(), shop(**{changed: said}), "grep")


@pytest.mark.claim("tools.withdrawal")
@pytest.mark.parametrize("gone", ["grep", "glue", "math"])
def test_an_entry_that_is_gone_is_taken_from_all_that_reach_it(gone: str) -> None:
    after = Policy(tools={name: said for name, said in shop().tools.items() if name != gone})

    assert is_narrowed(shop(), after, "grep")
    assert not is_narrowed(shop(), after, "other")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("other", entry()),
        ("math", entry("clock", "random")),
        ("grep", entry("tool=glue", "tool=other")),
    ],
)
def test_what_is_out_of_reach_or_more_than_before_stops_no_call(
    changed: str, said: ToolPolicy
) -> None:
    assert not is_narrowed(shop(), shop(**{changed: said}), "grep")


def test_a_smaller_budget_for_inner_calls_is_less() -> None:
    fewer = entry("tool=glue", limits=Limits(inner_calls=1))

    assert is_narrowed(shop(), shop(grep=fewer), "grep")


def test_nothing_is_taken_from_an_entry_that_never_was() -> None:
    assert not is_narrowed(shop(), Policy(tools={}), "absent")
