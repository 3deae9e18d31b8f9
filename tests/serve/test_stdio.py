"""Lines over standard input and output: nobody waits for an answer that never comes."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import anyio
import pytest

from hatchway.serve.stdio import LineReader, LineWriter, SoundLines

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def pipes() -> Iterator[tuple[int, int, int, int]]:
    """What a client writes to and the server reads, what the server writes to and it reads."""
    (server_in, client_out), (client_in, server_out) = os.pipe(), os.pipe()
    yield server_in, client_out, client_in, server_out
    for each in (server_in, client_in, server_out):
        os.close(each)


def passed(pipes: tuple[int, int, int, int], *lines: str) -> tuple[list[str], list[object]]:
    """The lines that reach the SDK, and the answers that the client gets at once."""
    server_in, client_out, client_in, server_out = pipes
    os.set_blocking(client_in, False)
    os.write(client_out, "".join(f"{line}\n" for line in lines).encode())
    os.close(client_out)

    async def main() -> list[str]:
        sound = SoundLines(LineReader(server_in), LineWriter(server_out))
        return [line.removesuffix("\n") async for line in sound]

    through = anyio.run(main)
    try:
        said = os.read(client_in, 1 << 16).decode()
    except BlockingIOError:
        said = ""
    return through, [json.loads(line) for line in said.splitlines()]


@pytest.mark.parametrize("number", [7, "seven"])
@pytest.mark.parametrize("torn", [r"\ud800", r"\uDFFF x", r"\ude00\ud83d"])
def test_a_request_with_half_a_character_is_answered_with_an_error(
    pipes: tuple[int, int, int, int], number: int | str, torn: str
) -> None:
    request = '{"jsonrpc": "2.0", "id": %s, "method": "tools/call", "params": {"query": "%s"}}'

    through, answers = passed(pipes, request % (json.dumps(number), torn), '{"id": 8}')

    assert through == ['{"id": 8}']
    error = {"code": -32700, "message": "the message contains a lone surrogate"}
    assert answers == [{"jsonrpc": "2.0", "id": number, "error": error}]


@pytest.mark.parametrize(
    "line",
    [
        r'{"id": 1, "text": "\ud83d\ude00"}',
        r'{"id": 1, "text": "\\ud800"}',
        r'{"method": "notifications/x", "text": "\ud800"}',
        r'["\ud800"]',
        r"no JSON \ud800",
        r'{"text": "\ud800", "id": ' + "[" * 50_000,
    ],
    ids=["pair", "spelled-out", "notification", "list", "no-json", "deep"],
)
def test_every_other_line_goes_on_as_it_came(pipes: tuple[int, int, int, int], line: str) -> None:
    assert passed(pipes, line) == ([line], [])
