"""wasi:cli: arguments, environment, standard streams, exit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.engine import capi, values
from hatchway.engine.preview2.binding import INPUT_STREAM, OUTPUT_STREAM, Function, Host
from hatchway.engine.preview2.io import STDERR, STDIN, STDOUT

if TYPE_CHECKING:
    from hatchway.engine.preview2.binding import Body


def get_environment(host: Host, _arguments: int, result: int) -> None:
    variables = host.guest.read_environment()
    first = values.put_items(result, "list", len(variables))
    for index, (name, value) in enumerate(variables):
        pair = values.put_items(first + index * capi.VALUE_BYTES, "tuple", 2)
        values.put_text(pair, name.encode())
        values.put_text(pair + capi.VALUE_BYTES, value.encode())


def get_arguments(host: Host, _arguments: int, result: int) -> None:
    arguments = host.guest.arguments
    first = values.put_items(result, "list", len(arguments))
    for index, argument in enumerate(arguments):
        values.put_text(first + index * capi.VALUE_BYTES, argument)


def initial_cwd(host: Host, _arguments: int, result: int) -> None:
    """The workspace, where there is one; nothing else is anybody's to work in."""
    values.put_none(result)
    path = host.guest.workspace_path
    if path is not None:
        values.put_box(result, "option", lambda at: values.put_text(at, path.encode()))


def nothing(_host: Host, _arguments: int, result: int) -> None:
    """No terminal."""
    values.put_none(result)


def exit_with_result(host: Host, arguments: int, _result: int) -> None:
    is_ok = capi.string_at(arguments + capi.VALUE_PAYLOAD, 1) != b"\0"
    host.guest.exit(0 if is_ok else 1)


def exit_with_code(host: Host, arguments: int, _result: int) -> None:
    host.guest.exit(values.read_number(arguments, "u8"))


def _stream(resource: int, representation: int) -> Body:
    def body(host: Host, _arguments: int, result: int) -> None:
        host.give(result, resource, representation)

    return body


FUNCTIONS: dict[str, dict[str, Function]] = {
    "wasi:cli/environment": {
        "get-environment": Function(get_environment),
        "get-arguments": Function(get_arguments),
        "initial-cwd": Function(initial_cwd),
    },
    "wasi:cli/exit": {
        "exit": Function(exit_with_result),
        "exit-with-code": Function(exit_with_code),
    },
    "wasi:cli/stdin": {"get-stdin": Function(_stream(INPUT_STREAM, STDIN))},
    "wasi:cli/stdout": {"get-stdout": Function(_stream(OUTPUT_STREAM, STDOUT))},
    "wasi:cli/stderr": {"get-stderr": Function(_stream(OUTPUT_STREAM, STDERR))},
    "wasi:cli/terminal-stdin": {"get-terminal-stdin": Function(nothing)},
    "wasi:cli/terminal-stdout": {"get-terminal-stdout": Function(nothing)},
    "wasi:cli/terminal-stderr": {"get-terminal-stderr": Function(nothing)},
}
