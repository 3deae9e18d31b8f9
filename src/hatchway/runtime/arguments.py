"""Arguments from a client: bounded, checked, and turned into what the guest receives."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from hatchway.core.errors import InvalidArgumentsError
from hatchway.core.json_text import MAX_DEPTH, decode, encoder
from hatchway.core.sandbox import CommandInvocation, FunctionInvocation, Invocation
from hatchway.core.untrusted import printable
from hatchway.policy.mapping import PLACE
from hatchway.runtime.code_tools import code_invocation
from hatchway.runtime.plain_json import arguments_from_plain
from hatchway.runtime.plugin_tools import PLUGIN_ABIS, request_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.core.manifest import Argument, InputFile
    from hatchway.core.tool import Tool
    from hatchway.runtime.validation import Validator

MAX_VALUES = 100_000
MAX_TEXT_BYTES = 8 << 20
_MAX_INTEGER_BITS = 128
MAX_COMMAND_LINE_BYTES = 1 << 20


def parse_arguments(text: str) -> dict[str, Any]:
    """The arguments in a JSON text.

    Raises:
        InvalidArgumentsError: It is not a JSON object, or too large.
    """
    if len(text) > MAX_TEXT_BYTES:
        message = f"the arguments have more than {MAX_TEXT_BYTES} bytes"
        raise InvalidArgumentsError(message)
    try:
        values = decode(text)
    except (ValueError, RecursionError) as error:
        message = f"the arguments are not valid JSON: {printable(str(error))}"
        raise InvalidArgumentsError(message, hint='for example \'{"text": "hello"}\'') from error
    if not isinstance(values, dict):
        message = f"the arguments must be a JSON object, got {printable(repr(values), limit=60)}"
        raise InvalidArgumentsError(message, hint='for example \'{"text": "hello"}\'')
    return values


def require_bounded(arguments: Mapping[str, Any]) -> None:
    """Refuse arguments that would be costly merely to look at.

    Raises:
        InvalidArgumentsError: They are too deep, too many or too long.
    """
    values, text_bytes = 0, 0
    level: list[Any] = [arguments]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            text_bytes += _text_bytes(value)
            if isinstance(value, dict):
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
        values += len(below)
        if values > MAX_VALUES or text_bytes > MAX_TEXT_BYTES:
            message = f"more than {MAX_VALUES} values or {MAX_TEXT_BYTES} bytes of text"
            raise InvalidArgumentsError(message)
        if not below:
            return
        level = below
    message = f"the arguments nest deeper than {MAX_DEPTH}"
    raise InvalidArgumentsError(message)


def _text_bytes(value: Any) -> int:
    """The text a value holds itself, at least."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(len, value))
    if isinstance(value, int) and value.bit_length() > _MAX_INTEGER_BITS:
        message = "an integer has too many digits"
        raise InvalidArgumentsError(message)
    return 0


def require_valid(validator: Validator, arguments: Mapping[str, Any]) -> None:
    """Refuse arguments that do not fit the tool's schema.

    Raises:
        InvalidArgumentsError: Naming the place of the first misfit.
    """
    error = next(validator.iter_errors(arguments), None)
    if error is not None:
        place = "".join(
            f"[{part}]" if isinstance(part, int) else f".{printable(str(part), limit=80)}"
            for part in error.absolute_path
        )
        where = f"at {place.lstrip('.')}: " if place else ""
        message = f"the arguments do not fit: {where}{printable(error.message, limit=200)}"
        raise InvalidArgumentsError(message, details={"path": place.lstrip(".")})


def invocation_of(tool: Tool, arguments: Mapping[str, Any]) -> Invocation:
    """What the sandbox is to run for `arguments`, which fit the tool's schema.

    Raises:
        InvalidArgumentsError: A value cannot be put where the manifest wants it.
    """
    if tool.runs_code:
        return code_invocation(tool, arguments)
    if tool.function is not None:
        if tool.manifest.json == "plain":
            arguments = arguments_from_plain(tool.function, arguments)
        return FunctionInvocation(function=tool.function.qualified_name, arguments=arguments)
    manifest = tool.manifest
    line: tuple[bytes, ...] = ()
    if manifest.abi in PLUGIN_ABIS:
        stdin = _plugin_input(tool, arguments)
    elif manifest.abi == "json":
        stdin = _utf8(_encode(arguments), "arguments")
    elif manifest.abi is None:
        line = tuple(_argument(text, "args") for text in arguments.get("args", ()))
        _require_short(sum(map(len, line)))
        stdin = _whole("stdin", arguments.get("stdin"), tool.input_schema)
    else:
        line = _command_line(manifest.argv, arguments)
        stdin = _content("stdin", manifest.stdin or "", arguments, tool.input_schema)
    return CommandInvocation(
        arguments=(tool.owner.encode(), *line),
        stdin=stdin,
        files=_files(manifest.files, arguments, tool.input_schema),
        wanted=tuple([result.file for result in manifest.results if result.file is not None]),
        function=manifest.function,
    )


def _plugin_input(tool: Tool, arguments: Mapping[str, Any]) -> bytes:
    """What a plug-in reads: what its manifest makes of the arguments, or all of them as JSON."""
    manifest = tool.manifest
    if manifest.abi == "hyper-mcp":
        return _utf8(_encode(request_of(manifest, arguments)), "arguments")
    if manifest.stdin is None:
        return _utf8(_encode(arguments), "arguments")
    return _content("the input", manifest.stdin, arguments, tool.input_schema)


_encode = encoder(compact=True)


def _command_line(
    template: tuple[Argument, ...], arguments: Mapping[str, Any]
) -> tuple[bytes, ...]:
    line: list[bytes] = []
    length = 0
    after_options = False
    for element in template:
        if element.when is not None and arguments.get(element.when) is not True:
            continue
        places = PLACE.findall(element.template)
        if any(arguments.get(place) is None for place in places):
            continue  # an optional parameter that was not given
        words = _filled(element.template, arguments, after_options=after_options)
        length += sum(map(len, words))
        _require_short(length)
        line += words
        after_options = after_options or element.template == "--"
    return tuple(line)


def _require_short(length: int) -> None:
    if length > MAX_COMMAND_LINE_BYTES:
        message = f"the command line has more than {MAX_COMMAND_LINE_BYTES} bytes"
        raise InvalidArgumentsError(message)


def _filled(template: str, arguments: Mapping[str, Any], *, after_options: bool) -> list[bytes]:
    """The words that one element of the template stands for."""
    whole = PLACE.fullmatch(template)
    if whole is not None and isinstance(arguments[whole[1]], list):
        values = [_spelled(value, whole[1]) for value in arguments[whole[1]]]
    else:
        values = [_joined("the command line", template, arguments, MAX_COMMAND_LINE_BYTES)]
    starts_with_value = template.startswith("{") and PLACE.match(template) is not None
    if starts_with_value and not after_options:
        for value in values:
            if value.startswith("-"):
                # It would be read as an option that nobody meant to allow.
                message = f"{printable(value, limit=60)!r} must not start with '-'"
                raise InvalidArgumentsError(message)
    return [_argument(value, template) for value in values]


def _spelled(value: Any, place: str) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case _:
            message = f"{place} has a value that cannot be part of a command line"
            raise InvalidArgumentsError(message, details={"path": place})


def _argument(text: str, place: str) -> bytes:
    if "\0" in text:
        message = f"{printable(place, limit=60)} contains a NUL character"
        raise InvalidArgumentsError(message)
    return _utf8(text, place)


def _utf8(text: str, place: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        message = f"{printable(place, limit=60)} contains a lone surrogate"
        raise InvalidArgumentsError(message) from None


def _joined(what: str, template: str, arguments: Mapping[str, Any], limit: int) -> str:
    """A template with its places filled; parameters that were not given are empty."""
    parts = PLACE.split(template)
    for index in range(1, len(parts), 2):
        value = arguments.get(parts[index])
        parts[index] = "" if value is None else _spelled(value, parts[index])
    # Before they are joined: a short template can name a long text a thousand times.
    if sum(map(len, parts)) > limit:
        message = f"{what} has more than {limit} bytes"
        raise InvalidArgumentsError(message)
    return "".join(parts)


def _files(
    mapped: tuple[InputFile, ...], arguments: Mapping[str, Any], schema: Mapping[str, Any]
) -> dict[str, bytes]:
    """What lies in the workspace at the start; without files for which nothing was given."""
    files: dict[str, bytes] = {}
    length = 0
    for file in mapped:
        if any(arguments.get(place) is None for place in PLACE.findall(file.value)):
            continue
        name = printable(file.path, limit=60)
        files[file.path] = _content(name, file.value, arguments, schema)
        length += len(files[file.path])
        if length > MAX_TEXT_BYTES:
            message = f"the files of the call have more than {MAX_TEXT_BYTES} bytes"
            raise InvalidArgumentsError(message)
    return files


def _content(
    what: str, template: str, arguments: Mapping[str, Any], schema: Mapping[str, Any]
) -> bytes:
    """What a template for stdin or a file stands for: text, or one parameter as it is."""
    whole = PLACE.fullmatch(template)
    if whole is not None:
        return _whole(whole[1], arguments.get(whole[1]), schema)
    return _utf8(_joined(what, template, arguments, MAX_TEXT_BYTES), what)


def _whole(name: str, value: Any, schema: Mapping[str, Any]) -> bytes:
    """One parameter as it is: text, base64-decoded bytes, or JSON; nothing if not given."""
    if value is None:
        return b""
    if not isinstance(value, str):
        return _utf8(_encode(value), name)
    if schema["properties"][name].get("contentEncoding") != "base64":
        return _utf8(value, name)
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        message = f"{name} is not base64"
        raise InvalidArgumentsError(message, details={"path": name}) from None
