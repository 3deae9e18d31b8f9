"""What a project's policy would allow, in words for whoever is asked to trust it.

Everything here was written by whoever made the project. Nothing of it reaches a terminal
unescaped, and nothing of it is left out: what is too long for one line has a line of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.core.untrusted import printable
from hatchway.policy.decide import is_on_network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.core.capability import HttpAccess, SocketAccess
    from hatchway.policy.document import Policy, ToolPolicy
    from hatchway.policy.secrets import SecretRule

_ONE_LINE = 400
"""Characters of the grants of one tool that are shown in one line."""
_LONGEST = 1 << 14
"""Characters of one value; longer than the policy takes any."""


def power_lines(policy: Policy) -> list[str]:
    """What every tool may do and which secrets leave with it, then what holds for all tools."""
    lines = [line for name, entry in policy.tools.items() for line in _tool(name, entry)]
    return [*lines, *_route(policy), *_flow(policy)]


def missing_wall_lines(policy: Policy, own: Policy) -> list[str]:
    """What the user's `own` policy demands around workers, and `policy` does not."""
    missing = [each for each in own.workers.require if each not in policy.workers.require]
    if not missing:
        return []
    return [f"  it does not require {', '.join(missing)} around workers, as your own policy does"]


def _tool(name: str, entry: ToolPolicy) -> Iterator[str]:
    granted = [_whole(str(capability)) for capability in entry.allow]
    in_one = ", ".join(granted) or "nothing"
    about = f"  {name}: {_whole(entry.source)}, granted"
    if len(in_one) <= _ONE_LINE:
        yield f"{about} {in_one}"
    else:
        yield about
        yield from (f"    {each}" for each in granted)
    if entry.isolation == "thread" and is_on_network(entry):
        yield "    runs in Hatchway's own process, though it may use the network"
    yield from map(_secret, entry.secrets)


def _secret(rule: SecretRule) -> str:
    # The words of a command may hold what nobody should read over a shoulder.
    source = "a command" if rule.kind == "command" else f"{rule.kind}:{_whole(rule.source)}"
    return f"    secret {rule.name} from {source} goes to {_origin(rule.origin)} as {rule.header}"


def _route(policy: Policy) -> Iterator[str]:
    route = policy.route
    if route.proxy is not None:
        yield f"  all requests go through {_whole(route.proxy)}"
    if route.authorities is not None:
        yield f"  TLS believes {_whole(route.authorities)} instead of the system's authorities"


def _flow(policy: Policy) -> Iterator[str]:
    if policy.flow is not None:
        origins = ", ".join(map(_origin, policy.flow.may_reach)) or "nothing"
        yield f"  after a private read, a call reaches {origins}"


def _origin(origin: HttpAccess | SocketAccess) -> str:
    return _whole(str(origin).removeprefix("net.http=").replace("net.socket=", "tcp://"))


def _whole(text: str) -> str:
    return printable(text, limit=_LONGEST)
