"""From what an interpreter reports to what the client reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hatchway.core.call import Content, MediaContent, Outcome, ResourceContent, TextContent
from hatchway.core.code import CodeException, CodeResult
from hatchway.core.errors import CallError, InvalidOutputError
from hatchway.core.json_text import decode, encoder, require_shallow
from hatchway.core.untrusted import printable
from hatchway.runtime.code_tools import MAX_NAME_BYTES
from hatchway.runtime.media import IMAGES, image_in, media_type_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hatchway.core.call import Execution
    from hatchway.core.tool import Tool
    from hatchway.runtime.media import Image

MAX_TEXT = 32 * 1024
"""Characters of each part of an answer that a client is shown; the middle is left out."""

_PLACE = re.compile(r'File "code\.py", line (\d{1,9})\b|\bcode\.js:(\d{1,9})\b')
_NOTHING = "(The code gave no value and printed nothing.)"


def code_outcome_of(tool: Tool, execution: Execution) -> Outcome:
    """The answer to a call that ran code as `execution`."""
    error, result = execution.stop, CodeResult()
    if error is None:
        try:
            result = _result_of(execution)
        except InvalidOutputError as wrong:
            error = wrong
    image = image_in(result.value) if isinstance(result.value, str) else None
    kinds = {name: media_type_of(name, data) for name, data in result.files.items()}
    shown = _Shown(execution, result, error, image, _listed(result.files, kinds))
    return Outcome(
        content=(*shown.content(), *_files(tool, result, kinds)),
        structured=shown.structured(),
        is_error=result.exception is not None or error is not None,
        error=error,
        usage=execution.usage,
        denials=execution.denials,
        gated=execution.gated,
        stdout=execution.stdout,
        stderr=execution.stderr,
        code=result,
    )


# What the guest said


def _result_of(execution: Execution) -> CodeResult:
    files = _checked(execution.files)
    if not execution.failed:
        return CodeResult(value=_value(execution.value), files=files)
    said = execution.value
    exception = CodeException(
        kind=said["kind"],
        message=said["message"],
        traceback=said["traceback"],
        line=_line(said["traceback"]),
    )
    return CodeResult(exception=exception, files=files)


def _value(text: str | None) -> Any:
    """The value in the JSON text that an interpreter gave for it."""
    if text is None:
        return None
    try:
        value = decode(text)
        require_shallow(value)
        if "\\u" in text:
            _dumped(value).encode()  # an escape may stand for half a character
    except (ValueError, RecursionError) as error:
        message = f"the value of the code is not JSON: {printable(str(error), limit=120)}"
        raise InvalidOutputError(message) from error
    return value


def _line(traceback: str) -> int | None:
    """The line of the code in which it failed, as far as the traceback tells.

    Python names the innermost place last, JavaScript names it first.
    """
    places = _PLACE.findall(traceback[-MAX_TEXT:])
    if not places:
        return None
    python, _ = places[-1]
    return int(python or places[0][1] or 0) or None


def _checked(files: Mapping[str, bytes]) -> Mapping[str, bytes]:
    for name in files:
        if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
            message = f"the code made a file whose path has more than {MAX_NAME_BYTES} bytes"
            raise InvalidOutputError(message)
    return files


# What the client reads


class _Shown:
    """One answer in words, for a model and for a program."""

    def __init__(
        self,
        execution: Execution,
        result: CodeResult,
        error: CallError | None,
        image: Image | None,
        files: list[dict[str, Any]],
    ) -> None:
        self._stdout = _bounded(execution.stdout.decode("utf-8", "replace"))
        self._stderr = _bounded(execution.stderr.decode("utf-8", "replace"))
        self._result = result
        self._error = error
        self._image = image
        self._files = files

    def content(self) -> tuple[Content, ...]:
        """Text, a part each, and the image that the value is."""
        texts = [TextContent(text=text) for text in self._texts()]
        if not texts:
            texts = [TextContent(text=_NOTHING)]
        if self._image is None:
            return tuple(texts)
        media_type, data = self._image
        return (*texts, MediaContent(kind="image", data=data, media_type=media_type))

    def _texts(self) -> Iterator[str]:
        if self._stdout:
            yield f"stdout:\n{self._stdout}"
        if self._stderr:
            yield f"stderr:\n{self._stderr}"
        exception, value = self._result.exception, self._result.value
        if exception is not None:
            yield _bounded(_spelled(exception))
        elif value is not None:
            yield f"value:\n{_bounded(self._pictured or _dumped(value))}"
        if self._files:
            yield "files:\n" + "\n".join(map(_file_in_words, self._files))
        if self._error is not None:
            yield f"The code was stopped: {self._error.message} ({self._error.code})"

    @property
    def _pictured(self) -> str:
        """What stands for a value that is an image."""
        if self._image is None:
            return ""
        return f"({self._image.media_type}, {len(self._image.data)} bytes, shown as an image)"

    def structured(self) -> dict[str, Any]:
        """The same as an object that fits `CODE_OUTPUT`."""
        result, error = self._result, self._error
        answer: dict[str, Any] = {
            "value": self._pictured or result.value,
            "stdout": self._stdout,
            "stderr": self._stderr,
            "files": self._files,
        }
        if result.exception is not None:
            answer["exception"] = _exception(result.exception)
        if error is not None:
            answer["error"] = {"code": error.code, "message": error.message}
        return answer


def _exception(exception: CodeException) -> dict[str, Any]:
    """An exception as an object of JSON."""
    return {
        "kind": _bounded(exception.kind),
        "message": _bounded(exception.message),
        "traceback": _bounded(exception.traceback),
        "line": exception.line,
    }


def _listed(files: Mapping[str, bytes], kinds: Mapping[str, str]) -> list[dict[str, Any]]:
    """What files there are, as objects of JSON."""
    return [
        {"name": name, "media_type": kinds[name], "bytes": len(data)}
        for name, data in files.items()
    ]


def _file_in_words(file: Mapping[str, Any]) -> str:
    name = printable(file["name"], limit=200)
    return f"- {name} ({file['media_type']}, {file['bytes']} bytes)"


def _spelled(exception: CodeException) -> str:
    """An exception as the language itself would print it."""
    last = f"{exception.kind}: {exception.message}" if exception.message else exception.kind
    traceback = exception.traceback.rstrip("\n")
    if last in traceback:
        return traceback
    return f"{traceback}\n{last}" if traceback else last


def _files(tool: Tool, result: CodeResult, kinds: Mapping[str, str]) -> Iterator[Content]:
    for name, data in result.files.items():
        media_type = kinds[name]
        if media_type in IMAGES:
            yield MediaContent(kind="image", data=data, media_type=media_type)
            continue
        # Nobody answers to this name, and it tells nothing of the host.
        place = quote(name.encode("utf-8", "surrogatepass"))
        uri = f"hatchway:///{quote(tool.name)}/{place}"
        yield ResourceContent(uri=uri, media_type=media_type, data=data)


def _bounded(text: str) -> str:
    """`text`, of which the middle is left out when it is long: both ends say what happened."""
    if len(text) <= MAX_TEXT:
        return text
    half = MAX_TEXT // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"


_dumped = encoder(compact=False)
