"""A component guest that does with `wasi:http` what a script says, in WASI's own types."""

from __future__ import annotations

import base64
import re
import struct
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from guests import grant, prepared, sandbox
from wasi02 import _HTTP_ERRORS
from wasi02_calls import DECODERS as PLAIN_DECODERS
from wasi02_calls import FUNCTIONS as PLAIN_FUNCTIONS
from wasi02_calls import Failed, Memory, _Call, nothing
from wasi02_files import HEAP, Kit, Place, Script, Slot, Told, kit

from hatchway.core.limits import Limits
from hatchway.core.sandbox import FunctionInvocation

if TYPE_CHECKING:
    from hatchway.core.call import Cancellation
    from hatchway.core.egress import Ticket
    from hatchway.core.grant import Grant

ERRORS = tuple(re.findall(r'\(case "([^"]+)"', _HTTP_ERRORS))
"""The cases of `error-code`, in order."""
HEADER_ERRORS = ("invalid-syntax", "forbidden", "immutable")
METHODS = ("get", "head", "post", "put", "delete", "connect", "options", "trace", "patch")
RESOURCES = (
    "fields", "outgoing-request", "request-options", "incoming-response", "incoming-body",
    "future-trailers", "outgoing-body", "future-incoming-response", "pollable", "input-stream",
    "output-stream", "error", "descriptor",
)  # fmt: skip
GENEROUS = Limits(fuel=10**12, deadline_seconds=60, memory_bytes=1 << 26, host_calls=10**7)


# Arguments

_ARGUMENTS = {
    # kind: (in WIT, in core Wasm)
    "text": ("string", "i32 i32"),
    "bytes": ("(list u8)", "i32 i32"),
    "values": ("(list (list u8))", "i32 i32"),
    "entries": ("(list (tuple string (list u8)))", "i32 i32"),
    "option-text": ("(option string)", "i32 i32 i32"),
    "method": ("$method", "i32 i32 i32"),
    "option-scheme": ("(option $scheme)", "i32 i32 i32 i32"),
    "option-u64": ("(option u64)", "i32 i64"),
    "option-options": ("(option (own $request-options))", "i32 i32"),
    "option-trailers": ("(option (own $fields))", "i32 i32"),
    "u64": ("u64", "i64"),
    "pollables": ("(list (borrow $pollable))", "i32 i32"),
    **{f"own-{name}": (f"(own ${name})", "i32") for name in RESOURCES},
    **{name: (f"(borrow ${name})", "i32") for name in RESOURCES},
}
NONE = (0, 0)


# Answers


@dataclass(frozen=True)
class Problem:
    """An `error-code`, and the number in it, if it has one."""

    code: str
    number: int | None = None


@dataclass(frozen=True)
class Got:
    """A handle that came inside something else."""

    handle: int


TAKEN = "taken before"
NOT_YET = "not yet"


def _problem(memory: Memory, at: int) -> Problem:
    code = ERRORS[memory[at]]
    if not code.endswith(("body-size", "section-size")):
        return Problem(code)
    wide = code.endswith("body-size")
    number = memory.u64(at + 16) if wide else memory.u32(at + 12)
    return Problem(code, number if memory[at + 8] else None)


def _outcome(at_ok: Any) -> Any:
    """`result<…, error-code>`."""

    def read(memory: Memory, at: int) -> Any:
        return _problem(memory, at + 8) if memory[at] else at_ok(memory, at + 8)

    return read


def _future(at_ok: Any) -> Any:
    """`option<result<result<…, error-code>>>`."""

    def read(memory: Memory, at: int) -> Any:
        if not memory[at]:
            return NOT_YET
        return TAKEN if memory[at + 8] else _outcome(at_ok)(memory, at + 16)

    return read


def _header_result(payload: int, decode: Any) -> Any:
    def read(memory: Memory, at: int) -> Any:
        if memory[at]:
            return Failed(HEADER_ERRORS[memory[at + payload]])
        return decode(memory, at + payload)

    return read


def _unit(memory: Memory, at: int) -> bool:
    """`result`: whether it is ok."""
    return not memory.u32(at)


def _own_or_none(memory: Memory, at: int) -> Got | None:
    """`result<own<…>>`."""
    return None if memory[at] else Got(memory.u32(at + 4))


def _list(memory: Memory, at: int, step: int, decode: Any) -> list[Any]:
    first, count = memory.u32(at), memory.u32(at + 4)
    return [decode(memory, first + step * index) for index in range(count)]


def _optional(offset: int, decode: Any) -> Any:
    return lambda memory, at: decode(memory, at + offset) if memory[at] else None


def _method(memory: Memory, at: int) -> str:
    return METHODS[memory[at]] if memory[at] < len(METHODS) else memory.block(at + 4).decode()


def _scheme(memory: Memory, at: int) -> str:
    return ("HTTP", "HTTPS", memory.block(at + 4).decode())[memory[at]]


def _got(memory: Memory, at: int) -> Got:
    return Got(memory.u32(at))


_EMPTY, _OWN_FIELDS = "(result)", "(own $fields)"
_DIRECT = re.compile(r"\(result\)|\(own \$[a-z-]+\)|bool|u16")
_TEXT = ("(option string)", _optional(4, Memory.block))
_HEADER = ("(result (error $header-error))", _header_result(1, nothing))
_DURATION = ("(option u64)", _optional(8, Memory.u64))
_POLLABLE = ("(own $pollable)", Memory.u32)

TABLE: dict[str, tuple[str, tuple[str, Any]]] = {
    # name: (its arguments, (result in WIT, how to read it))
    "[constructor]fields": ("", (_OWN_FIELDS, Memory.u32)),
    "[static]fields.from-list": (
        "entries:entries",
        (f"(result {_OWN_FIELDS} (error $header-error))", _header_result(4, _got)),
    ),
    "[method]fields.get": (
        "self:fields name:text",
        ("(list (list u8))", lambda memory, at: _list(memory, at, 8, Memory.block)),
    ),
    "[method]fields.has": ("self:fields name:text", ("bool", Memory.u32)),
    "[method]fields.set": ("self:fields name:text value:values", _HEADER),
    "[method]fields.delete": ("self:fields name:text", _HEADER),
    "[method]fields.append": ("self:fields name:text value:bytes", _HEADER),
    "[method]fields.entries": (
        "self:fields",
        (
            "(list (tuple string (list u8)))",
            lambda memory, at: _list(
                memory, at, 16, lambda own, pair: (own.block(pair).decode(), own.block(pair + 8))
            ),
        ),
    ),
    "[method]fields.clone": ("self:fields", (_OWN_FIELDS, Memory.u32)),
    "[constructor]outgoing-request": (
        "headers:own-fields", ("(own $outgoing-request)", Memory.u32),
    ),
    "[method]outgoing-request.body": (
        "self:outgoing-request", ("(result (own $outgoing-body))", _own_or_none),
    ),
    "[method]outgoing-request.method": ("self:outgoing-request", ("$method", _method)),
    "[method]outgoing-request.set-method": (
        "self:outgoing-request method:method", (_EMPTY, _unit),
    ),
    "[method]outgoing-request.path-with-query": ("self:outgoing-request", _TEXT),
    "[method]outgoing-request.set-path-with-query": (
        "self:outgoing-request path-with-query:option-text", (_EMPTY, _unit),
    ),
    "[method]outgoing-request.scheme": (
        "self:outgoing-request", ("(option $scheme)", _optional(4, _scheme)),
    ),
    "[method]outgoing-request.set-scheme": (
        "self:outgoing-request scheme:option-scheme", (_EMPTY, _unit),
    ),
    "[method]outgoing-request.authority": ("self:outgoing-request", _TEXT),
    "[method]outgoing-request.set-authority": (
        "self:outgoing-request authority:option-text", (_EMPTY, _unit),
    ),
    "[method]outgoing-request.headers": ("self:outgoing-request", (_OWN_FIELDS, Memory.u32)),
    "[constructor]request-options": ("", ("(own $request-options)", Memory.u32)),
    **{
        f"[method]request-options.{name}-timeout": ("self:request-options", _DURATION)
        for name in ("connect", "first-byte", "between-bytes")
    },
    **{
        f"[method]request-options.set-{name}-timeout": (
            "self:request-options duration:option-u64", (_EMPTY, _unit),
        )
        for name in ("connect", "first-byte", "between-bytes")
    },
    "[method]outgoing-body.write": (
        "self:outgoing-body", ("(result (own $output-stream))", _own_or_none),
    ),
    "[static]outgoing-body.finish": (
        "this:own-outgoing-body trailers:option-trailers",
        ("(result (error $http-error))", _outcome(nothing)),
    ),
    "[method]future-incoming-response.subscribe": ("self:future-incoming-response", _POLLABLE),
    "[method]future-incoming-response.get": (
        "self:future-incoming-response",
        (
            "(option (result (result (own $incoming-response) (error $http-error))))",
            _future(_got),
        ),
    ),
    "[method]incoming-response.status": ("self:incoming-response", ("u16", Memory.u32)),
    "[method]incoming-response.headers": ("self:incoming-response", (_OWN_FIELDS, Memory.u32)),
    "[method]incoming-response.consume": (
        "self:incoming-response", ("(result (own $incoming-body))", _own_or_none),
    ),
    "[method]incoming-body.stream": (
        "self:incoming-body", ("(result (own $input-stream))", _own_or_none),
    ),
    "[static]incoming-body.finish": (
        "this:own-incoming-body", ("(own $future-trailers)", Memory.u32),
    ),
    "[method]future-trailers.subscribe": ("self:future-trailers", _POLLABLE),
    "[method]future-trailers.get": (
        "self:future-trailers",
        (
            "(option (result (result (option (own $fields)) (error $http-error))))",
            _future(_optional(4, _got)),
        ),
    ),
    "http-error-code": (
        "err:error", ("(option $http-error)", _optional(8, _problem)),
    ),
    "[constructor]outgoing-response": (
        "headers:own-fields", ("(own $outgoing-response)", Memory.u32),
    ),
}  # fmt: skip


def _function(name: str) -> _Call:
    arguments, (result, _) = TABLE[name]
    pairs = [item.split(":") for item in arguments.split()]
    wit = "".join(f'(param "{word}" {_ARGUMENTS[kind][0]})' for word, kind in pairs)
    core = " ".join(_ARGUMENTS[kind][1] for _, kind in pairs)
    answer = f"(param {core}) (result i32)" if _DIRECT.fullmatch(result) else f"(param {core} i32)"
    if not core:
        answer = answer.replace("(param ) ", "")
    return _Plain("http/types", name, f"{wit} (result {result})", answer)


class _Plain(_Call):
    """A function whose name tells apart constructors and statics as well."""

    @property
    def short(self) -> str:
        return re.sub(r"\[(constructor|static|method)\]", "", self.name)


_OTHERS = {
    "handle": (
        _Call(
            "http/outgoing-handler", "handle",
            '(param "request" (own $outgoing-request)) '
            '(param "options" (option (own $request-options))) '
            "(result (result (own $future-incoming-response) (error $http-error)))",
            "(param i32 i32 i32 i32)",
        ),
        _outcome(_got),
    ),
    "poll": (
        _Call(
            "io/poll", "poll", '(param "in" (list (borrow $pollable))) (result (list u32))',
            "(param i32 i32 i32)",
        ),
        lambda memory, at: _list(memory, at, 4, Memory.u32),
    ),
    "pollable.block": (
        _Call("io/poll", "[method]pollable.block", '(param "self" (borrow $pollable))',
              "(param i32)"),
        nothing,
    ),
    "subscribe-duration": (
        _Call("clocks/monotonic-clock", "subscribe-duration",
              '(param "when" u64) (result (own $pollable))', "(param i64) (result i32)"),
        Memory.u32,
    ),
    "now": (
        _Call("clocks/monotonic-clock", "now", "(result u64)", "(result i64)"), Memory.u64,
    ),
    "output-stream.blocking-flush": (
        _Call("io/streams", "[method]output-stream.blocking-flush",
              '(param "self" (borrow $output-stream)) (result (result (error $stream-error)))',
              "(param i32 i32)"),
        PLAIN_DECODERS["output-stream.flush"],
    ),
    "output-stream.blocking-splice": (
        _Call("io/streams", "[method]output-stream.blocking-splice",
              '(param "self" (borrow $output-stream)) (param "src" (borrow $input-stream)) '
              '(param "len" u64) (result (result u64 (error $stream-error)))',
              "(param i32 i32 i64 i32)"),
        PLAIN_DECODERS["output-stream.splice"],
    ),
}  # fmt: skip


@cache
def http_kit(version: str = "0.2.0") -> Kit:
    """The guest that knows HTTP, files, streams and waiting."""
    functions = [_function(name) for name in TABLE]
    functions += [call for call, _ in _OTHERS.values()]
    functions += PLAIN_FUNCTIONS
    decoders = {item.short: TABLE[item.name][1][1] for item in functions if item.name in TABLE}
    decoders |= {name: decode for name, (_, decode) in _OTHERS.items()}
    plain = {item.short for item in functions} - set(decoders)
    decoders |= {name: PLAIN_DECODERS[name] for name in plain}
    return kit(tuple(functions), decoders, RESOURCES, version)


# Scripts


class HttpScript(Script):
    """What the guest is to do with HTTP."""

    def __init__(self, version: str = "0.2.0") -> None:
        super().__init__(http_kit(version))

    def own(self, name: str, *arguments: Any) -> Place:
        """Call a function that answers with a handle alone."""
        return self.do(name, *arguments).inside(0)

    def request(
        self,
        authority: str | None = "api.test",
        path: str | None = "/",
        *,
        method: str = "get",
        scheme: str | None = "HTTP",
        fields: Place | None = None,
    ) -> Place:
        """A request that could be sent."""
        request = self.own("outgoing-request", fields or self.own("fields"))
        self.do("outgoing-request.set-method", request, *self.method(method))
        self.do("outgoing-request.set-scheme", request, *self.scheme(scheme))
        self.do("outgoing-request.set-authority", request, *self.optional(authority))
        self.do("outgoing-request.set-path-with-query", request, *self.optional(path))
        return request

    def posting(self, fields: Place | None = None) -> tuple[Place, Place]:
        """A request with a body: itself and the body."""
        request = self.request(method="post", fields=fields)
        return request, self.do("outgoing-request.body", request).inside(4)

    def stream_into(self, body: Place) -> Place:
        """The stream into a body."""
        return self.do("outgoing-body.write", body).inside(4)

    def finished(self, body: Place, stream: Place) -> Slot:
        """A body is complete; what comes of it."""
        self.drop("output-stream", stream)
        return self.do("outgoing-body.finish", body, *NONE)

    def sent(self, request: Place, options: Place | None = None) -> Place:
        """The future of a request that is handed over."""
        given = NONE if options is None else (1, options)
        return self.do("handle", request, *given).inside(8)

    def answered(self, future: Place) -> Slot:
        """What comes of it, when it comes."""
        pollable = self.own("future-incoming-response.subscribe", future)
        self.do("pollable.block", pollable)
        self.drop("pollable", pollable)
        return self.do("future-incoming-response.get", future)

    def body_of(self, got: Slot) -> tuple[Place, Place]:
        """The body of a response, and the stream from it."""
        body = self.do("incoming-response.consume", got.inside(24)).inside(4)
        return body, self.do("incoming-body.stream", body).inside(4)

    def poll(self, *pollables: Place) -> Slot:
        """Wait for the first of several."""
        return self.do("poll", self.beside(*pollables), len(pollables))

    def method(self, name: str) -> tuple[Any, ...]:
        """A `method`."""
        if name in METHODS:
            return METHODS.index(name), 0, 0
        return len(METHODS), name.encode()

    def scheme(self, name: str | None) -> tuple[Any, ...]:
        """An `option<scheme>`."""
        if name is None:
            return 0, 0, 0, 0
        if name in ("HTTP", "HTTPS"):
            return 1, ("HTTP", "HTTPS").index(name), 0, 0
        return 1, 2, name.encode()

    def optional(self, content: str | bytes | None) -> tuple[Any, ...]:
        """An `option<string>`."""
        if content is None:
            return 0, 0, 0
        return 1, content.encode() if isinstance(content, str) else content

    def list_of(self, *items: bytes) -> tuple[Place, int]:
        """A `list<list<u8>>`."""
        return self._table([[item] for item in items]), len(items)

    def entries(self, *pairs: tuple[bytes, bytes]) -> tuple[Place, int]:
        """A `list<tuple<string, list<u8>>>`."""
        return self._table([list(pair) for pair in pairs]), len(pairs)

    def spans(self, spans: list[tuple[int, int]], *, name: bytes | None = None) -> Place:
        """A list of bytes that are in the guest's memory already, or of such fields."""
        named = b""
        if name is not None:
            named = struct.pack("<II", HEAP + len(self._data), len(name))
            self._data += name
        self._data += bytes(-len(self._data) % 8)
        at = len(self._data)
        for first, count in spans:
            self._data += named + struct.pack("<II", first, count)
        return Place(2, at)

    def _table(self, rows: list[list[bytes]]) -> Place:
        """Addresses and lengths, one after the other. The script is where the heap begins."""
        encoded = bytearray()
        for item in (item for row in rows for item in row):
            encoded += struct.pack("<II", HEAP + len(self._data), len(item))
            self._data += item
        self._data += bytes(-len(self._data) % 8)
        at = len(self._data)
        self._data += encoded
        return Place(2, at)

    def run(  # type: ignore[override]  # it has a ticket as well
        self,
        ticket: Ticket | None = None,
        granted: Grant | None = None,
        cancellation: Cancellation | None = None,
    ) -> Told:
        """Do it all in a fresh guest."""
        script = base64.b64encode(self.assembled()).decode()
        invocation = FunctionInvocation(function="go", arguments={"script": script})
        granted = granted or grant(limits=GENEROUS)
        digest = prepared(self.kit.guest)
        return Told(sandbox().run(digest, invocation, granted, cancellation, ticket))
