"""With a flow rule, nothing that was read leaves by a request that was begun before."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from egress_calls import admitted, grant
from egress_servers import echo, serving
from wasi02_files import files
from wasi02_http import GENEROUS, HttpScript

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


WITH_FILES = replace(GENEROUS, scratch_bytes=1 << 20)


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    """A directory of the host with something in it."""
    (tmp_path / "f").write_bytes(b"nobody's business")
    opened = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield opened
    os.close(opened)


@pytest.mark.claim("egress.flow")
@pytest.mark.parametrize("reads", [True, False], ids=["reads", "reads-nothing"])
def test_a_body_that_was_begun_before_a_file_was_read_does_not_carry_it_away(
    reads: bool, descriptor: int
) -> None:
    with serving(echo) as outside:
        authority = outside.url.removeprefix("http://")
        granted = grant(f"{outside.url};internal", after_private=[])
        script = HttpScript()
        request = script.request(authority, "/take", method="post")
        body = script.do("outgoing-request.body", request).inside(4)
        future = script.sent(request)
        stream = script.stream_into(body)
        script.do("output-stream.blocking-write-and-flush", stream, b"harmless so far")
        if reads:
            script.do("descriptor.open-at", script.root(0), 1, b"f", 0, 1)
        script.do("output-stream.blocking-write-and-flush", stream, b"what was read")
        script.finished(body, stream)
        script.answered(future)

        with admitted(granted) as call:
            told = script.run(call.ticket, files(descriptor, limits=WITH_FILES))

    (trace,) = call.events
    arrived = [heard.body for heard in outside.heard]
    if reads:
        assert (trace.decision, trace.rule) == ("denied", "egress.private_flow")
        assert arrived == []
        assert told.denials == [("net.http", f"POST {outside.url}")]
    else:
        assert trace.decision == "allowed"
        assert arrived == [b"harmless so farwhat was read"]
