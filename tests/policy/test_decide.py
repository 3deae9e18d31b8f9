"""The one decision: everything the operator allows, or nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from strategies import patient, related_capabilities

from hatchway.core.call import Principal
from hatchway.core.capability import (
    Capability,
    EnvironmentVariable,
    FileAccess,
    HttpAccess,
    SocketAccess,
    ToolUse,
)
from hatchway.core.egress import BoundSecret, EgressGrant, EgressLimits, FlowRule, Route
from hatchway.core.errors import NotAuthorizedError
from hatchway.core.grant import GrantedDirectory
from hatchway.core.limits import Limits
from hatchway.core.manifest import InputFile, ResultMapping, ToolManifest, Want
from hatchway.core.secret import Secret
from hatchway.core.tool import Tool
from hatchway.policy.cover import covers
from hatchway.policy.decide import bounded, decide, inside, isolation_of, next_step
from hatchway.policy.document import Policy, ToolPolicy
from hatchway.policy.grammar import parse_capability
from hatchway.policy.secrets import SecretRule

if TYPE_CHECKING:
    from random import Random

    from hatchway.core.grant import Grant

ADA = Principal(tenant="local", subject="ada", door="stdio")
OWNERS = ("grep", "sed")


def allowed(*texts: str) -> tuple[Capability, ...]:
    return tuple(parse_capability(text, side="allowed") for text in texts)


def tool(*requires: Capability, owner: str = "grep", optional: tuple[Capability, ...] = ()) -> Tool:
    """A tool whose author requires these capabilities."""
    manifest = ToolManifest(
        name=None,
        requires=tuple(Want(capability=wanted, reason="r") for wanted in requires),
        optional=tuple(Want(capability=wanted, reason="r") for wanted in optional),
    )
    return Tool(
        name=f"{owner}.run",
        owner=owner,
        digest="sha256:" + "0" * 64,
        manifest=manifest,
        input_schema={"type": "object"},
        output_schema=None,
    )


def policy(*allow: Capability, limits: Limits | None = None, **host: str) -> Policy:
    """A policy that allows these capabilities to `grep`."""
    entry = ToolPolicy(name="grep", source="g.wasm", allow=allow, limits=limits or Limits())
    return Policy(tools={"grep": entry}, host_environment=host)


capability_sets = st.lists(related_capabilities(), max_size=5).map(tuple)
limits = st.builds(
    Limits,
    fuel=st.integers(1, 1 << 62),
    memory_bytes=st.integers(65536, 1 << 32),
    deadline_seconds=st.floats(0.001, 3600),
    host_calls=st.integers(0, 9),
    inner_calls=st.integers(0, 9),
    inner_fuel=st.integers(0, 1 << 62),
)
principals = st.builds(
    Principal,
    tenant=st.sampled_from(("local", "acme", "")),
    subject=st.just("ada"),
    door=st.sampled_from(("cli", "stdio", "http", "library")),
)


@st.composite
def with_directories(draw: st.DrawFn, policies: st.SearchStrategy[Policy]) -> Policy:
    """A policy, some of whose directories could be opened."""
    policy = draw(policies)
    wanted = {
        item
        for entry in policy.tools.values()
        for item in entry.allow
        if isinstance(item, FileAccess)
    }
    opened = {item: draw(st.integers(3, 1000)) for item in wanted if draw(st.booleans())}
    return replace(policy, directories=opened)


closed_policies = st.builds(
    Policy,
    tenant=st.sampled_from(("local", "acme", "")),
    tools=st.dictionaries(
        st.sampled_from(OWNERS),
        st.builds(
            ToolPolicy, name=st.just("x"), source=st.just("x"), allow=capability_sets, limits=limits
        ),
    ),
    host_environment=st.dictionaries(st.sampled_from(("LANG", "TZ")), st.just("C")),
)
policies = with_directories(closed_policies)
tools = st.builds(
    lambda owner, wants: tool(*wants, owner=owner),
    st.sampled_from(OWNERS),
    st.lists(related_capabilities(), max_size=2),
)


def granted(tool: Tool, policy: Policy, principal: Principal = ADA) -> Grant | None:
    """The grant, or None when the call is refused."""
    try:
        return decide(tool, policy, principal)
    except NotAuthorizedError:
        return None


# What a grant contains


@patient
@given(tools, policies, principals)
def test_a_grant_is_exactly_what_the_operator_allows(
    tool: Tool, policy: Policy, principal: Principal
) -> None:
    grant = granted(tool, policy, principal)

    if grant is not None:
        event("granted")
        entry = policy.tools[tool.owner]
        assert grant.capabilities == entry.allow
        assert grant.limits == entry.limits


@patient
@given(tools, policies, principals)
def test_a_grant_shows_the_guest_the_allowed_variables_and_no_others(
    tool: Tool, policy: Policy, principal: Principal
) -> None:
    grant = granted(tool, policy, principal)

    if grant is not None:
        variables = [item for item in grant.capabilities if isinstance(item, EnvironmentVariable)]
        assert [name for name, _ in grant.environment] == [item.variable for item in variables]
        for (name, value), item in zip(grant.environment, variables, strict=True):
            expected = policy.host_environment[name] if item.value is None else item.value
            assert value == expected


@patient
@given(tools, policies, principals)
def test_a_grant_is_made_exactly_when_everything_is_in_order(
    tool: Tool, policy: Policy, principal: Principal
) -> None:
    entry = policy.tools.get(tool.owner)
    in_order = (
        principal.tenant == policy.tenant
        and entry is not None
        and all(
            any(covers(candidate, want.capability) for candidate in entry.allow)
            for want in tool.requires
        )
        and all(
            item.value is not None or item.variable in policy.host_environment
            for item in entry.allow
            if isinstance(item, EnvironmentVariable)
        )
        and all(item in policy.directories for item in entry.allow if isinstance(item, FileAccess))
        and all(item.tool in policy.tools for item in entry.allow if isinstance(item, ToolUse))
        and not (
            isolation_of(entry, policy) == "thread"
            and any(isinstance(item, SocketAccess) for item in entry.allow)
        )
    )

    assert (granted(tool, policy, principal) is not None) == in_order


@patient
@given(tools, policies, principals)
def test_another_tenants_call_is_never_granted(
    tool: Tool, policy: Policy, principal: Principal
) -> None:
    if principal.tenant != policy.tenant:
        assert granted(tool, policy, principal) is None


@patient
@given(tools, policies, principals)
def test_what_an_uncovered_requirement_leaves_is_nothing(
    tool: Tool, policy: Policy, principal: Principal
) -> None:
    entry = policy.tools.get(tool.owner, ToolPolicy(name="", source=""))
    uncovered = [
        want
        for want in tool.requires
        if not any(covers(candidate, want.capability) for candidate in entry.allow)
    ]

    if uncovered:
        assert granted(tool, policy, principal) is None


@patient
@given(tools, policies, st.randoms())
def test_the_order_of_what_is_allowed_does_not_matter_to_the_decision(
    tool: Tool, policy: Policy, random: Random
) -> None:
    shuffled = replace(
        policy,
        tools={
            name: replace(entry, allow=tuple(random.sample(entry.allow, k=len(entry.allow))))
            for name, entry in policy.tools.items()
        },
    )

    before = granted(tool, policy, replace(ADA, tenant=policy.tenant))
    after = granted(tool, shuffled, replace(ADA, tenant=policy.tenant))

    assert (before is None) == (after is None)


@patient
@given(policies, st.sampled_from(OWNERS))
def test_what_an_author_merely_wishes_for_changes_nothing(policy: Policy, owner: str) -> None:
    wishes = allowed("fs.write=/:/", "random", "net.http=https://evil.example")
    caller = replace(ADA, tenant=policy.tenant)

    assert granted(tool(owner=owner, optional=wishes), policy, caller) == granted(
        tool(owner=owner), policy, caller
    )


def test_two_calls_get_equal_grants_and_share_nothing_that_can_change() -> None:
    rules = policy(*allowed("clock", "env=A=1"))

    first, second = decide(tool(), rules, ADA), decide(tool(), rules, ADA)

    assert first == second
    assert isinstance(first.capabilities, tuple)
    assert isinstance(first.environment, tuple)


# Refusals


def test_a_tenant_without_policy_may_call_nothing() -> None:
    with pytest.raises(NotAuthorizedError, match=r"^no policy speaks for tenant 'acme'$"):
        decide(tool(), policy(), replace(ADA, tenant="acme"))


def test_a_tool_without_an_entry_may_not_run() -> None:
    with pytest.raises(NotAuthorizedError, match=r"^no policy entry allows 'sed' to run$"):
        decide(tool(owner="sed"), policy(), ADA)


def test_a_tool_is_looked_up_by_its_owner_and_not_by_a_name_it_chose() -> None:
    impostor = replace(tool(owner="sed"), name="grep")

    assert granted(impostor, policy()) is None


def test_an_uncovered_requirement_is_named_with_the_command_that_would_cover_it() -> None:
    with pytest.raises(NotAuthorizedError) as raised:
        decide(tool(*allowed("clock", "env=LANG")), policy(*allowed("clock")), ADA)

    assert raised.value.message == "'grep.run' requires env=LANG, which no policy entry covers"
    assert raised.value.hint == "hatchway grant grep env=LANG"


def test_a_requirement_that_cannot_be_granted_says_so_instead() -> None:
    wanted = parse_capability("net.socket=*.e.org:80", side="wanted")

    with pytest.raises(NotAuthorizedError) as raised:
        decide(tool(wanted), policy(), ADA)

    assert raised.value.hint is not None
    assert raised.value.hint.endswith("for one exact host, not a wildcard")


def test_a_socket_is_granted_to_a_worker_and_never_to_a_thread() -> None:
    allow = allowed("net.socket=e.org:80", "net.dns=f.org:53")
    granted = decide(tool(), policy(*allow), ADA)

    assert granted.egress is not None
    assert (granted.isolation, granted.egress.sockets) == ("worker", tuple(allow))
    with pytest.raises(NotAuthorizedError) as raised:
        decide(tool(), replace(policy(*allow), isolation="thread"), ADA)
    assert "which runs in a thread" in raised.value.message


def test_a_directory_that_could_not_be_opened_refuses_the_call() -> None:
    with pytest.raises(NotAuthorizedError) as raised:
        decide(tool(), policy(*allowed("fs.read=/srv:/data")), ADA)

    assert raised.value.message == (
        "fs.read=/data is allowed to 'grep', but that directory cannot be used"
    )
    assert raised.value.hint == (
        "hatchway doctor says why, or: hatchway revoke grep fs.read=/srv:/data"
    )


def test_a_directory_reaches_the_guest_as_it_was_opened() -> None:
    read, write = allowed("fs.read=/srv:/data", "fs.write=/out;quota=1MiB")
    assert isinstance(read, FileAccess)
    assert isinstance(write, FileAccess)
    opened = replace(policy(read, write), directories={read: 7, write: 8})

    assert decide(tool(), opened, ADA).directories == (
        GrantedDirectory(guest_path="/data", descriptor=7, is_writable=False),
        GrantedDirectory(guest_path="/out", descriptor=8, is_writable=True, quota_bytes=1 << 20),
    )


def scratch(count: int, **manifest: Any) -> Grant:
    entry = ToolPolicy(name="grep", source="g", limits=Limits(scratch_bytes=count))
    asked = replace(tool(), manifest=ToolManifest(name=None, **manifest))
    return decide(asked, Policy(tools={"grep": entry}), ADA)


def test_a_workspace_comes_with_scratch_space_and_is_called_what_the_manifest_says() -> None:
    assert scratch(0).workspace is None
    assert scratch(1).workspace == "/work"
    assert scratch(1, workspace="/room").workspace == "/room"


@pytest.mark.parametrize(
    "needs",
    [
        {"files": (InputFile(path="in", value="{a}"),)},
        {"results": (ResultMapping(kind="text", file="out"),)},
    ],
)
def test_a_tool_that_works_on_files_is_refused_without_scratch_space(needs: Any) -> None:
    with pytest.raises(NotAuthorizedError) as raised:
        scratch(0, **needs)

    assert raised.value.message == (
        "'grep.run' works on files, and its limits give it no scratch space"
    )
    assert raised.value.hint == "hatchway add SOURCE --name grep --limit scratch=16MiB"
    assert scratch(1, **needs).workspace == "/work"


def test_a_directory_with_the_workspaces_name_is_refused() -> None:
    (granted_there,) = allowed("fs.write=/srv:/work")
    assert isinstance(granted_there, FileAccess)
    entry = ToolPolicy(
        name="grep", source="g", allow=(granted_there,), limits=Limits(scratch_bytes=1)
    )
    opened = Policy(tools={"grep": entry}, directories={granted_there: 7})

    with pytest.raises(NotAuthorizedError) as raised:
        decide(tool(), opened, ADA)

    assert raised.value.message == "two directories of 'grep.run' are called /work"
    assert raised.value.hint is not None
    assert raised.value.hint.startswith("hatchway revoke grep fs.write=/srv:/work")
    assert (
        decide(
            replace(tool(), manifest=ToolManifest(name=None, workspace="/room")), opened, ADA
        ).workspace
        == "/room"
    )


def test_a_variable_that_the_host_lacks_refuses_the_call() -> None:
    with pytest.raises(NotAuthorizedError) as raised:
        decide(tool(), policy(*allowed("env=LANG")), ADA)

    assert raised.value.message == (
        "env=LANG is allowed to 'grep', but the host has no such variable"
    )
    assert raised.value.hint == "set LANG, or: hatchway revoke grep env=LANG"


def test_a_variable_with_a_value_of_the_operators_needs_none_of_the_host() -> None:
    grant = decide(tool(), policy(*allowed("env=LANG=C")), ADA)

    assert grant.environment == (("LANG", "C"),)


def test_an_inherited_variable_has_the_hosts_value_even_if_it_is_empty() -> None:
    grant = decide(tool(), policy(*allowed("env=LANG"), LANG="", OTHER="x"), ADA)

    assert grant.environment == (("LANG", ""),)


# The network

ORIGIN = HttpAccess(scheme="https", host="e.org", port=443)
KEY = SecretRule(
    name="KEY", kind="env", source="API_KEY", origin=ORIGIN, header="x-key", template="K {}"
)


def networked(*secrets: SecretRule, values: tuple[BoundSecret, ...] = (), **more: Any) -> Policy:
    """A policy that allows `grep` one origin."""
    entry = ToolPolicy(
        name="grep",
        source="g.wasm",
        allow=(ORIGIN,),
        secrets=secrets,
        egress=EgressLimits(concurrent=2),
    )
    return Policy(tools={"grep": entry}, secrets={"grep": values}, **more)


def test_without_an_origin_there_is_no_way_to_the_broker() -> None:
    open_to_all = replace(
        policy(*allowed("clock")), flow=FlowRule(), route=Route(proxy="http://p:1")
    )

    assert decide(tool(), open_to_all, ADA).egress is None


@pytest.mark.claim("egress.exact-origin")
def test_with_an_origin_the_grant_says_all_that_the_broker_may_do() -> None:
    flow, route = FlowRule(may_reach=(ORIGIN,)), Route(proxy="http://p:1", authorities="/ca.pem")
    value = KEY.bound(Secret("hunter2"))

    grant = decide(tool(), networked(KEY, values=(value,), flow=flow, route=route), ADA)

    assert grant.egress == EgressGrant(
        origins=(ORIGIN,),
        secrets=(value,),
        limits=EgressLimits(concurrent=2),
        flow=flow,
        route=route,
    )
    assert grant.capabilities == (ORIGIN,)
    assert "hunter2" not in repr(grant)


@pytest.mark.claim("egress.secrets")
def test_a_sandbox_knows_nothing_of_what_the_broker_may_do() -> None:
    grant = decide(tool(), networked(KEY, values=(KEY.bound(Secret("hunter2")),)), ADA)

    assert inside(grant) == replace(grant, egress=None)
    assert inside(grant).capabilities == (ORIGIN,)


@pytest.mark.claim("egress.secrets")
def test_a_value_goes_where_the_policy_says_whatever_came_with_it() -> None:
    elsewhere = replace(KEY.bound(Secret("hunter2")), host="evil.example", header="cookie")

    grant = decide(tool(), networked(KEY, values=(elsewhere,)), ADA)

    assert grant.egress is not None
    (bound,) = grant.egress.secrets
    assert (bound.host, bound.header, bound.secret) == ("e.org", "x-key", elsewhere.secret)


def test_a_value_that_no_rule_asks_for_stays_behind() -> None:
    grant = decide(tool(), networked(values=(KEY.bound(Secret("hunter2")),)), ADA)

    assert grant.egress is not None
    assert grant.egress.secrets == ()


@pytest.mark.claim("egress.secrets")
def test_a_secret_without_a_value_refuses_the_call() -> None:
    with pytest.raises(NotAuthorizedError) as raised:
        decide(tool(), networked(KEY, values=(replace(KEY, name="B").bound(Secret("x")),)), ADA)

    assert raised.value.message == "'grep' uses the secret KEY, and the host has no value for it"
    assert raised.value.hint == "see to it that env:API_KEY yields one"


UNGRANTABLE = "raw sockets and name look-ups are granted for one exact host, not a wildcard"


@pytest.mark.parametrize(
    ("capability", "step"),
    [
        ("clock", "hatchway grant grep clock"),
        ("env=LANG", "hatchway grant grep env=LANG"),
        ("fs.read=/in%3Aput", "hatchway grant grep fs.read=DIRECTORY:/in%3Aput"),
        ("net.http=https://e.org", "hatchway grant grep net.http=https://e.org"),
        ("net.http=https://*.e.org", "hatchway grant grep 'net.http=https://*.e.org'"),
        ("net.http=http://[::1]", "hatchway grant grep 'net.http=http://[::1];internal'"),
        ("net.http=http://localhost", "hatchway grant grep 'net.http=http://localhost;internal'"),
        ("net.http=https://e.org/$(id)", "hatchway grant grep 'net.http=https://e.org/$(id)'"),
        ("tool=sed", "hatchway grant grep tool=sed"),
        ("net.dns=e.org:53", "hatchway grant grep net.dns=e.org:53"),
        ("net.socket=[::1]:5432", "hatchway grant grep 'net.socket=[::1]:5432;internal'"),
        ("net.dns=*.e.org:53", UNGRANTABLE),
    ],
)
def test_the_next_step_is_a_command_or_the_reason_why_there_is_none(
    capability: str, step: str
) -> None:
    assert next_step("grep", parse_capability(capability, side="wanted")) == step


@patient
@given(limits, st.integers(0, 1 << 62), st.floats(0, 7200))
def test_a_call_within_another_never_gets_more_than_its_own_grant(
    own: Limits, fuel: int, seconds: float
) -> None:
    grant = decide(tool(), policy(*allowed("clock"), limits=own), ADA)

    inner = bounded(grant, fuel=fuel, deadline_seconds=seconds)

    left = replace(
        own,
        fuel=min(fuel, own.fuel),
        deadline_seconds=min(seconds, own.deadline_seconds),
    )
    assert inner == replace(grant, limits=left)
