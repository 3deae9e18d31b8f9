"""Three tools that find, describe and run the others, through a real client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest
from doors import ERAS, News, in_memory, over_stdio
from mcp import Client, MCPError, types
from tool_guests import INTERPRETER, MATHS
from workbench import ECHO_JSON, ECHO_MANIFEST, Workbench, workbench

from hatchway.serve.door import Doorkeeper

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

THREE = ["search_tools", "describe_tool", "execute"]


def bench_in(directory: Path, *grants: str) -> Workbench:
    """`math` and `echo`; and `glue`, an interpreter, when it was granted something."""
    bench = workbench(directory)
    bench.add("math", MATHS)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)
    if grants:
        bench.add("glue", INTERPRETER, *grants)
    return bench


def with_client(
    bench: Workbench,
    talk: Callable[[Client], Awaitable[None]],
    era: str = "auto",
    *,
    has_discovery: bool = True,
) -> list[str]:
    """Let a client talk to a server with discovery; what the server rejected."""
    rejected: list[str] = []

    async def main() -> None:
        keeper = Doorkeeper(
            bench.runtime(),
            at_once=4,
            on_rejected=lambda name, why: rejected.append(f"{name}: {why}"),
            on_lost_thread=lambda _count: None,
            has_discovery=has_discovery,
        )
        async with Client(keeper.server("stdio"), mode=era) as client:
            await talk(client)

    anyio.run(main)
    return rejected


@pytest.mark.parametrize("era", ERAS)
def test_three_tools_are_listed_instead_of_all(era: str, tmp_path: Path) -> None:
    async def talk(client: Client) -> None:
        listed = (await client.list_tools()).tools

        assert [tool.name for tool in listed] == THREE
        assert all(tool.annotations is not None for tool in listed)
        for tool in listed[:2]:
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint is True

    with_client(bench_in(tmp_path, "tool=math"), talk, era)


def test_it_is_off_by_default_and_the_policy_can_switch_it_on(tmp_path: Path) -> None:
    bench = bench_in(tmp_path, "tool=math")
    names: list[list[str]] = []

    async def talk(client: Client) -> None:
        names.append([tool.name for tool in (await client.list_tools()).tools])

    with_client(bench, talk, has_discovery=False)
    policy = bench.application.project.policy_file
    policy.write_text(policy.read_text() + "\n[serve]\ndiscovery = true\n")
    with_client(bench, talk, has_discovery=False)

    assert names[0] == ["echo", "glue", "math.add", "math.eat", "math.echo", "math.spin",
                        "math.trap"]  # fmt: skip
    assert names[1] == THREE


def test_without_an_interpreter_there_is_nothing_to_execute_with(tmp_path: Path) -> None:
    async def talk(client: Client) -> None:
        listed = (await client.list_tools()).tools

        assert [tool.name for tool in listed] == THREE[:2]
        with pytest.raises(MCPError, match="Unknown tool: execute"):
            await client.call_tool("execute", {"code": "1"})
        found = await client.call_tool("search_tools", {"query": "sum"})
        assert found.structured_content == {"tools": [], "of": 6}

    with_client(bench_in(tmp_path), talk)


@pytest.mark.parametrize("era", ERAS)
def test_what_is_found_can_be_read_about_and_called_by_its_name(era: str, tmp_path: Path) -> None:
    async def talk(client: Client) -> None:
        found = await client.call_tool("search_tools", {"query": "add", "limit": 1})
        assert found.structured_content is not None
        (first,) = found.structured_content["tools"]
        described = await client.call_tool("describe_tool", {"name": first["name"]})
        called = await client.call_tool(first["name"], {"a": 1, "b": 2})

        assert first["name"] == "math.add"
        assert first["callableFrom"] == ["glue"]
        assert described.structured_content is not None
        assert described.structured_content["inputSchema"]["required"] == ["a", "b"]
        assert called.structured_content == {"result": 3}

    with_client(bench_in(tmp_path, "tool=math"), talk, era)


@pytest.mark.parametrize("era", ERAS)
def test_execute_runs_code_that_calls_what_its_interpreter_was_granted(
    era: str, tmp_path: Path
) -> None:
    bench = bench_in(tmp_path, "tool=math")

    async def talk(client: Client) -> None:
        await client.list_tools()
        done = await client.call_tool("execute", {"code": "math.add", "inputs": {"a": 1, "b": 2}})
        refused = await client.call_tool("execute", {"code": "echo", "inputs": {"text": "x"}})

        assert done.structured_content is not None
        assert done.structured_content["value"] == 3
        assert refused.is_error

    with_client(bench, talk, era)
    calls = [event for event in bench.events() if event["event"].startswith("call.")]
    assert [(event["tool"], event.get("depth")) for event in calls] == [
        ("math.add", 2), ("glue", None), ("glue", None),
    ]  # fmt: skip
    assert [event["attempted"] for event in bench.events("capability.denied")] == ["echo"]


def test_with_several_interpreters_one_is_chosen_by_name(tmp_path: Path) -> None:
    bench = bench_in(tmp_path, "tool=math")
    bench.add("other", INTERPRETER, "tool=echo")

    async def talk(client: Client) -> None:
        execute = (await client.list_tools()).tools[2]
        asked = {"code": "echo", "inputs": {"text": "x"}}
        results = [
            await client.call_tool("execute", {**asked, **more})
            for more in ({}, {"interpreter": "glue"}, {"interpreter": "other"},
                         {"interpreter": "math.add"}, {"interpreter": 3})
        ]  # fmt: skip

        assert execute.input_schema["properties"]["interpreter"]["enum"] == ["glue", "other"]
        assert [result.is_error for result in results] == [True, True, False, True, True]

    with_client(bench, talk)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("search_tools", {}),
        ("search_tools", {"query": 3}),
        ("search_tools", {"query": "x" * 1001}),
        ("search_tools", {"query": "", "limit": 0}),
        ("search_tools", {"query": "", "limit": 51}),
        ("search_tools", {"query": "", "limit": True}),
        ("search_tools", {"query": "", "limit": "9"}),
        ("search_tools", {"query": "", "\x1b[2J": 1}),
        ("describe_tool", {}),
        ("describe_tool", {"name": "none"}),
        ("describe_tool", {"name": "execute"}),
        ("describe_tool", {"name": ["math.add"]}),
        ("describe_tool", {"name": "\x1b[2J\u202e" * 1000}),
    ],
)
def test_what_makes_no_sense_is_an_error_in_few_words(
    tool: str, arguments: dict[str, Any], tmp_path: Path
) -> None:
    async def talk(client: Client) -> None:
        result = await client.call_tool(tool, arguments)

        assert result.is_error
        (block,) = result.content
        assert isinstance(block, types.TextContent)
        assert block.text.isprintable()
        assert len(block.text) < 1500

    with_client(bench_in(tmp_path, "tool=math"), talk, "legacy")


def test_an_admitted_tool_does_not_take_the_place_of_one_of_the_three(tmp_path: Path) -> None:
    bench = bench_in(tmp_path, "tool=math")
    bench.add("search_tools", ECHO_JSON, manifest=ECHO_MANIFEST)

    async def talk(client: Client) -> None:
        found = await client.call_tool("search_tools", {"query": "search"})

        assert found.structured_content == {"tools": [], "of": 7}

    rejected = with_client(bench, talk)

    assert rejected == ["search_tools: with discovery its name means another tool"]


def test_the_command_line_has_a_switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench_in(tmp_path, "tool=math")
    monkeypatch.chdir(tmp_path)
    names: list[str] = []

    async def main() -> None:
        async with over_stdio("serve", "--discovery") as client:
            names.extend(tool.name for tool in (await client.list_tools()).tools)

    anyio.run(main)

    assert names == THREE


@pytest.mark.parametrize("era", ERAS)
def test_clients_are_not_told_of_changes_that_they_cannot_see(era: str, tmp_path: Path) -> None:
    bench = bench_in(tmp_path, "tool=math")
    policy = bench.application.project.policy_file
    policy.write_text(policy.read_text() + "\n[serve]\ndiscovery = true\n")

    async def main() -> None:
        news = News()
        runtime = bench.runtime()
        async with in_memory(runtime, era, news) as client, news.of(client, era):
            bench.add("more", ECHO_JSON, manifest=ECHO_MANIFEST)
            reading = bench.application.project.in_force()
            runtime.replace(bench.application.generation(reading))
            found = await client.call_tool("search_tools", {"query": "more"})

            assert found.structured_content is not None
            assert found.structured_content["tools"][0]["name"] == "more"
            assert news.count == 0

    anyio.run(main)
