"""What an MCP client sees, of either protocol era."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from components import ECHO, opening, printing
from doors import ERAS, in_memory, over_stdio
from guests import command, wasi
from mcp import MCPError, types
from workbench import ECHO_JSON, ECHO_MANIFEST, OPERATOR, workbench

from hatchway.core.call import Outcome, ToolCall
from hatchway.core.limits import Limits
from hatchway.core.tool import Tool
from hatchway.serve import calls as calls_module
from hatchway.serve.calls import Calls, failure_text
from hatchway.serve.server import listed_tools

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from mcp import Client

    from hatchway.core.call import Cancellation
    from hatchway.runtime.runtime import Runtime

SPIN = command("(loop $again (br $again))")


def with_client(
    runtime: Runtime, era: str, talk: Callable[[Client], Coroutine[Any, Any, None]]
) -> None:
    async def main() -> None:
        async with in_memory(runtime, era) as client:
            await talk(client)

    anyio.run(main)


@pytest.mark.parametrize("era", ERAS)
def test_tools_are_listed_in_the_order_of_their_names(era: str, tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("zebra", ECHO_JSON, manifest=ECHO_MANIFEST)
    bench.add("ant", ECHO)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)

    async def talk(client: Client) -> None:
        listed = await client.list_tools()

        assert [tool.name for tool in listed.tools] == ["ant.echo", "echo", "zebra"]
        assert all(tool.description for tool in listed.tools)
        assert all(tool.input_schema["type"] == "object" for tool in listed.tools)

    with_client(bench.runtime(), era, talk)


@pytest.mark.parametrize("era", ERAS)
def test_a_call_is_answered_with_text_and_structure(era: str, tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)

    async def talk(client: Client) -> None:
        result = await client.call_tool("echo", {"text": "hello"})

        assert not result.is_error
        assert result.structured_content == {"text": "hello"}
        (block,) = result.content
        assert isinstance(block, types.TextContent)
        assert block.text == '{"text": "hello"}'

    with_client(bench.runtime(), era, talk)


@pytest.mark.parametrize("era", ERAS)
def test_a_component_answers_with_an_object_at_the_root(era: str, tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("text", ECHO)

    async def talk(client: Client) -> None:
        (tool,) = (await client.list_tools()).tools
        result = await client.call_tool("text.echo", {"text": "hé"})

        assert tool.output_schema is not None
        assert tool.output_schema["type"] == "object"
        assert result.structured_content == {"result": "hé"}

    with_client(bench.runtime(), era, talk)


@pytest.mark.parametrize("era", ERAS)
def test_a_resource_is_embedded_under_a_name_of_ours(era: str, tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    for name, media_type in (("words", "text/plain"), ("bytes", "application/zip")):
        result = f'result = {{ type = "resource", media_type = "{media_type}" }}'
        manifest = f'abi = "argv"\nstdin = "{{text}}"\n{result}\n'
        manifest += '[input]\ntype = "object"\nproperties = { text = { type = "string" } }'
        bench.add(name, ECHO_JSON, manifest=manifest)

    async def talk(client: Client) -> None:
        (words,) = (await client.call_tool("words", {"text": "é"})).content
        (data,) = (await client.call_tool("bytes", {"text": "PK"})).content

        assert words == types.EmbeddedResource(
            resource=types.TextResourceContents(
                uri="hatchway:///words", mime_type="text/plain", text="é"
            )
        )
        assert data == types.EmbeddedResource(
            resource=types.BlobResourceContents(
                uri="hatchway:///bytes", mime_type="application/zip", blob="UEs="
            )
        )

    with_client(bench.runtime(), era, talk)


@pytest.mark.parametrize("era", ERAS)
def test_wrong_arguments_are_an_error_the_model_can_repair(era: str, tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)

    async def talk(client: Client) -> None:
        result = await client.call_tool("echo", {"txt": "hello"})

        assert result.is_error
        (block,) = result.content
        assert isinstance(block, types.TextContent)
        assert "txt" in block.text

    with_client(bench.runtime(), era, talk)


@pytest.mark.parametrize("era", ERAS)
def test_an_unknown_tool_is_an_error_of_the_request(era: str, tmp_path: Path) -> None:
    runtime = workbench(tmp_path).runtime()

    async def talk(client: Client) -> None:
        with pytest.raises(MCPError, match="Unknown tool: nothing") as error:
            await client.call_tool("nothing", {})

        assert error.value.code == types.INVALID_PARAMS

    with_client(runtime, era, talk)


@pytest.mark.claim("client.no-coaching")
@pytest.mark.parametrize("era", ERAS)
def test_no_exception_text_reaches_a_client(
    era: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)
    runtime = bench.runtime()

    def broken(*_arguments: object) -> None:
        message = "secret in /etc/x leaked"
        raise RuntimeError(message)

    monkeypatch.setattr(bench.application.sandbox, "run", broken)

    async def talk(client: Client) -> None:
        result = await client.call_tool("echo", {"text": "x"})

        assert result.is_error
        assert "secret" not in result.model_dump_json()
        (block,) = result.content
        assert isinstance(block, types.TextContent)
        assert block.text == "the call failed inside Hatchway (internal); its events say more"

    with_client(runtime, era, talk)


@pytest.mark.claim("client.no-coaching")
def test_what_a_client_is_told_of_a_failure_is_a_code_and_fixed_words() -> None:
    assert "ValueError" not in failure_text(ValueError("secret"))
    assert "secret" not in failure_text(ValueError("secret"))


@pytest.mark.parametrize("era", ERAS)
def test_a_denied_file_is_the_tools_own_answer(era: str, tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("nosy", opening("etc/passwd"))

    async def talk(client: Client) -> None:
        result = await client.call_tool("nosy.open", {"open-flags": 0})

        assert result.structured_content == {"result": False}
        assert "grant" not in result.model_dump_json()

    with_client(bench.runtime(), era, talk)


def test_annotations_follow_from_grants_and_claims_only_make_them_more_cautious(
    tmp_path: Path,
) -> None:
    boasting = ECHO_MANIFEST + "\n[annotations]\ntitle = 'Echo'\nopenWorldHint = false\n"
    modest = ECHO_MANIFEST + "\n[annotations]\nreadOnlyHint = false\ndestructiveHint = true\n"
    bench = workbench(tmp_path)
    bench.add("boasting", ECHO_JSON, manifest=boasting)
    bench.add("modest", ECHO_JSON, "clock", manifest=modest)

    listed = listed_tools(bench.runtime().catalog, lambda *_: None)

    first, second = listed["boasting"].annotations, listed["modest"].annotations
    assert first is not None
    assert second is not None
    assert (first.read_only_hint, first.destructive_hint, first.idempotent_hint) == (
        True,
        False,
        True,
    )
    assert (second.read_only_hint, second.destructive_hint) == (False, True)
    assert second.idempotent_hint is False
    assert listed["boasting"].title == "Echo"


def test_a_tool_the_sdk_would_not_send_is_left_out_and_the_list_still_works(
    tmp_path: Path,
) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)
    runtime = bench.runtime()
    good = runtime.catalog.entries["echo"]
    bad = Tool(
        name="bad",
        owner="echo",
        digest=good.tool.digest,
        manifest=good.tool.manifest,
        input_schema={"type": object()},
        output_schema=None,
    )
    entries = dict(runtime.catalog.entries)
    entries["bad"] = type(good)(tool=bad, arguments=None, output=None)
    object.__setattr__(runtime.catalog, "entries", entries)
    told: list[str] = []

    listed = listed_tools(runtime.catalog, lambda name, _why: told.append(name))

    assert list(listed) == ["echo"]
    assert told == ["bad"]


@pytest.mark.parametrize("era", ERAS)
def test_a_client_that_gives_up_stops_the_guest(era: str, tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("spin", SPIN)
    _raise_limits(bench, "spin", 'fuel = 9223372036854775807\ndeadline = "60s"')

    async def talk(client: Client) -> None:
        with pytest.raises(MCPError):
            await client.call_tool("spin", {}, read_timeout_seconds=0.3)
        # The guest's own deadline is a minute away; its event must come long before.
        with anyio.fail_after(20):
            while not bench.events("call.failed"):
                await anyio.lowlevel.checkpoint()
                await anyio.sleep(0.02)

    with_client(workbench(tmp_path).runtime(), era, talk)

    assert bench.events("call.failed")[0]["code"] == "call.cancelled"


def _raise_limits(bench: Any, name: str, limits: str) -> None:
    policy = bench.application.project.policy_file
    policy.write_text(f"{policy.read_text()}\n[tools.{name}.limits]\n{limits}\n")


@pytest.mark.parametrize("era", ERAS)
def test_many_calls_at_once_each_get_their_own_answer(era: str, tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)

    async def talk(client: Client) -> None:
        async def one(number: int) -> None:
            result = await client.call_tool("echo", {"text": str(number)})
            assert result.structured_content == {"text": str(number)}

        async with anyio.create_task_group() as group:
            for number in range(100):
                group.start_soon(one, number)

    with_client(bench.runtime(), era, talk)

    assert len(bench.events("call.completed")) == 100


class _Stuck:
    """A runtime whose calls do not come back, as a native function might not."""

    def __init__(self, runtime: Runtime) -> None:
        self.catalog = runtime.catalog
        self.release = threading.Event()

    def call(self, _call: ToolCall, _cancellation: Cancellation) -> Outcome:
        self.release.wait(60)
        return Outcome()


@pytest.mark.claim("limits.lost-threads")
def test_a_thread_that_does_not_come_back_is_given_up_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls_module, "GRACE_SECONDS", 0.05)
    monkeypatch.setattr(calls_module, "MAX_LOST_THREADS", 2)
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)
    _raise_limits(bench, "echo", 'deadline = "50ms"')
    runtime = workbench(tmp_path).runtime()
    stuck = _Stuck(runtime)
    lost: list[int] = []
    calls = Calls(stuck, at_once=1, on_lost_thread=lost.append)  # type: ignore[arg-type]  # as much of a runtime as is used

    async def main() -> list[str]:
        codes = []
        for number in range(3):
            call = ToolCall(
                call_id=str(number), principal=OPERATOR, tool="echo", arguments={"text": "x"}
            )
            with anyio.fail_after(20):
                outcome = await calls.answer(call)
            assert outcome.error is not None
            codes.append(outcome.error.code)
        return codes

    codes = anyio.run(main)
    stuck.release.set()

    assert codes == ["guest.deadline_exceeded", "guest.deadline_exceeded", "call.overloaded"]
    assert lost == [1, 2]


FILL = """(module
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (memory.grow (i32.const 16000)))
    (loop $again
      (memory.fill (i32.const 0) (i32.const 1) (i32.const 1048000000))
      (br $again))))"""
"""Fills a gigabyte in one instruction, which nothing can interrupt."""


def test_a_guest_inside_one_long_instruction_still_ends(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("fill", FILL)
    _raise_limits(bench, "fill", 'deadline = "50ms"\nmemory = "1GiB"\nfuel = 9223372036854775807')

    async def talk(client: Client) -> None:
        with anyio.fail_after(30):
            result = await client.call_tool("fill", {})

        assert result.is_error
        (block,) = result.content
        assert isinstance(block, types.TextContent)
        assert "in time" in block.text or "within" in block.text

    with_client(workbench(tmp_path).runtime(), "auto", talk)


@pytest.mark.parametrize("era", ERAS)
def test_serve_answers_over_stdio_from_a_process_of_its_own(era: str, tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)

    async def main() -> None:
        async with over_stdio("serve", era=era) as client:
            listed = await client.list_tools()
            result = await client.call_tool("echo", {"text": "over stdio"})

        assert [tool.name for tool in listed.tools] == ["echo"]
        assert result.structured_content == {"text": "over stdio"}

    anyio.run(main)

    assert [event["event"] for event in bench.events()][-3:] == [
        "server.started",
        "call.completed",
        "server.stopped",
    ]


def test_a_big_message_goes_through_in_both_directions(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)
    text = "é" * 30_000

    async def main() -> None:
        async with over_stdio("serve") as client:
            result = await client.call_tool("echo", {"text": text})

        assert result.structured_content == {"text": text}

    anyio.run(main)


@pytest.mark.claim("door.stdout")
def test_what_a_guest_prints_never_reaches_the_protocol(tmp_path: Path) -> None:
    """A component's stdout is no answer and goes nowhere."""
    bench = workbench(tmp_path)
    bench.add("chatty", printing())

    async def main() -> None:
        async with over_stdio("serve") as client:
            result = await client.call_tool("chatty.print", {"count": 8192})

        assert not result.is_error
        assert result.content == []

    anyio.run(main)


@pytest.mark.claim("limits.deadline")
def test_a_deadline_is_kept_end_to_end(tmp_path: Path) -> None:
    sleeper = command(
        """
        (i64.store (i32.const 24) (i64.const 0x7fffffffffffffff))
        (i32.store (i32.const 16) (i32.const 1))
        (drop (call $poll_oneoff (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))
        """,
        imports=wasi("poll_oneoff"),
    )
    bench = workbench(tmp_path)
    bench.add("sleeper", sleeper)
    _raise_limits(bench, "sleeper", 'deadline = "100ms"')

    async def talk(client: Client) -> None:
        result = await client.call_tool("sleeper", {})

        assert result.is_error

    with_client(workbench(tmp_path).runtime(), "auto", talk)

    assert bench.events("call.failed")[0]["code"] == "guest.deadline_exceeded"
    assert Limits().deadline_seconds == 10
