"""`hatchway install`: tell an MCP client about this server."""

from __future__ import annotations

import json as json_format
import os
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from hatchway.cli.options import application
from hatchway.cli.output import print_json, print_line, say
from hatchway.core.errors import ConfigError

CLIENTS = ("claude-code", "claude-desktop", "cursor", "vscode", "codex")

Client = Annotated[str, typer.Argument(metavar="CLIENT", help=f"One of {', '.join(CLIENTS)}.")]


def install(
    context: typer.Context,
    client: Client,
    write: Annotated[
        bool, typer.Option("--write", help="Edit the client's configuration, keeping a backup.")
    ] = False,
    name: Annotated[
        str, typer.Option("--name", help="What the client calls this server.")
    ] = "hatchway",
    print_only: Annotated[
        bool, typer.Option("--print", help="Show what would be written; the default.")
    ] = False,
) -> None:
    """Show or write the configuration that makes an MCP client use this server."""
    if client not in CLIENTS:
        message = f"unknown client {client!r}"
        raise ConfigError(message, hint=f"one of {', '.join(CLIENTS)}")
    if write and print_only:
        message = "--write and --print exclude each other"
        raise ConfigError(message)
    opened = application(context)
    opened.project.require_in_force()
    command = _command()
    arguments = [*command[1:], "--config", str(opened.project.policy_file), "serve"]
    if client == "codex":
        _install_toml(client, name, command[0], arguments, write=write)
        return
    _install_json(client, name, command[0], arguments, write=write)


def _install_json(
    client: str, name: str, command: str, arguments: list[str], *, write: bool
) -> None:
    file = _file(client)
    section = "servers" if client == "vscode" else "mcpServers"
    entry: dict[str, Any] = {"command": command, "args": arguments}
    if client in ("vscode", "claude-code"):
        entry = {"type": "stdio", **entry}
    if not write:
        say(f"for {file}:")
        print_json({section: {name: entry}})
        if client == "claude-code":
            say("or run: " + " ".join(["claude mcp add", name, "--", command, *arguments]))
        say(f"write it with: hatchway install {client} --write")
        return
    document = _read_json(file)
    if not isinstance(document.setdefault(section, {}), dict):
        message = f"{str(file)!r} has a {section!r} that is not an object"
        raise ConfigError(message)
    document[section][name] = entry
    _replace(file, json_format.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _command() -> list[str]:
    """How a client starts this Hatchway, whatever its PATH is."""
    script = Path(sys.argv[0])
    if script.name == "hatchway" and script.exists():
        return [str(script.absolute())]
    found = shutil.which("hatchway")
    if found:
        return [str(Path(found).absolute())]
    return [sys.executable, "-m", "hatchway"]


def _file(client: str) -> Path:
    home = Path.home()
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    support = home / "Library" / "Application Support"
    is_mac = sys.platform == "darwin"
    return {
        "claude-code": home / ".claude.json",
        "claude-desktop": (support if is_mac else config) / "Claude" / "claude_desktop_config.json",
        "cursor": home / ".cursor" / "mcp.json",
        "vscode": (support if is_mac else config) / "Code" / "User" / "mcp.json",
    }[client]


def _read_json(file: Path) -> dict[str, Any]:
    try:
        document = json_format.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        message = f"{str(file)!r} is not JSON that could be edited: {error}"
        hint = "add the entry by hand; without --write it is printed"
        raise ConfigError(message, code="config.unreadable", hint=hint) from error
    if not isinstance(document, dict):
        message = f"{str(file)!r} does not hold a JSON object"
        raise ConfigError(message, code="config.unreadable")
    return document


def _install_toml(
    client: str, name: str, command: str, arguments: list[str], *, write: bool
) -> None:
    import tomlkit
    import tomlkit.exceptions

    file = Path.home() / ".codex" / "config.toml"
    entry = {"command": command, "args": arguments}
    if not write:
        say(f"for {file}:")
        print_line(tomlkit.dumps({"mcp_servers": {name: entry}}).rstrip())
        say(f"write it with: hatchway install {client} --write")
        return
    try:
        document = tomlkit.parse(file.read_text("utf-8") if file.exists() else "")
    except (OSError, tomlkit.exceptions.ParseError) as error:
        message = f"{str(file)!r} is not TOML that could be edited: {error}"
        raise ConfigError(message, code="config.unreadable") from error
    servers: Any = document.setdefault("mcp_servers", tomlkit.table(is_super_table=True))
    servers[name] = entry
    _replace(file, tomlkit.dumps(document))


def _replace(file: Path, text: str) -> None:
    """Put `text` into `file` at once, keeping what was there beside it."""
    from hatchway.registry.files import write_atomically

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists():
            backup = file.with_name(f"{file.name}.hatchway-backup")
            write_atomically(backup, file.read_bytes())
            say(f"kept the old configuration as {backup}")
        write_atomically(file, text.encode())
    except OSError as error:
        message = f"cannot write {str(file)!r}: {error.strerror}"
        raise ConfigError(message, code="config.unwritable") from error
    say(f"wrote {file}; restart the client to use it")
