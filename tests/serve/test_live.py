"""What MCP clients see of a policy that another process changes while they are connected."""

from __future__ import annotations

import contextlib
import functools
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import pytest
from doors import ERAS, News, over_http, over_stdio
from guests import command, wasi
from mcp import MCPError, types
from workbench import ECHO_JSON, ECHO_MANIFEST, Workbench, workbench

from hatchway.runtime.generations import WITHDRAWN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
    from pathlib import Path

    from mcp import Client

DOORS = ("stdio", "http")

BEGIN_AND_SPIN = command(
    """(drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 5)
      (i32.const 1) (i64.const 64) (i64.const 64) (i32.const 0) (i32.const 4)))
    (loop $again (br $again))""",
    imports=wasi("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32"),
    declarations='(data (i32.const 16) "begun")',
)
"""A command that makes the file `begun` in its directory, and then never ends."""
ENDLESS = 'fuel = 9223372036854775807\ndeadline = "60s"'


def hatchway(*arguments: str) -> None:
    """Run a command in another process."""
    subprocess.run(
        [sys.executable, "-m", "hatchway", *arguments], check=True, capture_output=True, timeout=60
    )


async def beside(*arguments: str) -> None:
    """The same, while clients and servers go on."""
    await anyio.to_thread.run_sync(functools.partial(hatchway, *arguments))


@contextlib.contextmanager
def listening() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`hatchway serve --http` in a process of its own, and its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hatchway", "serve", "--http", "127.0.0.1:0"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = ""
        while not (match := re.search(r"http://127\.0\.0\.1:[0-9]+/mcp", said)):
            line = process.stderr.readline()
            assert line, said
            said += line
        yield process, match[0]
    finally:
        process.terminate()
        process.communicate(timeout=30)


@contextlib.asynccontextmanager
async def connected(
    door: str, era: str, bench: Workbench, news: News | None = None
) -> AsyncIterator[Client]:
    """A client of a server in another process."""
    if door == "stdio":
        async with over_stdio("serve", era=era, news=news) as client:
            yield client
        return
    with listening() as (_process, url):
        token = bench.application.directories.http_token.read_text().strip()
        async with over_http(url, token, era, news) as client:
            yield client


async def until(is_so: Callable[[], object]) -> None:
    with anyio.fail_after(30):
        while not is_so():
            await anyio.lowlevel.checkpoint()
            await anyio.sleep(0.02)


async def names(client: Client) -> list[str]:
    return [tool.name for tool in (await client.list_tools()).tools]


def text_of(result: Any) -> str:
    (block,) = result.content
    assert isinstance(block, types.TextContent)
    return block.text


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    anyio.run(main)


@pytest.mark.claim("policy.live")
@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("door", DOORS)
def test_what_another_process_adds_and_removes_is_announced_and_callable(
    door: str, era: str, tmp_path: Path
) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)
    file = bench.write("more", ECHO_JSON)
    file.with_suffix(".tool.toml").write_text(ECHO_MANIFEST)

    async def main() -> None:
        news = News()
        async with connected(door, era, bench, news) as client, news.of(client, era):
            before = await names(client)
            await beside("add", str(file), "--yes", "--name", "more")
            await news.wait()
            with_more = await names(client)
            result = await client.call_tool("more", {"text": "x"})
            await beside("remove", "more")
            await news.wait()
            after = await names(client)
            with pytest.raises(MCPError, match="more is not available any more"):
                await client.call_tool("more", {"text": "x"})

            assert (before, with_more, after) == (["echo"], ["echo", "more"], ["echo"])
            assert result.structured_content == {"text": "x"}

    run(main)

    told = [event["details"] for event in bench.events("policy.reloaded")]
    assert [(each["added"], each["removed"]) for each in told] == [(["more"], []), ([], ["more"])]


@pytest.mark.claim("policy.live")
@pytest.mark.parametrize("door", DOORS)
def test_a_grant_is_in_force_in_the_same_session(door: str, tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    manifest = f'requires = [{{ capability = "clock", reason = "x" }}]\n{ECHO_MANIFEST}'
    bench.add("echo", ECHO_JSON, manifest=manifest)

    async def main() -> None:
        async with connected(door, "auto", bench) as client:
            before = await client.call_tool("echo", {"text": "x"})
            await beside("grant", "echo", "clock")
            await until(lambda: bench.events("policy.reloaded"))
            after = await client.call_tool("echo", {"text": "x"})

            assert before.is_error
            assert after.structured_content == {"text": "x"}

    run(main)


@pytest.mark.claim("policy.live")
@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("door", DOORS)
def test_a_call_whose_grant_is_revoked_is_cancelled_where_it_stands(
    door: str, era: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    bench = workbench(tmp_path)
    bench.add("spin", BEGIN_AND_SPIN, f"fs.write={out}:/")
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)
    policy = bench.application.project.policy_file
    policy.write_text(f"{policy.read_text()}\n[tools.spin.limits]\n{ENDLESS}\n")
    answers: list[str] = []

    async def main() -> None:
        async with connected(door, era, bench) as client, anyio.create_task_group() as group:

            async def spin() -> None:
                answers.append(text_of(await client.call_tool("spin", {})))

            group.start_soon(spin)
            await until((out / "begun").exists)
            await beside("revoke", "spin", f"fs.write={out}:/")
            await until(lambda: answers)
            result = await client.call_tool("echo", {"text": "x"})
            assert result.structured_content == {"text": "x"}

    run(main)

    assert answers == [WITHDRAWN]
    (failed,) = bench.events("call.failed")
    assert failed["code"] == "call.cancelled"
    (reloaded,) = bench.events("policy.reloaded")
    assert reloaded["details"]["cancelled"] == 1


@pytest.mark.claim("policy.live")
@pytest.mark.parametrize("door", DOORS)
def test_a_broken_policy_changes_nothing_until_it_is_mended(door: str, tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)
    policy = bench.application.project.policy_file
    good = policy.read_text()

    async def main() -> None:
        async with connected(door, "auto", bench) as client:
            policy.write_text("version = 1\n[tools.echo\n")
            await until(lambda: bench.events("policy.stale"))
            broken = await client.call_tool("echo", {"text": "x"})
            policy.write_text(good)
            await until(lambda: bench.events("policy.reloaded"))
            mended = await client.call_tool("echo", {"text": "x"})

            assert broken.structured_content == mended.structured_content == {"text": "x"}

    run(main)

    first, second = bench.events("call.completed")
    assert (first.get("policy_stale"), second.get("policy_stale")) == (True, None)


@pytest.mark.claim("policy.live")
def test_a_server_says_in_one_line_each_what_it_took_up_and_what_not(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    bench.add("echo", ECHO_JSON, manifest=ECHO_MANIFEST)
    policy = bench.application.project.policy_file
    good = policy.read_text()

    with listening() as (process, _url):
        assert process.stderr is not None
        process.stderr.readline()
        policy.write_text("version = 1\n[tools.echo\n")
        stale = process.stderr.readline()
        policy.write_text(f"{good}\n[tools.echo.limits]\nfuel = 12345\n")
        reloaded = process.stderr.readline()

    assert stale.startswith("the policy was not reloaded, the last good one stays: ")
    assert reloaded == "the policy was reloaded: ~echo\n"


def test_a_hang_up_has_everything_loaded_again(tmp_path: Path) -> None:
    granted = tmp_path / "later"
    bench = workbench(tmp_path)
    granted.mkdir()
    bench.add("echo", ECHO_JSON, f"fs.read={granted}:/data", manifest=ECHO_MANIFEST)
    granted.rmdir()

    async def main() -> None:
        with listening() as (process, url):
            token = bench.application.directories.http_token.read_text().strip()
            async with over_http(url, token) as client:
                before = await names(client)
                granted.mkdir()
                process.send_signal(signal.SIGHUP)
                await until(lambda: bench.events("policy.reloaded"))
                result = await client.call_tool("echo", {"text": "x"})

                assert before == []
                assert result.structured_content == {"text": "x"}

    run(main)
