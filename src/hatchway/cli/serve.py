"""`hatchway serve`: the MCP server."""

from __future__ import annotations

import resource
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from hatchway.cli.options import application
from hatchway.cli.output import plural, say, warn
from hatchway.core.errors import ConfigError
from hatchway.core.events import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from hatchway.compose import Application
    from hatchway.runtime.reloading import Reloader
    from hatchway.runtime.runtime import Runtime
    from hatchway.runtime.watching import Watcher
    from hatchway.serve.door import Doorkeeper
    from hatchway.serve.http import Address
    from hatchway.serve.stdio import Wire

_OPEN_FILES = 1 << 16


def serve(
    context: typer.Context,
    http: Annotated[
        str | None,
        typer.Option(
            "--http", metavar="HOST:PORT", help="Listen on a loopback address instead of stdio."
        ),
    ] = None,
    discovery: Annotated[
        bool,
        typer.Option(
            "--discovery", help="List three tools that find and run the others, instead of all."
        ),
    ] = False,
) -> None:
    """Serve the tools of the policy over MCP; on stdio unless --http is given."""

    @contextmanager
    def opened() -> Iterator[Served]:
        found = application(context)
        runtime, reloader = found.live(say)
        yield Served(application=found, runtime=runtime, reloader=reloader)

    serve_application(http, opened, has_discovery=discovery)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What a server serves, and what keeps it up to date."""

    application: Application
    runtime: Runtime
    reloader: Reloader


def serve_application(
    http: str | None,
    opened: Callable[[], AbstractContextManager[Served]],
    *,
    has_discovery: bool = False,
) -> None:
    """Serve until whoever listens goes away.

    Args:
        http: Where to listen; None for stdio.
        opened: Makes what is served, once standard output belongs to the protocol.
        has_discovery: Whether three tools that find and run the others are listed instead.

    Raises:
        ConfigError: The address cannot be listened at.
    """
    from hatchway.serve.http import parse_address

    address = None if http is None else parse_address(http)
    _allow_many_files()
    in_terminal = sys.stdin is not None and sys.stdin.isatty()
    # Before anything else runs: from here on stdout belongs to the protocol.
    wire = _take_wire() if address is None else None
    with opened() as served:
        _serve(served, address, wire, in_terminal=in_terminal, has_discovery=has_discovery)


def _serve(
    served: Served,
    address: Address | None,
    wire: Wire | None,
    *,
    in_terminal: bool,
    has_discovery: bool,
) -> None:
    opened, runtime = served.application, served.runtime
    for item in runtime.catalog.quarantined:
        warn(f"{item.name} is not offered: {item.error.message}")
    for notice in runtime.catalog.notices:
        warn(notice.message)
    doorkeeper = _doorkeeper(opened, runtime, has_discovery=has_discovery)
    tools = plural(len(runtime.catalog.entries), "tool")
    opened.record("server.started", Severity.INFORMATIONAL, f"serving {tools}")
    watcher = _watch(served.reloader, in_terminal=in_terminal)
    try:
        if wire is not None:
            doorkeeper.open_stdio(wire)
        elif address is not None:
            doorkeeper.open_http(
                address,
                opened.directories.http_token,
                lambda bound: _announce(opened, bound, tools),
            )
    except OSError as error:
        message = f"the server cannot go on: {error}"
        raise ConfigError(message, code="config.bad_address") from error
    finally:
        watcher.stop()
        opened.guests.close()
        opened.record("server.stopped", Severity.INFORMATIONAL, "the server stopped")


def _allow_many_files() -> None:
    """As many open files as the system lets this process have: guests may hold some."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _take_wire() -> Wire:
    from hatchway.serve.stdio import Wire

    if sys.stdin.isatty():
        say("serving MCP on standard input and output; press Ctrl-D to stop")
    return Wire()


def _watch(reloader: Reloader, *, in_terminal: bool) -> Watcher:
    """Keep up with the files of the policy from now on."""
    from hatchway.runtime.watching import Watcher

    watcher = Watcher(reloader, say)
    watcher.start()
    if not in_terminal:  # where a hang-up means that whoever started us has gone
        signal.signal(signal.SIGHUP, lambda *_: watcher.reload())
    return watcher


def _doorkeeper(opened: Application, runtime: Runtime, *, has_discovery: bool) -> Doorkeeper:
    from hatchway.serve.door import Doorkeeper

    def rejected(name: str, why: str) -> None:
        warn(f"{name} is not offered: {why}")
        opened.record(
            "tool.quarantined", Severity.MEDIUM, f"{name}: {why}", tool=name, code="config.no_tool"
        )

    def lost(count: int) -> None:
        warn(f"{plural(count, 'thread')} did not come back from a call")
        opened.record(
            "server.degraded", Severity.HIGH, f"{plural(count, 'thread')} did not come back"
        )

    return Doorkeeper(
        runtime,
        at_once=opened.sandbox.settings.concurrent_calls,
        on_rejected=rejected,
        on_lost_thread=lost,
        has_discovery=has_discovery,
    )


def _announce(opened: Application, bound: Address, tools: str) -> None:
    say(f"serving {tools} at {bound.url}")
    say(f"clients send the token in {opened.directories.http_token} as Authorization: Bearer …")
