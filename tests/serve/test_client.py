"""Our own MCP client: what goes wrong with a server is an error in our words."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from hatchway.core.errors import CallError, ConfigError
from hatchway.serve.client import Conversation, ServerCommand, converse

if TYPE_CHECKING:
    from pathlib import Path


def command(directory: Path, *arguments: str) -> ServerCommand:
    log = (directory / "log").open("w")
    return ServerCommand(command=arguments, environment={}, directory=directory, log=log)


async def nothing(_client: Conversation) -> None:
    """Say nothing."""


def test_a_server_that_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    server = command(tmp_path, str(tmp_path / "absent"))

    with server.log, pytest.raises(ConfigError) as caught:
        converse(server, nothing)

    assert caught.value.code == "config.server_unavailable"


def test_a_server_that_ends_at_once_is_an_error_of_ours(tmp_path: Path) -> None:
    server = command(tmp_path, sys.executable, "-c", "")

    with server.log, pytest.raises(ConfigError) as caught:
        converse(server, nothing)

    assert caught.value.code == "config.server_unavailable"


def test_what_a_conversation_raises_comes_out_as_it_is(tmp_path: Path) -> None:
    server = command(tmp_path, sys.executable, "-m", "hatchway", "serve")

    async def talk(client: Conversation) -> None:
        assert await client.tools() == ()
        await client.call("absent", {})

    with server.log, pytest.raises(CallError, match="refused 'absent'"):
        converse(server, talk)
