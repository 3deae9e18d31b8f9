"""The functions of WASI 0.2 on files and streams, and how to read what they answer."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from wasi02 import Function

CREATE, DIRECTORY, EXCLUSIVE, TRUNCATE = 1, 2, 4, 8
"""How `open-at` opens."""
READ, WRITE, MUTATE = 1, 2, 32
"""What it opens for."""
FOLLOW = 1
NO_CHANGE, NOW = (0, 0, 0), (1, 0, 0)
HUGE = 2**64 - 1

KINDS = (
    "unknown", "block-device", "character-device", "directory", "fifo", "symbolic-link",
    "regular-file", "socket",
)  # fmt: skip
CODES = (
    "access", "would-block", "already", "bad-descriptor", "busy", "deadlock", "quota", "exist",
    "file-too-large", "illegal-byte-sequence", "in-progress", "interrupted", "invalid", "io",
    "is-directory", "loop", "too-many-links", "message-size", "name-too-long", "no-device",
    "no-entry", "no-lock", "insufficient-memory", "insufficient-space", "not-directory",
    "not-empty", "not-recoverable", "unsupported", "no-tty", "no-such-device", "overflow",
    "not-permitted", "pipe", "read-only", "invalid-seek", "text-file-busy", "cross-device",
)  # fmt: skip


# What a guest is told


@dataclass(frozen=True)
class Failed:
    """An `error-code`, or `closed`; or `failed`, when an error is behind a handle."""

    code: str


class Memory(bytes):
    """The guest's memory after the script."""

    def u8(self, at: int) -> int:
        return self[at]

    def u32(self, at: int) -> int:
        return int(struct.unpack_from("<I", self, at)[0])

    def u64(self, at: int) -> int:
        return int(struct.unpack_from("<Q", self, at)[0])

    def block(self, at: int) -> bytes:
        first, count = self.u32(at), self.u32(at + 4)
        return bytes(self[first : first + count])

    def time(self, at: int) -> tuple[int, int] | None:
        return (self.u64(at + 8), self.u32(at + 16)) if self[at] else None


@dataclass(frozen=True)
class Stat:
    kind: str
    links: int
    size: int
    accessed: tuple[int, int] | None
    modified: tuple[int, int] | None
    changed: tuple[int, int] | None


def nothing(_memory: Memory, _at: int) -> None:
    return None


def _stat(memory: Memory, at: int) -> Stat:
    times = (memory.time(at + 24 + 24 * index) for index in range(3))
    return Stat(KINDS[memory[at]], memory.u64(at + 8), memory.u64(at + 16), *times)


def _entry(memory: Memory, at: int) -> tuple[bytes, str] | None:
    return (memory.block(at + 8), KINDS[memory[at + 4]]) if memory[at] else None


def _directories(memory: Memory, at: int) -> list[bytes]:
    first, count = memory.u32(at), memory.u32(at + 4)
    return [memory.block(first + 12 * index + 4) for index in range(count)]


def _code(memory: Memory, at: int) -> str | None:
    return CODES[memory[at + 1]] if memory[at] else None


def _file_result(payload: int, decode: Any) -> Any:
    def result(memory: Memory, at: int) -> Any:
        return Failed(CODES[memory[at + payload]]) if memory[at] else decode(memory, at + payload)

    return result


def _stream_result(payload: int, decode: Any) -> Any:
    def result(memory: Memory, at: int) -> Any:
        if memory[at]:
            return Failed("closed" if memory[at + payload] else "failed")
        return decode(memory, at + payload)

    return result


# The functions

_ARGUMENTS = {
    # kind: (in WIT, in core Wasm)
    "u64": ("u64", "i64"),
    "path": ("string", "i32 i32"),
    "bytes": ("(list u8)", "i32 i32"),
    "path-flags": ("$path-flags", "i32"),
    "open-flags": ("$open-flags", "i32"),
    "flags": ("$descriptor-flags", "i32"),
    "advice": ("$advice", "i32"),
    "time": ("$new-timestamp", "i32 i64 i32"),
    "descriptor": ("(borrow $descriptor)", "i32"),
    "input": ("(borrow $input-stream)", "i32"),
    "error": ("(borrow $error)", "i32"),
}
_E, _S = "(error $error-code)", "(error $stream-error)"
_UNIT = (f"(result {_E})", _file_result(1, nothing))
_HASH = (
    f"(result $metadata-hash-value {_E})",
    _file_result(8, lambda memory, at: (memory.u64(at), memory.u64(at + 8))),
)
_STAT = (f"(result $descriptor-stat {_E})", _file_result(8, _stat))
_COUNT = (f"(result u64 {_E})", _file_result(8, Memory.u64))
_BYTES = (f"(result (list u8) {_S})", _stream_result(4, Memory.block))
_TAKEN = (f"(result u64 {_S})", _stream_result(8, Memory.u64))
_WRITTEN = (f"(result {_S})", _stream_result(4, nothing))
_POLLABLE = ("(own $pollable)", Memory.u32)


def _handle(resource: str) -> tuple[str, Any]:
    return f"(result (own ${resource}) {_E})", _file_result(4, Memory.u32)


TABLE: dict[str, tuple[str, tuple[str, Any]]] = {
    # resource.method: (its arguments, (result in WIT, how to read it))
    "descriptor.read-via-stream": ("offset:u64", _handle("input-stream")),
    "descriptor.write-via-stream": ("offset:u64", _handle("output-stream")),
    "descriptor.append-via-stream": ("", _handle("output-stream")),
    "descriptor.advise": ("offset:u64 length:u64 advice:advice", _UNIT),
    "descriptor.sync-data": ("", _UNIT),
    "descriptor.sync": ("", _UNIT),
    "descriptor.get-flags": (
        "", (f"(result $descriptor-flags {_E})", _file_result(1, Memory.u8)),
    ),
    "descriptor.get-type": (
        "",
        (
            f"(result $descriptor-type {_E})",
            _file_result(1, lambda memory, at: KINDS[memory[at]]),
        ),
    ),
    "descriptor.set-size": ("size:u64", _UNIT),
    "descriptor.set-times": (
        "data-access-timestamp:time data-modification-timestamp:time", _UNIT,
    ),
    "descriptor.read": (
        "length:u64 offset:u64",
        (
            f"(result (tuple (list u8) bool) {_E})",
            _file_result(4, lambda memory, at: (memory.block(at), bool(memory[at + 8]))),
        ),
    ),
    "descriptor.write": ("buffer:bytes offset:u64", _COUNT),
    "descriptor.read-directory": ("", _handle("directory-entry-stream")),
    "descriptor.create-directory-at": ("path:path", _UNIT),
    "descriptor.stat": ("", _STAT),
    "descriptor.stat-at": ("path-flags:path-flags path:path", _STAT),
    "descriptor.set-times-at": (
        "path-flags:path-flags path:path data-access-timestamp:time "
        "data-modification-timestamp:time",
        _UNIT,
    ),
    "descriptor.link-at": (
        "old-path-flags:path-flags old-path:path new-descriptor:descriptor new-path:path", _UNIT,
    ),
    "descriptor.open-at": (
        "path-flags:path-flags path:path open-flags:open-flags flags:flags", _handle("descriptor"),
    ),
    "descriptor.readlink-at": (
        "path:path", (f"(result string {_E})", _file_result(4, Memory.block)),
    ),
    "descriptor.remove-directory-at": ("path:path", _UNIT),
    "descriptor.rename-at": ("old-path:path new-descriptor:descriptor new-path:path", _UNIT),
    "descriptor.symlink-at": ("old-path:path new-path:path", _UNIT),
    "descriptor.unlink-file-at": ("path:path", _UNIT),
    "descriptor.is-same-object": ("other:descriptor", ("bool", Memory.u32)),
    "descriptor.metadata-hash": ("", _HASH),
    "descriptor.metadata-hash-at": ("path-flags:path-flags path:path", _HASH),
    "directory-entry-stream.read-directory-entry": (
        "",
        (f"(result (option $directory-entry) {_E})", _file_result(4, _entry)),
    ),
    "input-stream.read": ("len:u64", _BYTES),
    "input-stream.blocking-read": ("len:u64", _BYTES),
    "input-stream.skip": ("len:u64", _TAKEN),
    "input-stream.subscribe": ("", _POLLABLE),
    "output-stream.check-write": ("", _TAKEN),
    "output-stream.write": ("contents:bytes", _WRITTEN),
    "output-stream.blocking-write-and-flush": ("contents:bytes", _WRITTEN),
    "output-stream.flush": ("", _WRITTEN),
    "output-stream.write-zeroes": ("len:u64", _WRITTEN),
    "output-stream.splice": ("src:input len:u64", _TAKEN),
    "output-stream.subscribe": ("", _POLLABLE),
    "pollable.ready": ("", ("bool", Memory.u32)),
    "error.to-debug-string": ("", ("string", Memory.block)),
}  # fmt: skip

INTERFACES = {
    "descriptor": "filesystem/types",
    "directory-entry-stream": "filesystem/types",
    "input-stream": "io/streams",
    "output-stream": "io/streams",
    "pollable": "io/poll",
    "error": "io/error",
}
_DIRECT = {"bool", "(own $pollable)"}


@dataclass(frozen=True)
class _Call(Function):
    """A function of the script: told apart from others of its name by its resource."""

    @property
    def short(self) -> str:
        return self.name.removeprefix("[method]")


def _method(name: str) -> _Call:
    arguments, (result, _) = TABLE[name]
    pairs = [item.split(":") for item in arguments.split()]
    resource = name.partition(".")[0]
    wit = f'(param "self" (borrow ${resource}))'
    wit += "".join(f'(param "{word}" {_ARGUMENTS[kind][0]})' for word, kind in pairs)
    core = " ".join(["i32", *(_ARGUMENTS[kind][1] for _, kind in pairs)])
    answer = f"(param {core}) (result i32)" if result in _DIRECT else f"(param {core} i32)"
    return _Call(INTERFACES[resource], f"[method]{name}", f"{wit} (result {result})", answer)


_OTHERS: tuple[tuple[_Call, Any], ...] = (
    (
        _Call(
            "filesystem/preopens", "get-directories",
            "(result (list (tuple (own $descriptor) string)))", "(param i32)",
        ),
        _directories,
    ),
    (
        _Call(
            "filesystem/types", "filesystem-error-code",
            '(param "err" (borrow $error)) (result (option $error-code))', "(param i32 i32)",
        ),
        _code,
    ),
    (
        _Call("cli/stdout", "get-stdout", "(result (own $output-stream))", "(result i32)"),
        Memory.u32,
    ),
    (
        _Call("cli/stdin", "get-stdin", "(result (own $input-stream))", "(result i32)"),
        Memory.u32,
    ),
)  # fmt: skip

FUNCTIONS = (*(_method(name) for name in TABLE), *(item for item, _ in _OTHERS))
DECODERS = {
    **{name: decode for name, (_, (_, decode)) in TABLE.items()},
    **{item.short: decode for item, decode in _OTHERS},
}
