"""`hatchway serve`: the MCP server."""

from __future__ import annotations

import resource
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from hatchway.cli.options import application
from hatchway.cli.output import plural, say, warn
from hatchway.core.errors import ConfigError
from hatchway.core.events import Severity

if TYPE_CHECKING:
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
) -> None:
    """Serve the tools of the policy over MCP; on stdio unless --http is given."""
    from hatchway.serve.http import parse_address

    address = None if http is None else parse_address(http)
    _allow_many_files()
    in_terminal = sys.stdin is not None and sys.stdin.isatty()
    # Before anything else runs: from here on stdout belongs to the protocol.
    wire = _take_wire() if address is None else None
    opened = application(context)
    runtime, reloader = opened.live(say)
    for item in runtime.catalog.quarantined:
        warn(f"{item.name} is not offered: {item.error.message}")
    for notice in runtime.catalog.notices:
        warn(notice.message)
    doorkeeper = _doorkeeper(opened, runtime)
    tools = plural(len(runtime.catalog.entries), "tool")
    opened.record("server.started", Severity.INFORMATIONAL, f"serving {tools}")
    watcher = _watch(reloader, in_terminal=in_terminal)
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


def _doorkeeper(opened: Application, runtime: Runtime) -> Doorkeeper:
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
    )


def _announce(opened: Application, bound: Address, tools: str) -> None:
    say(f"serving {tools} at {bound.url}")
    say(f"clients send the token in {opened.directories.http_token} as Authorization: Bearer …")
