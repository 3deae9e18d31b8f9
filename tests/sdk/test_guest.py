"""What authors copy into tools that fetch: it says what the host does, and it works."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from fetch_guests import component
from guests import grant, run, sandbox, wasm
from stub_broker import broker

from hatchway.core.sandbox import CommandInvocation
from hatchway.engine.fetch.component import MAX_BODY_BYTES
from hatchway.engine.fetch.module import SIGNATURES
from hatchway.engine.fetch.request import MAX_REDIRECTS
from hatchway.registry.store import digest_of
from hatchway.sdk import guest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def text_of(name: str) -> str:
    return (guest.path() / name).read_text()


def test_the_files_are_where_the_package_says() -> None:
    assert {file.name for file in guest.path().iterdir() if file.is_file()} == {
        "__init__.py", "exec.wit", "fetch.wat", "fetch.wit", "hatchway_fetch.h",
        "hatchway_fetch.py", "tools.wit",
    }  # fmt: skip


# C and WebAssembly text


def test_the_header_declares_every_function_with_as_many_parameters_as_it_has() -> None:
    declared = re.findall(
        r"HATCHWAY_IMPORT\((\w+)\)\s+int hatchway_\w+\(([^)]*)\)", text_of("hatchway_fetch.h")
    )

    assert {name: "i" * (kinds.count(",") + 1) for name, kinds in declared} == SIGNATURES


def test_the_header_names_the_module_that_the_host_serves() -> None:
    assert 'import_module("hatchway_fetch_0_1")' in text_of("hatchway_fetch.h")


@pytest.mark.parametrize("standard", ["c99", "c11", "c17"])
def test_the_header_is_plain_c_that_needs_no_library(standard: str, tmp_path: Path) -> None:
    if shutil.which("clang") is None:
        pytest.skip("clang is not installed")
    source = tmp_path / "tool.c"
    source.write_text('#include "hatchway_fetch.h"\nint use(void) { return 0; }\n')
    flags = ("--target=wasm32", "-ffreestanding", "-nostdlib", "-Wall", "-Wextra", "-Werror")

    built = subprocess.run(
        ["clang", *flags, f"-std={standard}", f"-I{guest.path()}", "-c", source, "-o", "/dev/null"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (built.returncode, built.stderr) == (0, "")


def test_the_command_in_text_writes_what_it_is_answered() -> None:
    artifact = wasm(text_of("fetch.wat"))
    sandbox().prepare(artifact, digest_of(artifact))

    with broker(lambda peer: peer.reply(body=b"x" * 200_000)) as peer:
        execution = sandbox().run(
            digest_of(artifact), CommandInvocation(arguments=(b"t",)), grant(), None, peer.ticket
        )

    assert execution.stdout == b"x" * 200_000
    (head,) = peer.heads
    assert (head.method, head.scheme, head.authority) == ("GET", "http", "localhost:8000")


def test_the_command_in_text_exits_with_the_number_of_what_went_wrong() -> None:
    execution = run(text_of("fetch.wat"))

    assert execution.stop is not None
    assert execution.stop.details == {"exit_code": 76}


# WIT


def test_the_wit_has_the_types_that_the_host_compares_a_component_with() -> None:
    wit = re.sub(r"\s*///.*", "", text_of("fetch.wit"))
    parts = {
        name: re.findall(r"([\w-]+)(?:: ([^\n]+?))?(?:\(([^)]*)\))?,\n", body)
        for name, body in re.findall(r"(?:record|variant) (\w+) \{\n(.*?)\n  \}", wit, re.DOTALL)
    }

    declared = component()
    for name, kind in (("request", "field"), ("response", "field"), ("error", "case")):
        for label, typed, payload in parts[name]:
            spelled = (typed or payload).replace(
                "list<tuple<string, string>>", "(list (tuple string string))"
            )
            spelled = spelled.replace("list<u8>", "(list u8)")
            assert f'({kind} "{label}"{" " if spelled else ""}{spelled})' in declared
    assert "fetch: func(request: request) -> result<response, error>;" in wit
    assert "package hatchway:egress@0.1.0;" in wit


def test_the_wit_states_the_limits_of_the_host() -> None:
    assert MAX_BODY_BYTES == 2 << 20
    assert text_of("fetch.wit").count("At most 2 MiB") == 2
    assert f"How many redirects to follow, at most {MAX_REDIRECTS}." in text_of("fetch.wit")


# Python: with bindings as componentize-py makes them; a real build is in tests/examples


@dataclass
class Request:
    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes
    redirects: int


@dataclass
class Response:
    status: int = 200
    url: str = "https://e.org/"
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


@dataclass
class Plain:
    """A case without words."""


@dataclass
class Worded:
    """A case with words."""

    value: str


class Err(Exception):  # noqa: N818 - as componentize-py calls it
    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.value = value


@dataclass
class Bindings:
    """The generated modules: what was asked, and what is answered."""

    module: Any
    host: Any
    asked: list[Request] = field(default_factory=list)
    answer: Any = None

    def fetch(self, request: Request) -> Any:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def bindings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bindings]:
    types, world, imports = (
        ModuleType(name) for name in ("componentize_py_types", "wit_world", "wit_world.imports")
    )
    host: Any = ModuleType("wit_world.imports.fetch")
    host.Request = Request
    for case in ("Denied", "Timeout", "TooLarge"):
        setattr(host, f"Error_{case}", type(case, (Plain,), {}))
    for case in ("Unreachable", "Invalid"):
        worded = type(case, (Worded,), {})
        setattr(host, f"Error_{case}", worded)
    vars(types)["Err"] = Err
    vars(imports)["fetch"] = host
    for module in (types, world, imports):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delitem(sys.modules, "hatchway.sdk.guest.hatchway_fetch", raising=False)
    found = Bindings(importlib.import_module("hatchway.sdk.guest.hatchway_fetch"), host)
    host.fetch = found.fetch
    yield found
    monkeypatch.delitem(sys.modules, "hatchway.sdk.guest.hatchway_fetch")


def test_in_python_a_url_is_enough(bindings: Bindings) -> None:
    bindings.answer = Response(headers=[("a", "1"), ("B", "2"), ("A", "3")], body=b'{"x": [1]}')

    response = bindings.module.fetch("https://e.org/")

    assert bindings.asked == [Request("GET", "https://e.org/", [], b"", 3)]
    assert (response.status, response.url) == (200, "https://e.org/")
    assert response.headers == {"a": "1, 3", "b": "2"}
    assert (response.text, response.json()) == ('{"x": [1]}', {"x": [1]})
    assert response.raise_for_status() is response


def test_in_python_everything_else_is_said_by_name(bindings: Bindings) -> None:
    bindings.answer = Response()

    bindings.module.fetch("u", method="post", headers={"a": "b"}, body=b"c", redirects=0)

    assert bindings.asked == [Request("POST", "u", [("a", "b")], b"c", 0)]


def test_in_python_an_answer_that_is_an_error_is_raised_when_asked_for(bindings: Bindings) -> None:
    bindings.answer = Response(status=404)

    response = bindings.module.fetch("https://e.org/")

    with pytest.raises(OSError, match="answered with status 404"):
        response.raise_for_status()


@pytest.mark.parametrize(
    ("case", "words", "kind", "message"),
    [
        ("Denied", (), PermissionError, "GET u is not allowed"),
        ("Timeout", (), TimeoutError, "GET u took too long"),
        ("TooLarge", (), OSError, "GET u: the request or the response is too large"),
        ("Unreachable", ("DNS-error",), OSError, "GET u: DNS-error"),
        ("Invalid", ("redirects must …",), ValueError, "GET u: redirects must …"),
    ],
)
def test_in_python_a_failure_is_an_exception_of_the_usual_kind(
    bindings: Bindings, case: str, words: tuple[str, ...], kind: type[Exception], message: str
) -> None:
    bindings.answer = Err(getattr(bindings.host, f"Error_{case}")(*words))

    with pytest.raises(kind, match=message):
        bindings.module.fetch("u")
