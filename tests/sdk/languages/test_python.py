"""Python: what a project is, how its functions are found out, and what is refused."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from hatchway.audit.reading import read_artifact
from hatchway.core.errors import ConfigError
from hatchway.sdk import componentizing
from hatchway.sdk.languages import language
from hatchway.sdk.languages.python import description_of, guest_files
from hatchway.sdk.languages.python_tests import test_modules as modules_with_tests

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = language("python")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = tmp_path / "words"
    made.mkdir()
    for path, text in PYTHON.template("words").items():
        (made / path).write_text(text)
    return made


def described(text: str) -> dict[str, object]:
    return description_of({"app.py": text.encode(), **guest_files()})


ASKING = """
import os, random, time

MADE = f"{time.time()} {os.urandom(4).hex()} {random.random()} {sorted({'a', 'b', 'c'})}"
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="two builds agree on Linux and x86-64 only")
def test_a_build_that_asks_for_time_and_chance_is_the_same_twice_and_wherever_it_lies(
    project: Path, tmp_path: Path
) -> None:
    with (project / "app.py").open("a") as app:
        app.write(ASKING)
    shutil.copytree(project, tmp_path / "other" / "place")
    told: list[str] = []

    one = PYTHON.build(project, told.append)
    two = PYTHON.build(tmp_path / "other" / "place", told.append)

    assert one == two
    assert read_artifact(one.artifact).surface.imports == ()
    assert one.notes[0].startswith("stripped: everything of WASI")


def test_the_tests_of_a_project_are_no_part_of_it(project: Path) -> None:
    (project / "sub").mkdir()
    (project / "sub" / "test_more.py").write_text("")

    assert modules_with_tests(project) == ("sub.test_more", "test_app")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x = 1", "no function with @tool"),
        ("1 / 0", r"cannot be imported: ZeroDivisionError: division by zero \(app.py:1\)"),
        ("import nothing_like_it", "ModuleNotFoundError"),
        ("def f(:", "SyntaxError"),
        ("raise SystemExit(0)", "cannot be imported: SystemExit"),
        (
            "from hatchway.sdk import tool\n@tool(purpose='p')\ndef f(a: set[int]) -> None: ...",
            r"app.py: f: the parameter 'a' \(set\[int\]\)",
        ),
        ("import os\nos._exit(0)", "cannot be described"),
        ("import os\nos._exit(9)", "ended with status 9"),
        ("import sys\nopen(sys.argv[3], 'w').write('[]')\nimport os\nos._exit(0)", "described"),
        ("import sys\nopen(sys.argv[3], 'w').write('{')\nimport os\nos._exit(0)", "described"),
    ],
)
def test_what_cannot_be_described_is_refused_in_one_line(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as refused:
        described(text)

    assert refused.value.code == "config.build_failed"
    assert "\n" not in refused.value.message


def test_an_authors_module_sees_no_environment_and_no_packages_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET", "in the environment")

    with pytest.raises(ConfigError, match=r"found {} None"):
        described(
            "import os, importlib.util as u\n"
            "kept = {k: v for k, v in os.environ.items() if k != 'LC_CTYPE'}\n"
            "raise ValueError(f'found {kept} {u.find_spec(\"wasmtime\")}')"
        )


@pytest.fixture
def _compiling_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong is seen after the compiler has run, whatever that said."""
    monkeypatch.setattr(componentizing, "componentize_python", lambda **_asked: b"")


@pytest.mark.usefixtures("_compiling_is_free")
def test_the_manifest_is_in_the_source_and_only_its_head_beside_it(project: Path) -> None:
    (project / "tool.toml").write_text('name = "words"\npurpose = "twice"\n')

    with pytest.raises(ConfigError, match=r"'purpose' stands in app\.py"):
        PYTHON.build(project, lambda _line: None)


@pytest.mark.usefixtures("_compiling_is_free")
def test_without_its_head_a_project_says_what_belongs_there(project: Path) -> None:
    (project / "tool.toml").unlink()

    with pytest.raises(ConfigError, match="cannot read") as refused:
        PYTHON.build(project, lambda _line: None)

    assert "licence" in str(refused.value.hint)


@pytest.mark.parametrize("texts", [{}, {"a.wit": "world one {}\nworld two {}"}])
def test_a_directory_of_wit_holds_one_world(project: Path, texts: dict[str, str]) -> None:
    (project / "wit").mkdir()
    for name, text in texts.items():
        (project / "wit" / name).write_text(text)

    with pytest.raises(ConfigError, match="must hold one world"):
        PYTHON.build(project, lambda _line: None)
