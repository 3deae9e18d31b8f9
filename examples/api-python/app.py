"""A tool that asks HTTP APIs, with the libraries that Python programs use for it.

`requests` sends through an adapter that others published for `wasi:http`, and asyncio runs on
the loop that comes with componentize-py. Nothing here knows what host it will run on.
"""

import asyncio
import sys
from urllib.parse import urlsplit

import componentize_py_types
import wit_world
from componentize_py_types import Err

# Where the adapter looks for `Err`: older versions of componentize-py had it there.
sys.modules["wit_world.types"] = componentize_py_types

import requests  # noqa: E402 - after the line above, like all that follow
from poll_loop import PollLoop, Stream, send  # noqa: E402
from wasi_http_adapter import wasi_session  # noqa: E402
from wit_world.imports.types import (  # noqa: E402
    Fields,
    OutgoingRequest,
    Scheme_Http,
    Scheme_Https,
)

SECONDS = 20


class WitWorld(wit_world.WitWorld):
    """The functions of world.wit."""

    def get(self, url: str) -> str:
        """The text at a URL."""
        return text_of("GET", url)

    def post(self, url: str, body: str) -> str:
        """What a URL answers to a text."""
        return text_of("POST", url, body.encode())

    def get_all(self, urls: list[str]) -> list[str]:
        """What several URLs have, all asked at once."""
        loop = PollLoop()
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(all_of(urls))


def text_of(method: str, url: str, body: bytes | None = None) -> str:
    try:
        with wasi_session(wit_world) as session:
            response = session.request(method, url, data=body, timeout=SECONDS)
            response.raise_for_status()
            return response.text
    except requests.RequestException as error:
        raise Err(f"{type(error).__name__}: {error}") from error


async def all_of(urls: list[str]) -> list[str]:
    return await asyncio.gather(*(one_of(url) for url in urls))


async def one_of(url: str) -> str:
    parts = urlsplit(url)
    request = OutgoingRequest(Fields())
    request.set_scheme(Scheme_Https() if parts.scheme == "https" else Scheme_Http())
    request.set_authority(parts.netloc)
    request.set_path_with_query(parts.path or "/")
    try:
        stream = Stream((await send(request)).consume())
        text = b""
        while (chunk := await stream.next()) is not None:
            text += chunk
    except Err as error:
        return f"failed: {type(error.value).__name__}"
    return text.decode()
