"""C: the same bytes twice, no import that nothing needs, and a compiler's own words."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hatchway.audit.reading import read_artifact
from hatchway.core.errors import ConfigError
from hatchway.sdk.languages import language

C = language("c")
with_clang = pytest.mark.skipif(C.missing() is not None, reason=str(C.missing()))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = tmp_path / "measure"
    made.mkdir()
    for path, text in C.template("measure").items():
        (made / path).write_text(text)
    return made


@with_clang
def test_a_build_is_the_same_twice_and_wherever_the_project_lies(
    project: Path, tmp_path: Path
) -> None:
    # Text with the name of its own file is the usual way in which a path gets into a binary.
    (project / "more.c").write_text("const char *where(void) { return __FILE__; }\n")
    source = (project / "main.c").read_text()
    source = "const char *where(void);\n" + source.replace("the text is empty\\n", "empty\\n")
    (project / "main.c").write_text(
        source.replace('fputs("empty', 'fputs(where(), stderr); fputs("empty')
    )
    shutil.copytree(project, tmp_path / "other" / "place")

    one = C.build(project, lambda _line: None)
    two = C.build(tmp_path / "other" / "place", lambda _line: None)

    assert one == two
    assert str(tmp_path).encode() not in one.artifact


@with_clang
def test_imports_that_nothing_needs_are_stripped(project: Path) -> None:
    unused = '#include <stdio.h>\nFILE *unused(void) { return fopen("/etc/passwd", "r"); }\n'
    (project / "unused.c").write_text(unused)

    built = C.build(project, lambda _line: None)

    names = {str(item).rpartition(".")[2] for item in read_artifact(built.artifact).imports}
    assert "path_open" not in names
    assert "fd_read" in names


@with_clang
def test_a_mistake_is_told_in_the_compilers_words(project: Path) -> None:
    (project / "main.c").write_text("int main(void) { return nothing; }\n")
    told: list[str] = []

    with pytest.raises(ConfigError, match="clang does not take it"):
        C.build(project, told.append)

    assert any("main.c:1:25: error: use of undeclared identifier" in line for line in told)


def test_what_is_missing_is_named_with_the_command(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert C.missing() == (
        "clang and wasm-ld not found: apt install clang lld wasi-libc libclang-rt-dev-wasm32"
    )
    with pytest.raises(ConfigError, match="clang and wasm-ld not found") as refused:
        C.build(project, lambda _line: None)
    assert refused.value.code == "config.no_builder"


def test_a_compiler_without_a_library_is_not_enough(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("clang", "wasm-ld"):
        (tmp_path / name).write_text("#!/bin/sh\necho libc.a\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert str(C.missing()).startswith("wasi-libc not found: apt install")


@with_clang
@pytest.mark.parametrize("name", ["@options.c", "-x.c", "-fplugin=evil.c"])
def test_a_file_whose_name_may_be_taken_for_an_option_is_refused(project: Path, name: str) -> None:
    (project / name).write_text("int unused;\n")

    with pytest.raises(ConfigError, match="name of a source file begins with") as refused:
        C.build(project, lambda _line: None)

    assert refused.value.code == "config.build_failed"


@with_clang
def test_every_file_is_a_path_for_the_compiler(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def noted(words: list[str], **_others: object) -> None:
        seen.extend(words)
        Path(words[words.index("-o") + 1]).write_bytes(b"")

    (project / "sub").mkdir()
    (project / "sub" / "@more.c").write_text("int unused;\n")
    monkeypatch.setattr("hatchway.sdk.languages.c.run_compiler", noted)

    C.build(project, lambda _line: None)

    assert seen[-2:] == ["./main.c", "./sub/@more.c"]
