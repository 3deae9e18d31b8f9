"""How the functions are attached to a linker: their types, and the C callback around them."""

from __future__ import annotations

import ctypes
import struct
from typing import TYPE_CHECKING, Any

from hatchway.engine import capi
from hatchway.engine.files.nodes import FileFault
from hatchway.engine.guest import Stopped
from hatchway.engine.preview1.memory import memory_of

if TYPE_CHECKING:
    from hatchway.engine.guest import Running
    from hatchway.engine.preview1.functions import Body

SIGNATURES: dict[str, str] = {
    "args_get": "ii",
    "args_sizes_get": "ii",
    "environ_get": "ii",
    "environ_sizes_get": "ii",
    "clock_res_get": "ii",
    "clock_time_get": "iIi",
    "fd_advise": "iIIi",
    "fd_allocate": "iII",
    "fd_close": "i",
    "fd_datasync": "i",
    "fd_fdstat_get": "ii",
    "fd_fdstat_set_flags": "ii",
    "fd_fdstat_set_rights": "iII",
    "fd_filestat_get": "ii",
    "fd_filestat_set_size": "iI",
    "fd_filestat_set_times": "iIIi",
    "fd_pread": "iiiIi",
    "fd_prestat_get": "ii",
    "fd_prestat_dir_name": "iii",
    "fd_pwrite": "iiiIi",
    "fd_read": "iiii",
    "fd_readdir": "iiiIi",
    "fd_renumber": "ii",
    "fd_seek": "iIii",
    "fd_sync": "i",
    "fd_tell": "ii",
    "fd_write": "iiii",
    "path_create_directory": "iii",
    "path_filestat_get": "iiiii",
    "path_filestat_set_times": "iiiiIIi",
    "path_link": "iiiiiii",
    "path_open": "iiiiiIIii",
    "path_readlink": "iiiiii",
    "path_remove_directory": "iii",
    "path_rename": "iiiiii",
    "path_symlink": "iiiii",
    "path_unlink_file": "iii",
    "poll_oneoff": "iiii",
    "proc_exit": "i",
    "proc_raise": "i",
    "sched_yield": "",
    "random_get": "ii",
    "sock_accept": "iii",
    "sock_recv": "iiiiii",
    "sock_send": "iiiii",
    "sock_shutdown": "ii",
}
"""Parameters of every function: `i` is i32, `I` is i64. All return an errno but `proc_exit`."""

_HOST_STOP = b"stopped by the host"


def callback(body: Body, signature: str, running: Running) -> object:
    """The C callback of one function, acting on the guest of the current thread.

    `signature` is spelled as in `SIGNATURES`.

    No exception leaves it: the wheel would hand it to whichever thread asks next. A stop
    or a failure is kept in the guest and ends the run as a trap.
    """
    layout = struct.Struct("<" + "".join("I12x" if kind == "i" else "Q8x" for kind in signature))
    unpack, place = layout.unpack_from, ctypes.c_char * layout.size
    answer, trap_new = ctypes.c_uint32.from_address, capi.trap_new

    def call(_env: int, caller: int, values: int, _count: int) -> Any:
        guest = running.guest
        if guest is None:  # no run: cannot happen, and must not pass
            return trap_new(_HOST_STOP, len(_HOST_STOP))
        try:
            guest.host_calls_left -= 1
            if guest.host_calls_left < 0:
                guest.end_for_host_calls()
            memory = guest.memory
            if memory is None:
                memory = guest.memory = memory_of(guest, caller)
            errno = body(guest, memory, *unpack(place.from_address(values)))
        except FileFault as fault:
            errno = fault.errno.value
        except Stopped:
            return trap_new(_HOST_STOP, len(_HOST_STOP))
        except BaseException as failure:  # noqa: BLE001 - the callback trampoline
            guest.failure = failure
            return trap_new(_HOST_STOP, len(_HOST_STOP))
        answer(values).value = errno
        return None

    return capi.CoreCallback(call)
