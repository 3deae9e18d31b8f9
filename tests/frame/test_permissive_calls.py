"""Calls that open something name everything they leave open, even where a default would do."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "hatchway"

MUST_NAME = {
    # A child gets no stream, variable or descriptor that nobody chose.
    "subprocess.Popen": {"stdin", "stdout", "stderr", "env", "cwd", "start_new_session"},
    # The SDK's default for a server without a host is no protection at all.
    "TransportSecuritySettings": {
        "enable_dns_rebinding_protection",
        "allowed_hosts",
        "allowed_origins",
    },
    # The default believes X-Forwarded-For.
    "uvicorn.Config": {"proxy_headers", "access_log", "server_header", "ws"},
}

NEVER = {
    "os.system": "a shell",
    "os.popen": "a shell",
    "subprocess.run": "Popen, which names everything",
    "subprocess.call": "Popen, which names everything",
    "subprocess.check_output": "Popen, which names everything",
    "eval": "code from text",
    "exec": "code from text",
    "pickle.loads": "code from bytes",
    "marshal.loads": "code from bytes",
    "wasmtime.WasiConfig": "wasmtime's WASI, which inherits",
    "wasmtime.wat2wasm": "a parser in this process",
    "wasmtime.Module": "compiling in this process",
    "wasmtime.Module.from_file": "compiling in this process",
    "wit.Component": "compiling in this process",
}

COMPILER = "engine/compiler.py"
"""Runs in the child, whose limits are set before anything else happens."""

EXCEPTED = {("engine/preview2/reference.py", "wasmtime.WasiConfig")}
"""It stays empty, for a store in which types are compared and nothing runs."""

SNAPSHOT = "sdk/interpreters/javascript/engine.py"
"""Runs files of ours, pinned by digest, in the child that builds the JavaScript interpreter."""

PREPARED = {(SNAPSHOT, "wasmtime.Module"), (SNAPSHOT, "wasmtime.wat2wasm")}

INSIDE = "sdk/interpreters/python_guest/"
"""Runs inside the sandbox, and there it is what runs code from text. Nobody outside imports it."""

PURE_IMPORTS = {
    "__future__", "base64", "binascii", "bisect", "collections", "contextlib", "copy",
    "dataclasses", "datetime", "difflib", "enum", "hashlib", "hmac", "ipaddress", "itertools",
    "json", "math", "operator", "re", "shlex", "tomllib", "types", "typing", "unicodedata",
    "urllib",
}  # fmt: skip
"""Modules of the standard library that neither read nor change anything outside.

But for the clock, which `datetime` reads when it is asked: a test below says that it is not.
"""


@cache
def nodes() -> tuple[tuple[str, ast.Call | ast.Import | ast.ImportFrom], ...]:
    """Every call and import there is, with the file it stands in. Reading them takes seconds."""
    return tuple(
        (file.relative_to(SOURCE).as_posix(), node)
        for file in sorted(SOURCE.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call | ast.Import | ast.ImportFrom)
    )


@cache
def calls() -> tuple[tuple[str, str, ast.Call], ...]:
    return tuple(
        (f"{place}:{node.lineno}", ast.unparse(node.func), node)
        for place, node in nodes()
        if isinstance(node, ast.Call)
    )


@pytest.mark.parametrize("function", MUST_NAME)
def test_a_permissive_call_names_what_it_leaves_open(function: str) -> None:
    found = [(place, node) for place, name, node in calls() if name == function]

    assert found
    for place, node in found:
        given = {keyword.arg for keyword in node.keywords}
        assert MUST_NAME[function] <= given, f"{place}: {MUST_NAME[function] - given}"


def test_what_is_never_called_is_not_called() -> None:
    found = {
        f"{place} calls {name}: {NEVER[name]}"
        for place, name, _ in calls()
        if name in NEVER
        and not place.startswith((f"{COMPILER}:", INSIDE))
        and (place.partition(":")[0], name) not in EXCEPTED | PREPARED
    }

    assert found == set()


def test_what_is_excepted_is_given_nothing() -> None:
    found = [node for place, name, node in calls() if (place.partition(":")[0], name) in EXCEPTED]

    assert len(found) == len(EXCEPTED)
    assert [(node.args, node.keywords) for node in found] == [([], [])] * len(found)


def importers_of(package: str) -> set[str]:
    """The modules that import it, or a part of it."""
    return {
        place
        for place, node in nodes()
        if (isinstance(node, ast.ImportFrom) and package in str(node.module))
        or (isinstance(node, ast.Import) and any(package in each.name for each in node.names))
    }


def test_what_runs_inside_the_sandbox_is_imported_by_nothing_outside() -> None:
    found = importers_of(INSIDE.rstrip("/").replace("/", "."))

    assert found
    assert all(place.startswith(INSIDE) for place in found)


def test_what_prepares_an_interpreter_is_imported_by_a_child_alone() -> None:
    """The text of the child does it; no module."""
    found = importers_of("hatchway.sdk.interpreters.javascript.component")

    assert found == set()


def test_no_call_starts_a_shell() -> None:
    found = [
        place
        for place, _, node in calls()
        if any(keyword.arg == "shell" for keyword in node.keywords)
    ]

    assert found == []


def test_a_file_that_is_made_says_who_may_read_it() -> None:
    """A directory or file below Hatchway's own is nobody else's unless that was meant."""
    found = [
        place
        for place, name, node in calls()
        if name.endswith(".mkdir")
        and not place.startswith(("cli/", "engine/compiler"))
        and not any(keyword.arg == "mode" for keyword in node.keywords)
    ]

    assert found == []


@pytest.mark.parametrize("package", ["core", "policy"])
def test_what_decides_imports_nothing_that_looks_outside(package: str) -> None:
    imported = set()
    for place, node in nodes():
        if not place.startswith(f"{package}/"):
            continue
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).partition(".")[0])

    assert imported - {"hatchway"} <= PURE_IMPORTS
    assert sys.stdlib_module_names >= PURE_IMPORTS


def test_what_decides_is_told_the_day_and_never_reads_a_clock() -> None:
    asked = {"today", "now", "utcnow", "fromtimestamp"}

    found = [
        f"{place} calls {name}"
        for place, name, _ in calls()
        if place.startswith(("core/", "policy/", "audit/")) and name.rpartition(".")[2] in asked
    ]

    assert found == []
