"""The gallery, as a client meets it: what is listed, what it asks for, and its grades."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from doors import ERAS, in_memory
from workbench import workbench

from hatchway.policy.manifest import parse_manifest_toml

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "examples"
PAGE = REPOSITORY / "docs" / "gallery.md"
COMMITTED = ("archive", "graph", "hash", "regex", "units", "web")

CALLS: list[tuple[str, dict[str, Any], str]] = [
    ("archive.list", {"archive": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="}, '"entries": []'),
    ("graph", {"graph": "a -> b"}, "image/svg+xml"),
    ("hash.text", {"algorithm": "sha256", "text": ""}, "e3b0c44298fc1c149afbf4c8996fb924"),
    ("regex.find", {"pattern": "b+", "text": "abb"}, '"text": "bb"'),
    ("regex.replace", {"pattern": "b", "replacement": "c", "text": "b"}, '"text": "c"'),
    ("regex.statistics", {"text": "one two"}, '"words": 2'),
    ("units", {"value": 1, "from": "km", "to": "m"}, "1 km = 1000 m"),
]


def test_clients_of_both_eras_see_every_tool_and_get_its_answers(tmp_path: Path) -> None:
    bench = workbench(tmp_path)
    for name in COMMITTED:
        bench.application.keeper.admit(name, str(EXAMPLES / name / f"{name}.wasm"), [])
    runtime = bench.runtime()
    answers: list[str] = []

    async def main(era: str) -> None:
        async with in_memory(runtime, era=era) as client:
            listed = {tool.name: tool for tool in (await client.list_tools()).tools}
            for name, arguments, _ in CALLS:
                result = await client.call_tool(name, arguments)
                assert not result.is_error
                answers.append(str(result.content[0].model_dump_json()))
            assert {name.partition(".")[0] for name in listed} == set(COMMITTED)
            assert all(tool.description for tool in listed.values())

    for era in ERAS:
        anyio.run(main, era)

    for (_, _, expected), answer in zip(CALLS * len(ERAS), answers, strict=True):
        assert json.dumps(expected)[1:-1] in answer
    assert bench.events("capability.denied") == []


@pytest.mark.parametrize("name", COMMITTED)
def test_every_tool_bounds_what_it_takes_and_says_what_it_gives(name: str) -> None:
    file = EXAMPLES / name / f"{name}.tool.toml"

    manifest = parse_manifest_toml(file.read_text(), file=file.name)

    for tool in manifest.tools:
        assert tool.purpose
        assert tool.annotations.read_only
        assert tool.requires == ()
        assert tool.input is not None
        assert tool.input["additionalProperties"] is False
        for parameter in tool.input["properties"].values():
            assert parameter["description"]
            assert parameter.keys() & {"maxLength", "enum"} or parameter["type"] != "string"


def test_the_audit_of_all_examples_gives_the_grades_that_the_page_promises() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hatchway", "audit", "examples", "--json"],
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
    )

    reports = json.loads(done.stdout)["reports"]
    grades = {report["tool"]: report["grade"] for report in reports}
    promised = _grades_on_the_page()
    assert set(COMMITTED) < promised.keys()
    assert set(promised.values()) <= {"A", "B"}
    for name in COMMITTED:
        assert grades[name] == promised[name]


def _grades_on_the_page() -> dict[str, str]:
    row = re.compile(r"^\| `([a-z]+)` \|.*\| ([A-F]) \|$", re.MULTILINE)
    return dict(row.findall(PAGE.read_text()))


def test_the_page_says_how_large_every_tool_is() -> None:
    page = PAGE.read_text()

    for name in COMMITTED:
        size = (EXAMPLES / name / f"{name}.wasm").stat().st_size
        (row,) = re.findall(rf"^\| `{name}` \|.*$", page, re.MULTILINE)
        assert f"| {round(size / 1000)} kB |" in row
