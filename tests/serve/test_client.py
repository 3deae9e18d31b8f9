"""Our own MCP client: what goes wrong with a server is an error in our words."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import types
from strategies import patient

from hatchway.core.call import Content, MediaContent, Outcome, ResourceContent, TextContent
from hatchway.core.errors import CallError, ConfigError
from hatchway.policy.mapping import MEDIA_TYPES
from hatchway.serve.client import Conversation, ServerCommand, _content, converse
from hatchway.serve.wire import wire_result

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


# Content, there and back

contents = st.one_of(
    st.builds(TextContent, text=st.text(st.characters(codec="utf-8"))),
    st.builds(
        MediaContent,
        kind=st.sampled_from(("image", "audio")),
        data=st.binary(),
        media_type=st.sampled_from(MEDIA_TYPES["image"]),
    ),
    st.builds(
        ResourceContent,
        uri=st.just("hatchway:///t/a"),
        media_type=st.sampled_from(MEDIA_TYPES["resource"]),
        data=st.binary() | st.text(st.characters(codec="utf-8")).map(str.encode),
    ),
)


@patient
@given(st.lists(contents, max_size=4))
def test_content_arrives_as_it_was_sent(content: list[Content]) -> None:
    sent = wire_result(Outcome(content=tuple(content))).model_dump_json(by_alias=True)

    received = types.CallToolResult.model_validate_json(sent)

    assert [_content(block) for block in received.content] == content


@patient
@given(contents)
def test_content_is_printed_as_it_is_sent(block: Content) -> None:
    (sent,) = wire_result(Outcome(content=(block,))).content

    assert sent.model_dump(by_alias=True, exclude_none=True) == block.to_json()


def test_a_resource_of_no_type_is_bytes() -> None:
    contents = types.BlobResourceContents(uri="x:y", blob="AP8=")

    assert _content(types.EmbeddedResource(resource=contents)) == ResourceContent(
        uri="x:y", media_type="application/octet-stream", data=b"\x00\xff"
    )


@pytest.mark.parametrize("encoded", ["=", "AP8", "é", "\n"])
def test_what_should_be_base64_and_is_not_is_an_error_of_ours(encoded: str) -> None:
    blob = types.BlobResourceContents(uri="x:y", blob=encoded)
    blocks = (
        types.ImageContent(data=encoded, mime_type="image/png"),
        types.AudioContent(data=encoded, mime_type="audio/wav"),
        types.EmbeddedResource(resource=blob),
    )

    for block in blocks:
        with pytest.raises(CallError, match="is not base64"):
            _content(block)


def test_a_link_is_left_out() -> None:
    assert _content(types.ResourceLink(name="a", uri="https://e.org/a")) is None
