"""The three functions. Texts come in bounded, and go out bounded.

An answer is lowered into the guest's own memory by the guest's own allocator, so that its memory
limit bounds what it can hold of it; `MAX_TEXT_BYTES` bounds what the host holds meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatchway.core.json_text import decode, encoder
from hatchway.core.tools import DENIED, MAX_FOUND, MAX_NAME_BYTES, MAX_TEXT_BYTES, ToolAnswer
from hatchway.core.untrusted import printable
from hatchway.core.wit import Primitive, RecordType, ResultType
from hatchway.engine import capi, values
from hatchway.engine.preview2.binding import Function
from hatchway.engine.tools import INTERFACE
from hatchway.policy.grammar import tool_use_of

if TYPE_CHECKING:
    from hatchway.core.tools import Tools
    from hatchway.core.wit import WitType
    from hatchway.engine.preview2.binding import Host

_TEXT = Primitive("string")
_FAILURE = RecordType((("code", _TEXT), ("message", _TEXT)))
_ANSWER = ResultType(_TEXT, _FAILURE)

SIGNATURES: dict[str, tuple[tuple[WitType, ...], WitType]] = {
    "search": ((_TEXT, Primitive("u32")), _TEXT),
    "describe": ((_TEXT,), _ANSWER),
    "call": ((_TEXT, _TEXT), _ANSWER),
}
"""The types of their parameters and results, as `sdk/guest/tools.wit` declares them."""

_MAX_QUERY_BYTES = 4096

_spelled = encoder(ascii_only=True, compact=True)


def search(host: Host, arguments: int, result: int) -> None:
    """The granted tools that fit a query, best first."""
    tools = host.guest.tools
    if tools is None:
        _deny(host, "search")
        values.put_text(result, b"[]")
        return
    query = _text(arguments, _MAX_QUERY_BYTES)
    most = values.read_number(arguments + capi.VALUE_BYTES, "u32")
    # More words than anybody searches for fit nothing.
    found = () if query is None else tools.search(query, min(most, MAX_FOUND))
    values.put_text(result, _spelled([dict(item) for item in found]).encode())


def describe(host: Host, arguments: int, result: int) -> None:
    """One granted tool, with its schemas."""
    name, tools = _name(host, arguments)
    _put(host, result, name, _denied(name) if tools is None else tools.describe(name))


def call(host: Host, arguments: int, result: int) -> None:
    """The result of another tool, called within this call."""
    name, tools = _name(host, arguments)
    answer = _denied(name) if tools is None else _called(tools, name, arguments + capi.VALUE_BYTES)
    # The time went by with the guest standing still: it may be over, or nobody waits any more.
    host.guest.check_time()
    _put(host, result, name, answer)


def _called(tools: Tools, name: str, at: int) -> ToolAnswer:
    text = _text(at, MAX_TEXT_BYTES)
    if text is None:
        return _invalid(f"the arguments have more than {MAX_TEXT_BYTES} bytes")
    try:
        given = decode(text)
    except (ValueError, RecursionError) as error:
        return _invalid(f"the arguments are not valid JSON: {printable(str(error), limit=120)}")
    if not isinstance(given, dict):
        return _invalid("the arguments must be a JSON object")
    return tools.call(name, given)


def _name(host: Host, at: int) -> tuple[str, Tools | None]:
    """The name in the first argument, and who answers for it."""
    name = _text(at, MAX_NAME_BYTES)
    # A name so long is nobody's; what is kept of it is for the record alone.
    return ("" if name is None else name), host.guest.tools


def _text(at: int, most: int) -> str | None:
    """The text in the value at `at`, or None when it has more than `most` bytes."""
    return None if values.list_length(at) > most else values.read_text(at + capi.VALUE_PAYLOAD)


def _put(host: Host, result: int, name: str, answer: ToolAnswer) -> None:
    if answer.code == DENIED:
        _deny(host, name, answer.wanted)
    if not answer.code:
        text = _text_of(answer.value)
        if text is not None:
            values.put_result(result, is_ok=True)
            values.put_box(result, "result", lambda at: values.put_text(at, text))
            return
        message = f"the tool's answer has more than {MAX_TEXT_BYTES} bytes of JSON"
        answer = ToolAnswer(code="guest.output_too_large", message=message)
    _put_failure(result, answer)


def _text_of(value: Any) -> bytes | None:
    text = _spelled(value)
    return None if len(text) > MAX_TEXT_BYTES else text.encode()


def _put_failure(result: int, answer: ToolAnswer) -> None:
    def fill(at: int) -> None:
        code, message = values.put_record(at, tuple(name for name, _ in _FAILURE.fields))
        values.put_text(code, answer.code.encode())
        values.put_text(message, answer.message.encode("utf-8", "replace"))

    values.put_result(result, is_ok=False)
    values.put_box(result, "result", fill)


def _denied(name: str) -> ToolAnswer:
    """The answer of a call that was granted no tool at all."""
    wanted = tool_use_of(name)
    message = "no such tool"
    return ToolAnswer(code=DENIED, message=message, wanted="" if wanted is None else str(wanted))


def _invalid(message: str) -> ToolAnswer:
    return ToolAnswer(code="call.invalid_arguments", message=message)


def _deny(host: Host, attempted: str, wanted: str = "") -> None:
    host.deny("tool", attempted, wanted)


FUNCTIONS: dict[str, dict[str, Function]] = {
    INTERFACE: {
        "search": Function(search),
        "describe": Function(describe),
        "call": Function(call),
    }
}
