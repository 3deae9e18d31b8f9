"""One component guest that does with files what a script says.

A test writes a `Script` of calls; the guest is compiled once, interprets it, and returns its
memory, from which every answer is read. Handles stay in the guest, as they must.
"""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from guests import call, grant, stop_code
from wasi02 import component
from wasi02_calls import (
    CREATE,
    DECODERS,
    FOLLOW,
    FUNCTIONS,
    INTERFACES,
    READ,
    WRITE,
    Failed,
    Memory,
    nothing,
)

from hatchway.core.grant import GrantedDirectory
from hatchway.core.limits import Limits

if TYPE_CHECKING:
    from wasi02 import Function

    from hatchway.core.call import Execution
    from hatchway.core.grant import Grant

DATA, WORK, ROOT = 0, 1, 2
"""The directories at the top with `files`, in order."""


def files(
    descriptor: int,
    *allow: str,
    guest_path: str = "/data",
    is_writable: bool = True,
    quota_bytes: int | None = None,
    limits: Limits | None = None,
) -> Grant:
    """A grant of the directory, and of a workspace as `/work`."""
    return replace(
        grant(*allow, limits=limits or Limits(scratch_bytes=1 << 20)),
        directories=(
            GrantedDirectory(
                guest_path=guest_path,
                descriptor=descriptor,
                is_writable=is_writable,
                quota_bytes=quota_bytes,
            ),
        ),
        workspace="/work",
    )


def scratch(count: int) -> Grant:
    """A grant of nothing but a workspace of so many bytes."""
    return replace(grant(limits=Limits(scratch_bytes=count)), workspace="/work")


# The guest

_SLOTS, _SLOT_BYTES = 256, 112
HEAP = 1 << 15
"""Where the script and what the guest is given are put."""
SPARE = 4 << 20
"""Where there are zeroes that nobody uses, up to the end of ten MiB."""
_RECORD_BYTES = 8 + 12 * 16
_END, _LOOP, _ADD, _RESET, _UNLESS, _COPY = range(6)
_FIRST = 16

_LIBC = f"""
    (memory (export "memory") 160)
    (global $free (export "free") (mut i32) (i32.const {HEAP}))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local i32)
      (local.set 4 (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (global.set $free (i32.add (local.get 4) (local.get 3)))
      (local.get 4))
"""


def _dispatched(number: int, name: str, core: str) -> str:
    types = core.partition(")")[0].removeprefix("(param").split() if "(param" in core else []
    arguments = " ".join(
        f"(call $arg (i32.const {index}))"
        if kind == "i64"
        else f"(i32.wrap_i64 (call $arg (i32.const {index})))"
        for index, kind in enumerate(types)
    )
    called = f"(call ${name} {arguments})"
    if "(result" in core:
        kind = core.rpartition("(result ")[2][:3]
        called = f"({kind}.store (i32.wrap_i64 (call $arg (i32.const {len(types)}))) {called})"
    return f"(if (i32.eq (local.get $op) (i32.const {number})) (then {called}))"


_CODE = f"""
  (import "libc" "free" (global $free (mut i32)))
  (global $base (mut i32) (i32.const 0))
  (global $at (mut i32) (i32.const 0))
  (func $arg (param $index i32) (result i64) (local $from i32) (local $how i32)
    (local.set $from (i32.add (global.get $at)
      (i32.add (i32.const 8) (i32.mul (local.get $index) (i32.const 16)))))
    (local.set $how (i32.load (local.get $from)))
    (if (i32.eq (local.get $how) (i32.const 1))
      (then (return (i64.extend_i32_u (i32.load (i32.load offset=8 (local.get $from)))))))
    (if (i32.eq (local.get $how) (i32.const 2))
      (then (return (i64.extend_i32_u
        (i32.add (global.get $base) (i32.load offset=8 (local.get $from)))))))
    (if (i32.eq (local.get $how) (i32.const 3))
      (then (return (i64.extend_i32_u (i32.load (i32.add
        (i32.load (i32.load offset=8 (local.get $from)))
        (i32.load offset=12 (local.get $from))))))))
    (i64.load offset=8 (local.get $from)))
  (func (export "go") (param $script i32) (param $length i32) (result i32)
    (local $op i32) (local $place i32)
    (global.set $base (local.get $script))
    (global.set $at (i32.add (global.get $base) (i32.load (global.get $base))))
    (loop $next
      (local.set $op (i32.load (global.get $at)))
      (if (i32.eq (local.get $op) (i32.const {_LOOP})) (then
        (local.set $place (i32.wrap_i64 (call $arg (i32.const 1))))
        (i64.store (local.get $place)
          (i64.sub (i64.load (local.get $place)) (i64.const 1)))
        (if (i64.ne (i64.load (local.get $place)) (i64.const 0)) (then
          (global.set $at (i32.wrap_i64 (call $arg (i32.const 0))))
          (br $next)))))
      (if (i32.eq (local.get $op) (i32.const {_ADD})) (then
        (local.set $place (i32.wrap_i64 (call $arg (i32.const 0))))
        (i64.store (local.get $place)
          (i64.add (i64.load (local.get $place)) (call $arg (i32.const 1))))))
      (if (i32.eq (local.get $op) (i32.const {_COPY})) (then
        (i32.store (i32.wrap_i64 (call $arg (i32.const 0)))
          (i32.wrap_i64 (call $arg (i32.const 1))))))
      (if (i32.eq (local.get $op) (i32.const {_RESET})) (then
        (global.set $free (i32.wrap_i64 (call $arg (i32.const 0))))))
      (if (i32.eq (local.get $op) (i32.const {_UNLESS})) (then
        (local.set $place (i32.wrap_i64 (call $arg (i32.const 0))))
        (if (i32.or (i32.load (local.get $place))
            (i32.eqz (i32.load offset=4 (local.get $place))))
          (then (global.set $at (i32.add (global.get $at)
            (i32.mul (i32.wrap_i64 (call $arg (i32.const 1))) (i32.const {_RECORD_BYTES}))))))))
      (; functions ;)
      (global.set $at (i32.add (global.get $at) (i32.const {_RECORD_BYTES})))
      (br_if $next (i32.ne (local.get $op) (i32.const {_END}))))
    (i32.store (i32.const 8) (i32.const 0))
    (i32.store (i32.const 12) (select (global.get $free) (i32.const {HEAP * 10})
      (i32.lt_u (global.get $free) (i32.const {HEAP * 10}))))
    (i32.const 8))
"""
_LIFTED = """(func (export "go") (param "script" (list u8)) (result (list u8))
  (canon lift (core func $i "go") (memory (core memory $libc "memory"))
    (realloc (core func $libc "realloc"))))"""


@dataclass(frozen=True)
class Kit:
    """A guest, and the functions that its scripts may call.

    Attributes:
        numbers: What a function is called in an assembled script.
        decoders: How its answer is read.
    """

    guest: str
    numbers: dict[str, int]
    decoders: dict[str, Any]


def kit(
    functions: tuple[Function, ...],
    decoders: dict[str, Any],
    resources: tuple[str, ...],
    version: str = "0.2.0",
) -> Kit:
    """The guest that calls `functions`, and gives back handles of `resources`."""
    signatures = {item.short: item.core for item in functions}
    signatures |= {f"drop-{name}": "(param i32)" for name in resources}
    numbers = {name: number for number, name in enumerate(signatures, _FIRST)}
    dispatched = " ".join(
        _dispatched(numbers[name], name, core) for name, core in signatures.items()
    )
    code = _CODE.replace("(; functions ;)", dispatched)
    guest = component(code, functions, _LIFTED, version, libc=_LIBC, drops=resources)
    return Kit(guest, numbers, decoders)


FILES = kit(FUNCTIONS, DECODERS, tuple(INTERFACES))


# Scripts


def failed(answer: Any) -> str | None:
    """The code of an answer that is an error."""
    return answer.code if isinstance(answer, Failed) else None


@dataclass(frozen=True)
class Place:
    """Where in its memory the guest finds a number, mostly a handle.

    `how` is one of `$arg`'s: 1 at the address, 2 the address itself, 3 behind a pointer.
    """

    how: int
    value: int


@dataclass(frozen=True)
class Span:
    """Bytes that are in the guest's memory already."""

    at: int
    count: int


@dataclass(frozen=True)
class Slot:
    """Where the answer of one call is, and how to read it."""

    at: int
    decode: Any

    @property
    def handle(self) -> Place:
        """The handle in `result<own<…>, error-code>`."""
        return Place(1, self.at + 4)

    def inside(self, offset: int) -> Place:
        """The number that many bytes into the answer."""
        return Place(1, self.at + offset)


class Told:
    """What came of a script."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.memory = Memory(base64.b64decode(execution.value or ""))

    def __getitem__(self, slot: Slot) -> Any:
        assert stop_code(self.execution) is None, self.execution.stop
        return slot.decode(self.memory, slot.at)

    @property
    def denials(self) -> list[tuple[str, str]]:
        """What was tried without a grant."""
        return [(item.capability, item.attempted) for item in self.execution.denials]

    @property
    def stop(self) -> str | None:
        """The code of what stopped the guest."""
        return stop_code(self.execution)


class Script:
    """What the guest is to do, call after call."""

    def __init__(self, kit: Kit = FILES) -> None:
        self.kit = kit
        self._records: list[tuple[int, list[tuple[int, int]]]] = []
        self._data = bytearray(8)
        self._slots = 0

    def do(self, name: str, *arguments: Any) -> Slot:
        """Call a function, and remember its answer."""
        slot = Slot(64 + self._slots * _SLOT_BYTES, self.kit.decoders.get(name, nothing))
        self._slots += 1
        assert self._slots <= _SLOTS
        encoded = [part for item in arguments for part in self._encoded(item)]
        if not name.startswith("drop-"):
            encoded.append((0, slot.at))
        self._records.append((self.kit.numbers[name], encoded))
        return slot

    def drop(self, resource: str, handle: Any) -> None:
        """Give a handle back."""
        self.do(f"drop-{resource}", handle)

    def root(self, index: int = 0) -> Place:
        """The handle of a directory at the top, in the order of the grant."""
        return Place(3, self.do("get-directories").at | (12 * index) << 32)

    def open(
        self, directory: Any, path: bytes, how: int = 0, what: int = READ, follow: int = FOLLOW
    ) -> Slot:
        """Open a path."""
        return self.do("descriptor.open-at", directory, follow, path, how, what)

    def made(self, directory: Any, path: bytes, content: bytes = b"") -> Slot:
        """A new file with that content, open for everything."""
        file = self.open(directory, path, CREATE, READ | WRITE)
        self.do("descriptor.write", file, content, 0)
        return file

    def here(self) -> int:
        """The place that `again` goes back to."""
        return len(self._records)

    def again(self, place: int, times: int) -> None:
        """Go back until everything since `place` was done `times` times."""
        counter = self.variable(times)
        self._records.append((_LOOP, [(-1, place), (2, counter)]))
        self.add(counter, times)  # for the next time, should this loop be in another

    def variable(self, value: int) -> int:
        """A number of eight bytes in the script; its address for `add`."""
        self._data += bytes(-len(self._data) % 8) + struct.pack("<Q", value)
        return len(self._data) - 8

    def text(self, content: bytes) -> tuple[int, Place]:
        """Bytes that `add` can change: their address for it, and as an argument."""
        self._data += bytes(-len(self._data) % 8)
        at = len(self._data)
        self._data += content + bytes(8)
        return at, Place(2, at)

    def add(self, address: int, count: int) -> None:
        """Add to eight bytes in the script."""
        self._records.append((_ADD, [(2, address), (0, count % 2**64)]))

    def beside(self, *places: Any) -> Place:
        """Copy numbers next to each other; where they are then."""
        address = self.variable(0)
        self._data += bytes(4 * len(places))
        for index, place in enumerate(places):
            copied = [(2, address + 4 * index), *self._encoded(place)]
            self._records.append((_COPY, copied))
        return Place(2, address)

    def unless_failed(self, slot: Slot, count: int) -> None:
        """Leave out the next `count` calls if there is no handle in `slot`."""
        self._records.append((_UNLESS, [(0, slot.at), (0, count)]))

    def forget(self) -> None:
        """Use the memory behind the script again from its beginning."""
        self._records.append((_RESET, [(0, HEAP * 4)]))

    def _encoded(self, argument: Any) -> list[tuple[int, int]]:
        match argument:
            case Place(how, value):
                return [(how, value)]
            case Slot():
                return [(1, argument.at + 4)]
            case Span(at, count):
                return [(0, at), (0, count)]
            case bytes():
                at = len(self._data)
                self._data += argument
                return [(2, at), (0, len(argument))]
            case tuple():
                return [(0, item) for item in argument]
            case _:
                return [(0, argument)]

    def assembled(self) -> bytes:
        """What the guest interprets."""
        first = len(self._data) + -len(self._data) % 8
        assert HEAP + first + (len(self._records) + 1) * _RECORD_BYTES < HEAP * 4
        self._data[:8] = struct.pack("<Q", first)
        code = bytearray(bytes(first - len(self._data)))
        for number, arguments in [*self._records, (_END, [])]:
            record = bytearray(struct.pack("<Q", number))
            for how, value in arguments:
                # A place in the script is counted in calls until here.
                placed = (2, first + value * _RECORD_BYTES) if how == -1 else (how, value)
                record += struct.pack("<QQ", *placed)
            assert len(record) <= _RECORD_BYTES
            code += record.ljust(_RECORD_BYTES, b"\0")
        return bytes(self._data + code)

    def run(self, granted: Grant) -> Told:
        """Do it all in a fresh guest."""
        script = base64.b64encode(self.assembled()).decode()
        return Told(call(self.kit.guest, "go", {"script": script}, granted=granted))
