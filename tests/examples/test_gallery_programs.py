"""The tools of the gallery that are built or fetched: as the page says, and with hostile input."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "gallery.md"
PICTURES = REPOSITORY / "docs" / "pictures"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink" {}</svg>'


def _guides() -> ModuleType:
    """How the other documents are executed."""
    file = REPOSITORY / "tests" / "docs" / "test_guides.py"
    described = importlib.util.spec_from_file_location("guides_of_the_gallery", file)
    assert described is not None
    assert described.loader is not None
    module = importlib.util.module_from_spec(described)
    sys.modules[described.name] = module
    described.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Gallery:
    """A directory in which the page was followed to its end."""

    directory: Path
    environment: dict[str, str]

    def call(self, tool: str, arguments: dict[str, Any]) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "hatchway", "call", tool, "-", "--json"],
            cwd=self.directory,
            env=self.environment,
            input=json.dumps(arguments).encode(),
            capture_output=True,
            check=False,
        )
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """The `shell` blocks of the page, run once for all tests."""
    guides, here = _guides(), tmp_path_factory.mktemp("gallery")
    for name in ("examples", "requirements"):
        shutil.copytree(REPOSITORY / name, here / name)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment |= {"NO_COLOR": "1", "TERM": "dumb", "HOME": str(here)}
    environment |= {
        f"XDG_{kind}_HOME": str(here / kind.lower())
        for kind in ("CONFIG", "DATA", "STATE", "CACHE")
    }
    shell = subprocess.Popen(
        ["bash", "--noprofile", "--norc"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=here,
        env=environment,
        text=True,
    )
    try:
        for kind, _, block in guides._BLOCK.findall(PAGE.read_text()):
            for command in guides.commands_of(block) if kind == "shell" else []:
                printed, status = guides.run(shell, command.line)
                is_as_said = not command.expected or guides.matches(command.expected, printed)
                if status != 0 or not is_as_said:
                    pytest.fail(command.explain(printed), pytrace=False)
        yield Gallery(here, environment)
    finally:
        shell.kill()
        shell.communicate()


@pytest.mark.artifacts
@pytest.mark.slow
def test_what_the_page_says_of_built_tools_happens(gallery: Gallery) -> None:
    assert (gallery.directory / "circle.png").read_bytes().startswith(b"\x89PNG")
    assert (gallery.directory / "qr.svg").read_text() == (PICTURES / "gallery-qr.svg").read_text()


@pytest.mark.artifacts
@pytest.mark.slow
def test_built_tools_have_the_grade_of_the_page_and_ask_for_nothing(gallery: Gallery) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hatchway", "list", "--json"],
        cwd=gallery.directory,
        env=gallery.environment,
        capture_output=True,
        check=True,
    )

    listed = {entry["name"]: entry for entry in json.loads(done.stdout)}
    assert {name: entry["grade"] for name, entry in listed.items()} == dict.fromkeys(
        ("query", "render", "resvg"), "A"
    )
    assert all(entry["grants"] == [] for entry in listed.values())


ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT sum(x) FROM c"
ENDS = ("guest.fuel_exhausted", "guest.deadline_exceeded")


@pytest.mark.artifacts
@pytest.mark.slow
@pytest.mark.parametrize(
    ("tool", "arguments", "stops"),
    [
        ("query.query", {"sql": ENDLESS, "tables": {}}, ENDS),
        ("query.query", {"sql": "SELECT " + "(" * 5000, "tables": {}}, ()),
        ("query.query", {"sql": "SELECT datetime('no' || 'w')", "tables": {}}, ("guest.trapped",)),
        ("query.query", {"sql": "SELECT 1", "tables": {"t": "[" * 200_000}}, ()),
        ("render.markdown", {"text": "[" * 50_000}, ENDS),
        ("render.markdown", {"text": "x" * 500_001}, ()),
        ("render.qr", {"text": ""}, ()),
        ("render.qr", {"text": "x" * 2001}, ()),
    ],
)
def test_hostile_text_ends_at_a_limit_or_in_words(
    tool: str, arguments: dict[str, Any], stops: tuple[str, ...], gallery: Gallery
) -> None:
    answer = gallery.call(tool, arguments)

    assert answer["is_error"]
    assert (answer["error"] or {}).get("code") in (stops or (None,))
    assert stops or answer["content"][0]["text"]


@pytest.mark.artifacts
@pytest.mark.slow
@pytest.mark.parametrize("text", ["# *a*\n" * 500, "> " * 5000, "<script>x</script>" * 100])
def test_odd_markdown_is_html_without_scripts(text: str, gallery: Gallery) -> None:
    answer = gallery.call("render.markdown", {"text": text})

    assert not answer["is_error"]
    assert "<script" not in answer["content"][0]["text"]


LAUGHS = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
COPIES = "".join(f'<g id="a{n + 1}">' + f'<use x:href="#a{n}"/>' * 10 + "</g>" for n in range(9))


@pytest.mark.artifacts
@pytest.mark.slow
@pytest.mark.parametrize(
    "drawing",
    [
        f'<!DOCTYPE l [<!ENTITY e0 "ha">{LAUGHS}]>' + SVG.format("><text>&e9;</text>"),
        SVG.format('width="9" height="9"><g id="a0"><rect width="1" height="1"/></g>' + COPIES),
        SVG.format('width="90000" height="90000"><rect width="9" height="9"/>'),
        SVG.format(">" + "<g>" * 20_000 + "</g>" * 20_000),
    ],
    ids=["laughs", "copies", "wide", "deep"],
)
def test_a_hostile_drawing_ends_within_its_limits(drawing: str, gallery: Gallery) -> None:
    answer = gallery.call("resvg", {"svg": drawing})

    assert answer["error"]["code"] in ("guest.exited", "guest.trapped", "guest.fuel_exhausted")


@pytest.mark.artifacts
@pytest.mark.slow
def test_a_drawing_that_names_files_gets_none_and_it_is_recorded(gallery: Gallery) -> None:
    inside = 'width="9" height="9"><image x:href="/etc/passwd" width="9" height="9"/>'

    answer = gallery.call("resvg", {"svg": SVG.format(inside)})

    assert [denial["attempted"] for denial in answer["denials"]] == ["/etc/passwd"]
