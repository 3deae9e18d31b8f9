"""An interpreter as an MCP tool, through a real client."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import anyio
import jsonschema
import pytest
from code_homes import code_bench
from doors import ERAS, in_memory
from interpreters import built
from mcp import types
from workbench import ask

from hatchway.runtime.code_tools import CODE_INPUT, CODE_OUTPUT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mcp import Client
    from workbench import Workbench

PNG = b"\x89PNG\r\n\x1a\n"
LIMITS: dict[str, str | int] = {
    "memory": "256MiB",
    "scratch": "16MiB",
    "fuel": 10**12,
    "deadline": "5s",
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """An application that offers `python`, and `hasty`, which has half a second."""
    home = tmp_path_factory.mktemp("code")
    with pytest.MonkeyPatch.context() as patch:
        for kind in ("CONFIG", "DATA", "STATE", "CACHE"):
            patch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))
        bench = code_bench(home)
    keeper = bench.application.keeper
    for name, limits in {"python": LIMITS, "hasty": {**LIMITS, "deadline": "500ms"}}.items():
        keeper.keep(keeper.examine(name, str(built())), [], limits)
    return bench


def with_client(
    bench: Workbench, talk: Callable[[Client], Awaitable[None]], *, era: str = "auto"
) -> list[dict[str, Any]]:
    """Let a client talk to a server that offers interpreters; the events of that."""
    before = len(bench.events())

    async def main() -> None:
        async with in_memory(bench.runtime(), era) as client:
            await talk(client)

    anyio.run(main)
    return bench.events()[before:]


def texts(result: types.CallToolResult) -> list[str]:
    return [block.text for block in result.content if isinstance(block, types.TextContent)]


@pytest.mark.parametrize("era", ERAS)
def test_an_interpreter_is_one_tool_that_is_named_like_its_entry(
    era: str, bench: Workbench
) -> None:
    async def talk(client: Client) -> None:
        hasty, tool = (await client.list_tools()).tools

        assert (hasty.name, tool.name) == ("hasty", "python")
        assert tool.input_schema == CODE_INPUT
        assert tool.output_schema == CODE_OUTPUT
        assert tool.description is not None
        for word in ("last expression", "no network", "limited", "files"):
            assert word in tool.description
        result = await client.call_tool("python", {"code": "print('hi')\n6 * 7"})
        assert not result.is_error
        assert texts(result) == ["stdout:\nhi\n", "value:\n42"]
        assert result.structured_content == {
            "value": 42,
            "stdout": "hi\n",
            "stderr": "",
            "files": [],
        }

    with_client(bench, talk, era=era)


def test_inputs_and_files_go_in_and_images_and_files_come_back(bench: Workbench) -> None:
    code = """
open('chart.png', 'wb').write(open('pixels', 'rb').read())
open('drawing.svg', 'w').write('<svg xmlns="http://www.w3.org/2000/svg"/>')
open('sum.csv', 'w').write(f"{sum(rows)},{open('note.txt').read()}")
open('fake.png', 'w').write('<script>')
"""
    arguments = {
        "code": code,
        "inputs": {"rows": [1, 2]},
        "files": {"note.txt": "é", "pixels": {"base64": base64.b64encode(PNG).decode()}},
    }

    async def talk(client: Client) -> None:
        result = await client.call_tool("python", arguments)

        assert not result.is_error, texts(result)
        shown = {
            block.mime_type: base64.b64decode(block.data)
            for block in result.content
            if isinstance(block, types.ImageContent)
        }
        assert shown == {
            "image/png": PNG,
            "image/svg+xml": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        }
        embedded = [
            block.resource for block in result.content if isinstance(block, types.EmbeddedResource)
        ]
        assert embedded == [
            types.TextResourceContents(
                uri="hatchway:///python/fake.png", mime_type="text/plain", text="<script>"
            ),
            types.TextResourceContents(
                uri="hatchway:///python/sum.csv", mime_type="text/csv", text="3,é"
            ),
        ]

    with_client(bench, talk)


def test_a_data_url_is_shown_as_the_image_it_is(bench: Workbench) -> None:
    url = "data:image/png;base64," + base64.b64encode(PNG).decode()

    async def talk(client: Client) -> None:
        result = await client.call_tool("python", {"code": "url", "inputs": {"url": url}})

        (image,) = [each for each in result.content if isinstance(each, types.ImageContent)]
        assert base64.b64decode(image.data) == PNG

    with_client(bench, talk)


def test_a_failure_is_an_error_a_model_can_repair_from(bench: Workbench) -> None:
    async def talk(client: Client) -> None:
        result = await client.call_tool("python", {"code": "print('so far')\nrows[0]"})

        assert result.is_error
        said = "\n".join(texts(result))
        assert "so far" in said
        assert 'File "code.py", line 2' in said
        assert "NameError: name 'rows' is not defined" in said
        assert result.structured_content is not None
        jsonschema.validate(result.structured_content, CODE_OUTPUT)
        assert result.structured_content["exception"]["line"] == 2

    events = with_client(bench, talk)

    assert [event["event"] for event in events][-1] == "call.failed"


def test_a_stop_says_which_limit_and_what_was_printed_before(bench: Workbench) -> None:
    async def talk(client: Client) -> None:
        code = "print('so far', flush=True)\nwhile True: pass"
        result = await client.call_tool("hasty", {"code": code})

        assert result.is_error
        assert texts(result) == [
            "stdout:\nso far\n",
            "The code was stopped: the guest did not finish within 0.5 s (guest.deadline_exceeded)",
        ]

    with_client(bench, talk)


WRONG: list[dict[str, Any]] = [
    {},
    {"code": 1},
    {"code": "1", "inputs": "{}"},
    {"code": "1", "files": {"a": 1}},
    {"code": "1", "files": {"../a": "x"}},
    {"code": "1", "files": {"a": {"base64": "!"}}},
    {"code": "1", "language": "python"},
    {"code": "\ud800"},
]


def test_wrong_arguments_are_an_error_before_anything_runs(bench: Workbench) -> None:
    runtime = bench.runtime()

    outcomes = [ask(runtime, "python", arguments) for arguments in WRONG]

    assert all(outcome.is_error for outcome in outcomes)
    assert {outcome.error.code for outcome in outcomes if outcome.error is not None} == {
        "call.invalid_arguments"
    }
    ends = [event["event"] for event in bench.events() if event["event"].startswith("call.")]
    assert ends[-len(WRONG) :] == ["call.refused"] * len(WRONG)
