"""What every known host function lets a guest do: the table, and nothing but the table.

One dictionary entry is an interface of WASI 0.2 and 0.3 without its version, or the import
namespace of a core module. A function is spelled as binaries spell it; one that ends in ``*``
stands for all that begin so and have no row of their own. Several rows may speak of one
function.

Where the line is drawn: the function that *opens* something carries the capability. One that
only works on what another function opened (a stream, a request that nobody sent yet) carries
none, unless it could serve nothing but files or sockets.

Sources: WebAssembly/WASI, `phases/snapshot/docs.md` (preview 1), and the WIT packages
`wasi:*` of 0.2 and 0.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Certainty: TypeAlias = Literal["does", "may"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a function lets a guest do.

    Attributes:
        function: Its name; with ``*`` at the end, the beginning of names.
        capability: The power that using it exercises; None for plumbing.
        certainty: `does` when every use exercises it; `may` when that depends on the
            arguments, which cannot be seen in the binary.
        note: The same in plain words, after "it".
    """

    function: str
    capability: str | None
    certainty: Certainty
    note: str


def _does(function: str, capability: str, note: str) -> Row:
    return Row(function=function, capability=capability, certainty="does", note=note)


def _may(function: str, capability: str, note: str) -> Row:
    return Row(function=function, capability=capability, certainty="may", note=note)


def _plumbing(function: str, note: str) -> Row:
    return Row(function=function, capability=None, certainty="does", note=note)


_NEWER = "is newer than this table, and taken for the most that its interface allows"

_PREVIEW_1 = (
    _does("args_get", "args", "reads the command line"),
    _does("args_sizes_get", "args", "learns the length of the command line"),
    _does("environ_get", "env", "reads all environment variables that it was given"),
    _does("environ_sizes_get", "env", "learns how many environment variables there are"),
    _may("clock_res_get", "clock.wall", "learns how fine the clock of the day ticks"),
    _may("clock_res_get", "clock.monotonic", "learns how fine the stopwatch ticks"),
    _may("clock_time_get", "clock.wall", "reads the time of day"),
    _may("clock_time_get", "clock.monotonic", "reads a stopwatch"),
    _plumbing("fd_advise", "tells how an open file will be read"),
    _does("fd_allocate", "fs.write", "reserves room in an open file"),
    _plumbing("fd_close", "closes a file or stream"),
    _plumbing("fd_datasync", "waits until an open file's bytes are on the disk"),
    _plumbing("fd_fdstat_get", "learns what kind of file or stream a descriptor is"),
    _plumbing("fd_fdstat_set_flags", "makes a descriptor append or not wait"),
    _plumbing("fd_fdstat_set_rights", "gives up rights of a descriptor"),
    _plumbing("fd_filestat_get", "learns size and times of something that is open"),
    _does("fd_filestat_set_size", "fs.write", "cuts or extends an open file"),
    _does("fd_filestat_set_times", "fs.write", "changes the times of an open file"),
    _does("fd_pread", "fs.read", "reads an open file at a position"),
    _plumbing("fd_prestat_get", "learns which directories it was given"),
    _plumbing("fd_prestat_dir_name", "learns the names of the directories it was given"),
    _does("fd_pwrite", "fs.write", "writes into an open file at a position"),
    _does("fd_read", "stdio", "reads standard input, or a file that `path_open` opened"),
    _does("fd_readdir", "fs.read", "lists a directory"),
    _plumbing("fd_renumber", "gives a descriptor another number"),
    _plumbing("fd_seek", "moves within an open file"),
    _plumbing("fd_sync", "waits until an open file is on the disk"),
    _plumbing("fd_tell", "learns the position within an open file"),
    _does("fd_write", "stdio", "writes standard output, or a file that `path_open` opened"),
    _does("path_create_directory", "fs.write", "makes a directory"),
    _does("path_filestat_get", "fs.read", "learns size, kind and times of a file by its name"),
    _does("path_filestat_set_times", "fs.write", "changes the times of a file"),
    _does("path_link", "fs.write", "gives a file a second name"),
    _does("path_open", "fs.read", "opens files and directories"),
    _may("path_open", "fs.write", "creates, empties or opens files for writing"),
    _does("path_readlink", "fs.read", "reads where a symbolic link points"),
    _does("path_remove_directory", "fs.write", "removes a directory"),
    _does("path_rename", "fs.write", "renames or replaces a file"),
    _does("path_symlink", "fs.write", "makes a symbolic link"),
    _does("path_unlink_file", "fs.write", "deletes a file"),
    _may("poll_oneoff", "clock.wall", "waits until a time of day"),
    _may("poll_oneoff", "clock.monotonic", "waits for a while"),
    _does("proc_exit", "exit", "ends the program"),
    _does("proc_raise", "exit", "sends itself a signal"),
    _does("random_get", "random", "draws unpredictable bytes"),
    _plumbing("sched_yield", "lets others run"),
    _does("sock_accept", "net.socket", "accepts a connection on a socket that it was given"),
    _does("sock_recv", "net.socket", "receives from a socket that it was given"),
    _does("sock_send", "net.socket", "sends to a socket that it was given"),
    _does("sock_shutdown", "net.socket", "ends a connection of a socket that it was given"),
    _does("sock_*", "net.socket", "is an extension that opens or steers sockets"),
    _does("sock_*", "host:wasi_snapshot_preview1", "is not a function of preview 1"),
)

_FILES = (
    _plumbing("[method]descriptor.advise", "tells how an open file will be read"),
    _does("[method]descriptor.append-via-stream", "fs.write", "appends to a file"),
    _does("[method]descriptor.create-directory-at", "fs.write", "makes a directory"),
    _plumbing("[method]descriptor.get-flags", "learns how a file was opened"),
    _plumbing("[method]descriptor.get-type", "learns whether it holds a file or a directory"),
    _plumbing("[method]descriptor.is-same-object", "compares two open files"),
    _does("[method]descriptor.link-at", "fs.write", "gives a file a second name"),
    _does("[method]descriptor.metadata-hash", "fs.read", "learns whether a file changed"),
    _does("[method]descriptor.metadata-hash-at", "fs.read", "learns whether a file changed"),
    _does("[method]descriptor.open-at", "fs.read", "opens files and directories"),
    _may("[method]descriptor.open-at", "fs.write", "creates, empties or opens for writing"),
    _does("[method]descriptor.read", "fs.read", "reads a file at a position"),
    _does("[method]descriptor.read-directory", "fs.read", "lists a directory"),
    _does("[method]descriptor.read-via-stream", "fs.read", "reads a file"),
    _does("[method]descriptor.readlink-at", "fs.read", "reads where a symbolic link points"),
    _does("[method]descriptor.remove-directory-at", "fs.write", "removes a directory"),
    _does("[method]descriptor.rename-at", "fs.write", "renames or replaces a file"),
    _does("[method]descriptor.set-size", "fs.write", "cuts or extends a file"),
    _does("[method]descriptor.set-times", "fs.write", "changes the times of a file"),
    _does("[method]descriptor.set-times-at", "fs.write", "changes the times of a file"),
    _does("[method]descriptor.stat", "fs.read", "learns size, kind and times of a file"),
    _does("[method]descriptor.stat-at", "fs.read", "learns size, kind and times of a file"),
    _does("[method]descriptor.symlink-at", "fs.write", "makes a symbolic link"),
    _plumbing("[method]descriptor.sync", "waits until a file is on the disk"),
    _plumbing("[method]descriptor.sync-data", "waits until a file's bytes are on the disk"),
    _does("[method]descriptor.unlink-file-at", "fs.write", "deletes a file"),
    _does("[method]descriptor.write", "fs.write", "writes into a file at a position"),
    _does("[method]descriptor.write-via-stream", "fs.write", "writes into a file"),
    _does("[method]directory-entry-stream.read-directory-entry", "fs.read", "lists a directory"),
    _plumbing("filesystem-error-code", "learns why a file operation failed"),
    _does("*", "fs.read", _NEWER),
    _does("*", "fs.write", _NEWER),
)

_STREAMS = "moves bytes of a stream that another function opened"
_RANDOM = "draws unpredictable bytes"
_INSECURE = "draws bytes that only look random"

_LEVELS = ("trace", "debug", "info", "warn", "error")
_BLOCKS = "works in the memory that input and output are handed over in"
_KERNEL = (
    *("alloc", "free", "length", "length_unsafe", "load_u8", "load_u64", "store_u8", "store_u64"),
    *("input_load_u8", "input_load_u64", "input_set", "input_offset", "input_length"),
    *("output_set", "output_offset", "output_length", "error_set", "error_get", "reset"),
    "memory_bytes",
)

TABLE: dict[str, tuple[Row, ...]] = {
    "wasi_snapshot_preview1": _PREVIEW_1,
    "wasi_unstable": _PREVIEW_1,
    "wasi": (_does("thread-spawn", "thread", "starts a thread"),),
    "wasi:cli/environment": (
        _does("get-environment", "env", "reads all environment variables that it was given"),
        _does("get-arguments", "args", "reads the command line"),
        _does("initial-cwd", "env", "learns the working directory, if it was given one"),
        _does("get-initial-cwd", "env", "learns the working directory, if it was given one"),
        _does("*", "env", _NEWER),
    ),
    "wasi:cli/exit": (_does("*", "exit", "ends the program"),),
    "wasi:cli/stdin": (_does("*", "stdio", "reads standard input"),),
    "wasi:cli/stdout": (_does("*", "stdio", "writes standard output"),),
    "wasi:cli/stderr": (_does("*", "stdio", "writes standard error"),),
    "wasi:cli/terminal-stdin": (_does("*", "stdio", "asks whether input is a terminal"),),
    "wasi:cli/terminal-stdout": (_does("*", "stdio", "asks whether output is a terminal"),),
    "wasi:cli/terminal-stderr": (_does("*", "stdio", "asks whether errors go to a terminal"),),
    "wasi:cli/terminal-input": (_does("*", "stdio", "speaks with a terminal"),),
    "wasi:cli/terminal-output": (_does("*", "stdio", "speaks with a terminal"),),
    "wasi:clocks/monotonic-clock": (_does("*", "clock.monotonic", "reads a stopwatch or waits"),),
    "wasi:clocks/wall-clock": (_does("*", "clock.wall", "reads the time of day"),),
    "wasi:clocks/system-clock": (_does("*", "clock.wall", "reads the time of day"),),
    "wasi:clocks/timezone": (_does("*", "clock.wall", "learns the time zone"),),
    "wasi:random/random": (_does("*", "random", _RANDOM),),
    "wasi:random/insecure": (_does("*", "random", _INSECURE),),
    "wasi:random/insecure-seed": (_does("*", "random", "draws a seed for hash tables"),),
    "wasi:io/error": (_plumbing("*", "reads the text of an error"),),
    "wasi:io/poll": (_plumbing("*", "waits for a stream or a clock it already has"),),
    "wasi:io/streams": (_plumbing("*", _STREAMS),),
    "wasi:filesystem/preopens": (
        _plumbing("get-directories", "learns which directories it was given"),
        _does("*", "fs.read", _NEWER),
    ),
    "wasi:filesystem/types": _FILES,
    "wasi:sockets/instance-network": (_plumbing("*", "holds the network, without using it"),),
    "wasi:sockets/network": (_plumbing("*", "learns why a network operation failed"),),
    "wasi:sockets/ip-name-lookup": (_does("*", "net.dns", "looks up host names"),),
    "wasi:sockets/tcp-create-socket": (_does("*", "net.socket", "makes TCP sockets"),),
    "wasi:sockets/tcp": (_does("*", "net.socket", "connects, listens, sends and receives"),),
    "wasi:sockets/udp-create-socket": (_does("*", "net.socket", "makes UDP sockets"),),
    "wasi:sockets/udp": (_does("*", "net.socket", "sends and receives datagrams"),),
    "wasi:sockets/types": (_does("*", "net.socket", "makes and uses TCP and UDP sockets"),),
    "wasi:http/types": (_plumbing("*", "builds and reads requests, without sending any"),),
    "wasi:http/outgoing-handler": (_does("*", "net.http", "sends HTTP requests"),),
    "wasi:http/client": (_does("*", "net.http", "sends HTTP requests"),),
    "wasi:http/incoming-handler": (_does("*", "net.http", "passes HTTP requests on"),),
    "wasi:http/handler": (_does("*", "net.http", "passes HTTP requests on"),),
    "hatchway:egress/fetch": (_does("*", "net.http", "sends HTTP requests"),),
    "hatchway_fetch_0_1": (
        _does("open", "net.http", "sends HTTP requests"),
        _plumbing("write", "adds to the body of a request that `open` began"),
        _plumbing("send", "waits for the response"),
        _plumbing("head", "reads status and headers of a response"),
        _plumbing("read", "reads the body of a response"),
        _plumbing("error", "learns why there is no response"),
        _plumbing("close", "gives a request back"),
    ),
    "extism:host/env": (
        _does("http_request", "net.http", "sends HTTP requests"),
        _plumbing("http_status_code", "reads the status of a response"),
        _plumbing("http_headers", "reads the headers of a response"),
        _does("config_get", "env", "reads settings, which are the variables it was given"),
        _plumbing("var_get", "reads what it remembered earlier in the same call"),
        _plumbing("var_set", "remembers something until the call ends"),
        *(_does(f"log_{level}", "stdio", "writes a line of its log") for level in _LEVELS),
        _plumbing("get_log_level", "learns which lines are kept"),
        *(_plumbing(name, _BLOCKS) for name in _KERNEL),
    ),
    "hatchway:tools/tools": (
        _does("call", "tool", "calls another tool"),
        _does("search", "tool", "looks for other tools it was granted"),
        _does("describe", "tool", "reads the schema of another tool it was granted"),
    ),
    "hatchway:*": (_does("*", "tool", "calls another tool"),),
}
"""By interface without version, or namespace. `hatchway:*` stands for all others of ours."""
