"""`hatchway doctor`: what works on this machine, what is missing, how to fix it."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import typer

import hatchway
from hatchway.cli.options import Json, application
from hatchway.cli.output import plural, print_json, print_line, say
from hatchway.core.capability import HttpAccess, ToolUse
from hatchway.core.errors import ConfigError, HatchwayError
from hatchway.core.untrusted import harmless
from hatchway.policy.decide import is_on_network, isolation_of
from hatchway.policy.reach import reach_in_words
from hatchway.runtime.secrets import require_authorities, with_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatchway.compose import Application
    from hatchway.core.isolation import Layer
    from hatchway.workers.confinement.probing import Wall

State = Literal["ok", "note", "problem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at.

    Attributes:
        state: `note` is something the platform or this version lacks and that is no fault.
    """

    name: str
    state: State
    detail: str
    hint: str | None = None


def doctor(context: typer.Context, json: Json = False) -> int:
    """Check this machine and this configuration, and say how to fix what is wrong."""
    checks = list(_all(context))
    if json:
        print_json(
            [{"name": c.name, "state": c.state, "detail": c.detail, "hint": c.hint} for c in checks]
        )
    else:
        for check in checks:
            print_line(f"{check.state:<8} {check.name}: {check.detail}")
            if check.hint:
                print_line(f"         hint: {check.hint}")
    problems = sum(check.state == "problem" for check in checks)
    say(f"{plural(problems, 'problem')} found" if problems else "everything needed is here")
    return ConfigError.exit_status if problems else 0


def _all(context: typer.Context) -> Iterator[Check]:
    yield Check(
        name="hatchway",
        state="ok",
        detail=f"{hatchway.__version__} on Python {platform.python_version()}, {sys.platform}",
    )
    yield _platform()
    try:
        opened = application(context)
    except HatchwayError as error:
        yield _failed("configuration", error)
        return
    for name, look in _LOOKS.items():
        try:
            yield from look(opened)
        except HatchwayError as error:
            yield _failed(name, error)


def _failed(name: str, error: HatchwayError) -> Check:
    return Check(name=name, state="problem", detail=error.message, hint=error.hint)


def _platform() -> Check:
    name = sys.platform
    if name == "linux":
        return Check(name="platform", state="ok", detail=f"Linux {platform.release()}")
    detail = f"{name}: not tested; no sealed memory files, a Python thread as the clock"
    return Check(name="platform", state="note", detail=detail)


def _directories(opened: Application) -> Iterator[Check]:
    own = opened.directories
    for name in ("config", "data", "state", "cache"):
        directory = getattr(own, name)
        nearest = next(path for path in (directory, *directory.parents) if path.exists())
        if os.access(nearest, os.W_OK):
            yield Check(name=f"{name} directory", state="ok", detail=str(directory))
        else:
            yield Check(
                name=f"{name} directory",
                state="problem",
                detail=f"{directory} cannot be written",
                hint=f"point XDG_{name.upper()}_HOME at a directory you may write to",
            )


def _engine(opened: Application) -> Iterator[Check]:
    sandbox = opened.sandbox
    pool = "instances come from a pool" if sandbox.is_pooled else "instances are mapped one by one"
    detail = f"wasmtime {sandbox.wasmtime_version}, {pool}, ticks by {sandbox.ticker.kind}"
    if sandbox.is_pooled:
        yield Check(name="engine", state="ok", detail=detail)
    else:
        hint = "the pool needs address space; see `ulimit -v`"
        yield Check(name="engine", state="note", detail=detail, hint=hint)


def _walls(opened: Application) -> Iterator[Check]:
    """Run a guest that reads outside its memory: it must trap, here and now."""
    from hatchway.runtime.selftest import walls_hold

    if walls_hold(opened.sandbox):
        yield Check(name="walls", state="ok", detail="an access outside a guest's memory traps")
    else:
        detail = "a guest read outside its memory and did not trap"
        yield Check(name="walls", state="problem", detail=detail, hint="do not run tools here")


def _events(opened: Application) -> Iterator[Check]:
    opened.events.close()
    yield Check(name="events", state="ok", detail=str(opened.directories.events))


def _policy(opened: Application) -> Iterator[Check]:
    catalog = opened.catalog()
    count = plural(len(catalog.entries), "tool")
    detail = f"{opened.project.policy_file}: {count} ready"
    yield Check(name="policy", state="ok", detail=detail)
    for item in catalog.quarantined:
        yield Check(
            name=f"tool {item.name}",
            state="problem",
            detail=item.error.message,
            hint=item.error.hint,
        )


def _trust(opened: Application) -> Iterator[Check]:
    catalog = opened.catalog()
    trust = catalog.policy.trust
    if trust.mode == "report":
        hint = 'mode = "enforce" in [trust]'
        detail = "the policy only reports what is not signed as it asks; nothing is refused"
        yield Check(name="trust", state="problem", detail=detail, hint=hint)
    elif trust.rules:
        asked = plural(len(trust.rules), "rule")
        yield Check(name="trust", state="ok", detail=f"signatures are asked for by {asked}")
    else:
        detail = "the policy has no [[trust.rules]]: nobody is asked to sign anything"
        yield Check(name="trust", state="note", detail=detail)
    for notice in catalog.notices:
        yield Check(name=f"tool {notice.tool}", state="problem", detail=notice.message)


def _files(opened: Application) -> Iterator[Check]:
    if opened.can_grant_directories:
        detail = "directories can be granted; scratch space is in memory, with an exact quota"
        yield Check(name="files", state="ok", detail=detail)
    else:
        detail = "scratch space only: this system has no openat2 to keep a tool in a directory"
        yield Check(name="files", state="note", detail=detail, hint="Linux 5.6 or newer has it")


def _kernel_walls(opened: Application) -> Iterator[Check]:
    """Every layer around workers, put up and tried; then who runs without any."""
    required = _required(opened)
    yield from (_kernel_wall(wall, required) for wall in opened.walls())
    policy = opened.project.in_force().policy
    for name, entry in policy.tools.items():
        if is_on_network(entry) and isolation_of(entry, policy) == "thread":
            detail = "may use the network, and runs in Hatchway's own process without these walls"
            hint = f'isolation = "worker" in [tools.{name}]'
            yield Check(name=f"tool {name}", state="note", detail=detail, hint=hint)


def _required(opened: Application) -> tuple[Layer, ...]:
    """The layers that the policy demands; none where it cannot be read, which shows elsewhere."""
    try:
        return opened.project.in_force().policy.workers.require
    except HatchwayError:
        return ()


def _kernel_wall(wall: Wall, required: tuple[Layer, ...]) -> Check:
    name, detail = f"kernel wall: {wall.layer}", harmless(wall.detail, limit=300)
    if wall.holds:
        cost = "" if wall.cost_us is None else f"; putting it up takes {wall.cost_us} µs"
        return Check(name=name, state="ok", detail=detail + cost)
    if wall.layer in required:
        detail = f"the policy requires it, and it does not hold here: {detail}"
        return Check(name=name, state="problem", detail=detail, hint=_WALL_HINTS[wall.layer])
    detail = f"it does not hold here, and workers go without it: {detail}"
    return Check(name=name, state="note", detail=detail, hint=_WALL_HINTS[wall.layer])


_WALL_HINTS: dict[Layer, str] = {
    "landlock": "Linux 6.12 or newer has all of it; `landlock` must be among the kernel's `lsm=`",
    "seccomp": "a kernel built with CONFIG_SECCOMP_FILTER, or a container that allows seccomp",
    "namespaces": "user namespaces for this user: see `sysctl user.max_user_namespaces "
    "kernel.unprivileged_userns_clone kernel.apparmor_restrict_unprivileged_userns`",
    "limits": "Linux has them",
}


_AMBIENT = ("http_proxy", "https_proxy", "all_proxy", "ssl_cert_file", "ssl_cert_dir")
"""What other programs let the environment say about their way out."""


def _network(opened: Application) -> Iterator[Check]:
    policy = opened.project.in_force().policy
    origins = {
        name: [item for item in entry.allow if isinstance(item, HttpAccess)]
        for name, entry in policy.tools.items()
    }
    using = [name for name, granted in origins.items() if granted]
    count = sum(map(len, origins.values()))
    detail = f"{plural(len(using), 'tool')} may send requests, to {plural(count, 'origin')}"
    way = "" if policy.route.proxy is None else f", through {policy.route.proxy}"
    yield Check(name="network", state="ok", detail=detail + way)
    require_authorities(policy.route)
    for name, entry in policy.tools.items():
        for rule in entry.secrets:
            try:
                with_secrets(policy, needed_by=(name,))
            except ConfigError as error:
                yield _failed(f"secrets of {name}", error)
                break
            yield Check(name=f"secret {rule.name} of {name}", state="ok", detail="it is there")
    for variable in os.environ:
        if variable.lower() in _AMBIENT and using:
            detail = f"{variable} is set, and tools do not go by it"
            hint = "[egress] proxy and authorities say how the broker gets out"
            yield Check(name="network", state="note", detail=detail, hint=hint)


def _inner_calls(opened: Application) -> Iterator[Check]:
    """What is within reach of the entries that may call tools."""
    entries = opened.project.in_force().policy.tools
    for name, entry in entries.items():
        if any(isinstance(item, ToolUse) for item in entry.allow):
            detail = f"reaches {reach_in_words(entries, name)}"
            yield Check(name=f"tools of {name}", state="ok", detail=detail)


_LOOKS: dict[str, Callable[[Application], Iterator[Check]]] = {
    "directories": _directories,
    "engine": _engine,
    "walls": _walls,
    "files": _files,
    "policy": _policy,
    "trust": _trust,
    "network": _network,
    "tools": _inner_calls,
    "events": _events,
    "kernel walls": _kernel_walls,
}
