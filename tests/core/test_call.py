"""A call, its outcome, and the shape that programs read."""

from __future__ import annotations

import base64
import json
from dataclasses import FrozenInstanceError

import pytest

from hatchway.core.call import (
    Cancellation,
    Denial,
    Execution,
    Gated,
    MediaContent,
    Outcome,
    Principal,
    ResourceContent,
    TextContent,
    ToolCall,
    Usage,
)
from hatchway.core.errors import GuestTrappedError

ADA = Principal(tenant="acme", subject="ada", door="stdio")


def test_a_principal_cannot_be_changed_after_authentication() -> None:
    with pytest.raises(FrozenInstanceError):
        ADA.tenant = "other"  # type: ignore[misc]  # that it is refused is the point


def test_a_call_cannot_be_pointed_at_another_tool() -> None:
    call = ToolCall(call_id="1", principal=ADA, tool="grep", arguments={})

    with pytest.raises(FrozenInstanceError):
        call.tool = "rm"  # type: ignore[misc]  # that it is refused is the point


def test_a_call_is_not_cancelled_until_somebody_asks() -> None:
    assert Cancellation().is_requested is False


def test_a_cancellation_may_be_requested_more_than_once() -> None:
    cancellation = Cancellation()

    cancellation.request()
    cancellation.request()

    assert cancellation.is_requested is True


def test_text_becomes_an_mcp_text_block() -> None:
    assert TextContent(text="hello").to_json() == {"type": "text", "text": "hello"}


def test_media_becomes_an_mcp_block_with_base64_data() -> None:
    picture = MediaContent(kind="image", data=b"\x89PNG", media_type="image/png")

    assert picture.to_json() == {"type": "image", "data": "iVBORw==", "mimeType": "image/png"}


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "text/csv", "application/json", "application/xml", "image/svg+xml"],
)
def test_a_resource_of_text_becomes_an_mcp_block_with_text(media_type: str) -> None:
    table = ResourceContent(uri="hatchway:///t/a", media_type=media_type, data="é\n".encode())

    assert table.to_json() == {
        "type": "resource",
        "resource": {"uri": "hatchway:///t/a", "mimeType": media_type, "text": "é\n"},
    }


@pytest.mark.parametrize(
    ("media_type", "data"),
    [
        ("application/pdf", b"a"),
        ("image/png", b"a"),
        ("text/plain", b"\xff"),
        ("text/csv", b"\xc3"),
    ],
)
def test_a_resource_of_any_other_bytes_becomes_an_mcp_block_with_base64(
    media_type: str, data: bytes
) -> None:
    made = ResourceContent(uri="hatchway:///t/a", media_type=media_type, data=data).to_json()

    assert made["resource"].keys() == {"uri", "mimeType", "blob"}
    assert base64.b64decode(made["resource"]["blob"]) == data


def test_an_execution_without_anything_said_is_a_success_that_wrote_nothing() -> None:
    execution = Execution()

    assert (execution.stdout, execution.stop, execution.failed) == (b"", None, False)


def test_the_json_of_a_success_has_every_field() -> None:
    outcome = Outcome(
        content=(TextContent(text="4"),),
        structured={"result": 4},
        usage=Usage(wall_us=7, fuel=9, memory_bytes=65536, output_bytes=1),
        gated=Gated(clock=2),
    )

    assert outcome.to_json() == {
        "ok": True,
        "content": [{"type": "text", "text": "4"}],
        "structured": {"result": 4},
        "is_error": False,
        "error": None,
        "usage": {"wall_us": 7, "fuel": 9, "memory_bytes": 65536, "output_bytes": 1},
        "denials": [],
        "gated": {"clock": 2, "random": 0, "env": 0},
    }


def test_the_json_of_a_stopped_call_names_the_error_and_the_denials() -> None:
    error = GuestTrappedError("trapped", hint="secret step", details={"trap": "unreachable"})
    denial = Denial(capability="fs.read", attempted="/etc/passwd", function="x.path_open")
    outcome = Outcome(is_error=True, error=error, denials=(denial,))

    assert outcome.to_json() == {
        "ok": False,
        "content": [],
        "structured": None,
        "is_error": True,
        "error": {
            "code": "guest.trapped",
            "message": "trapped",
            "details": {"trap": "unreachable"},
        },
        "usage": {"wall_us": None, "fuel": None, "memory_bytes": None, "output_bytes": None},
        "denials": [
            {"capability": "fs.read", "attempted": "/etc/passwd", "function": "x.path_open"}
        ],
        "gated": {"clock": 0, "random": 0, "env": 0},
    }


def test_the_json_of_an_outcome_never_contains_the_hint_for_the_operator() -> None:
    outcome = Outcome(is_error=True, error=GuestTrappedError("trapped", hint="hatchway grant x y"))

    assert "hatchway grant" not in json.dumps(outcome.to_json())


def test_the_json_of_an_outcome_does_not_repeat_the_raw_streams() -> None:
    outcome = Outcome(stdout=b"out", stderr=b"err")

    assert not {"stdout", "stderr"} & outcome.to_json().keys()
