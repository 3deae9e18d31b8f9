"""How a host function is attached to a component linker, and what it is called with.

The wheel's own way of doing this inspects types and converts every value on every call,
which costs up to 650 µs where this costs 25, and passes exceptions through a global that
other threads read. Here a function is a `Body` on raw values; `callback` adds what all of
them need.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from hatchway.core.errors import InternalError
from hatchway.engine import capi, values
from hatchway.engine.guest import Stopped
from hatchway.engine.preview2.handles import drop

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatchway.engine.guest import Guest, Running

Body: TypeAlias = "Callable[[Host, int, int], object]"
"""(host, address of the first argument, address of the result)."""

WASI_VERSION = "0.2.12"
"""The version our interfaces carry. wasmtime resolves an import of any `0.2.x` to it."""

# Host resource types. The numbers only have to differ.
(
    ERROR, POLLABLE, INPUT_STREAM, OUTPUT_STREAM, TERMINAL_INPUT, TERMINAL_OUTPUT, DESCRIPTOR,
    DIRECTORY_ENTRY_STREAM, NETWORK, UDP_SOCKET, INCOMING_DATAGRAMS, OUTGOING_DATAGRAMS,
    TCP_SOCKET, RESOLVE_ADDRESS_STREAM, FIELDS, INCOMING_REQUEST, OUTGOING_REQUEST,
    REQUEST_OPTIONS, RESPONSE_OUTPARAM, INCOMING_RESPONSE, INCOMING_BODY, FUTURE_TRAILERS,
    OUTGOING_RESPONSE, OUTGOING_BODY, FUTURE_INCOMING_RESPONSE,
) = range(1, 26)  # fmt: skip


@dataclass(slots=True)
class Host:
    """What a body may touch: the guest, and the handles it was given.

    Attributes:
        function: `interface#name` of the function being called.
        handles: The representations of its handle arguments, in order.
    """

    guest: Guest
    context: int
    function: str
    handles: list[int]

    def give(self, result: int, resource: int, representation: int) -> None:
        """Make the result an owned handle of `resource`."""
        host = capi.resource_host_new(True, representation, resource)
        handle = ctypes.c_void_p()
        error = capi.resource_host_to_any(self.context, host, capi.addressof(handle))
        capi.resource_host_delete(host)
        _require(error)
        capi.write_pointer(result + capi.VALUE_PAYLOAD, handle.value or 0)
        values.set_kind(result, "resource")

    def deny(self, capability: str, attempted: bytes | str, wanted: str = "") -> None:
        """Record that this function was called without a grant; `wanted` would have been one."""
        self.guest.deny(capability, attempted, self.function, wanted)


@dataclass(frozen=True, slots=True)
class Function:
    """One function of an interface.

    Attributes:
        handles: Which arguments are handles. Each must be taken back from the store, or the
            guest's call ends with "borrow handles still remain".
    """

    body: Body
    handles: tuple[int, ...] = ()


def take_handle(context: int, value: int) -> int:
    """The representation of the handle in `value`; a borrow ends here."""
    holder = ctypes.c_void_p()
    error = capi.resource_any_to_host(
        context, capi.read_pointer(value + capi.VALUE_PAYLOAD), capi.addressof(holder)
    )
    _require(error)
    representation = int(capi.resource_host_rep(holder))
    capi.resource_host_delete(holder)
    return representation


def _require(error: int | None) -> None:
    if error:
        raise InternalError(capi.take_error_text(error))


_HOST_STOP = b"stopped by the host"


def callback(name: str, function: Function, running: Running) -> object:
    """The C callback of `function`, acting on the guest of the current thread.

    No exception leaves it. A stop or a failure is kept in the guest and ends the run.
    """
    body, handles = function.body, function.handles
    error_new, size = capi.error_new, capi.VALUE_BYTES

    def call(
        _env: int, context: int, _type: int, arguments: int, _count: int, results: int, _some: int
    ) -> int:
        guest = running.guest
        if guest is None:  # no run: cannot happen, and must not pass
            return int(error_new(_HOST_STOP))
        try:
            guest.host_calls_left -= 1
            if guest.host_calls_left < 0:
                guest.end_for_host_calls()
            taken = [take_handle(context, arguments + index * size) for index in handles]
            body(Host(guest, context, name, taken), arguments, results)
        except Stopped:
            return int(error_new(_HOST_STOP))
        except BaseException as failure:  # noqa: BLE001 - the callback trampoline
            guest.failure = failure
            return int(error_new(_HOST_STOP))
        return 0

    return capi.ComponentCallback(call)


def _nothing_to_free(_env: int, _context: int, _representation: int) -> int:
    """Representations are numbers: dropping a handle frees nothing of ours."""
    return 0


nothing_to_free = capi.ResourceDestructor(_nothing_to_free)


def releasing(running: Running) -> ctypes._FuncPointer:
    """The destructor of handles behind which something is held."""

    def release(_env: int, _context: int, representation: int) -> int:
        guest = running.guest
        if guest is not None:
            try:
                drop(guest, representation)
            except Stopped:
                return int(capi.error_new(_HOST_STOP))
            except BaseException as failure:  # noqa: BLE001 - the callback trampoline
                guest.failure = failure
                return int(capi.error_new(_HOST_STOP))
        return 0

    return capi.ResourceDestructor(release)


def unreachable(host: Host, _arguments: int, _results: int) -> None:
    """A method of a resource no handle of which can exist, because nothing here gives one."""
    message = f"{host.function} was called on a handle that cannot exist"
    raise InternalError(message)
