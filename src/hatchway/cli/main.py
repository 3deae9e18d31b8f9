"""The entry point: every command, and what happens when one fails."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import hatchway
from hatchway.cli.add import add
from hatchway.cli.audit import audit
from hatchway.cli.bench import bench
from hatchway.cli.build import build
from hatchway.cli.call import call
from hatchway.cli.demo import demo
from hatchway.cli.dev import dev
from hatchway.cli.doctor import doctor
from hatchway.cli.events import events
from hatchway.cli.exec import exec_code
from hatchway.cli.explain import explain
from hatchway.cli.grant import grant, revoke
from hatchway.cli.import_policy import import_policy
from hatchway.cli.inspect import inspect
from hatchway.cli.install import install
from hatchway.cli.keygen import keygen
from hatchway.cli.list import list_tools
from hatchway.cli.new import new
from hatchway.cli.options import Chosen
from hatchway.cli.output import complain, say
from hatchway.cli.pack import pack
from hatchway.cli.prune import prune
from hatchway.cli.push import push
from hatchway.cli.remove import remove
from hatchway.cli.run import run_file
from hatchway.cli.serve import serve
from hatchway.cli.server_json import server_json_command
from hatchway.cli.show import show
from hatchway.cli.sign import sign
from hatchway.cli.streams import flushed, is_lost_output, require_streams, status_of_loss
from hatchway.cli.test import run_tests
from hatchway.cli.trust import trust
from hatchway.cli.update import update
from hatchway.cli.verify import verify
from hatchway.core.errors import ConfigError, HatchwayError, InternalError

app = typer.Typer(
    help="MCP tools in WebAssembly sandboxes that start with nothing.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        print(f"hatchway {hatchway.__version__}")
        raise typer.Exit


@app.callback()
def main(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="Use this policy instead of the nearest."),
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback acts
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", is_eager=True, callback=_show_version
        ),
    ] = False,
) -> None:
    """MCP tools in WebAssembly sandboxes that start with nothing."""
    chosen = Chosen()
    chosen.config = config
    context.obj = chosen


app.command("demo")(demo)
app.command("inspect")(inspect)
app.command("audit")(audit)
app.command("add")(add)
app.command("update")(update)
app.command("remove")(remove)
app.command("prune")(prune)
app.command("list")(list_tools)
app.command("show")(show)
app.command("trust")(trust)
app.command("grant")(grant)
app.command("revoke")(revoke)
app.command("explain")(explain)
app.command("import")(import_policy)
app.command("call")(call)
app.command("new")(new)
app.command("build")(build)
app.command("test")(run_tests)
app.command("dev")(dev)
app.command("pack")(pack)
app.command("push")(push)
app.command("server-json")(server_json_command)
app.command("keygen")(keygen)
app.command("sign")(sign)
app.command("verify")(verify)
app.command("run")(run_file)
app.command("exec")(exec_code)
app.command("serve")(serve)
app.command("install")(install)
app.command("events")(events)
app.command("doctor")(doctor)
app.command("bench")(bench)

_INTERRUPTED = 130


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    try:
        require_streams()
    except ConfigError as error:
        complain(error)
        sys.exit(error.exit_status)
    sys.exit(flushed(status_of(sys.argv[1:] if arguments is None else arguments)))


def status_of(arguments: list[str]) -> int:
    """Run the command line; the status it would exit with."""
    command = typer.main.get_command(app)
    try:
        # Nothing at all is the first thing people try.
        asked = arguments or ["--help"]
        result = command.main(args=asked, prog_name="hatchway", standalone_mode=False)
    except HatchwayError as error:
        complain(error)
        return error.exit_status
    except typer.Exit as stop:
        return stop.exit_code
    except typer.Abort:
        say("aborted")
        return ConfigError.exit_status
    except SystemExit:  # typer's way to end a command that nobody reads
        return status_of_loss(None)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the top of the command line
        return _status_of_unexpected(error)
    if result == _INTERRUPTED:  # typer turns an interrupt into its status by itself
        say("interrupted")
    return result if isinstance(result, int) else 0


def _status_of_unexpected(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        say("interrupted")
        return _INTERRUPTED
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        # A usage error of the option parser: a wrong flag, a missing argument.
        context = getattr(error, "ctx", None)
        hint = None if context is None else f"{context.command_path} --help"
        complain(ConfigError(error.format_message(), code="config.usage", hint=hint))
        return ConfigError.exit_status
    if is_lost_output(error):
        return status_of_loss(error)
    import traceback

    traceback.print_exception(error, file=sys.stderr)
    bug = InternalError(
        f"{type(error).__name__}: {error}",
        hint="this is a bug in Hatchway; please report it with the lines above",
    )
    complain(bug)
    return bug.exit_status
