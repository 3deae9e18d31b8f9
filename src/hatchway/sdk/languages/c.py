"""Tools in C: a WASI command, compiled by clang with wasi-libc."""

from __future__ import annotations

import shutil
import tempfile
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable
from hatchway.sdk.building import ended, run_compiler, source_files
from hatchway.sdk.language import Built
from hatchway.sdk.languages.c_template import files_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hatchway.sdk.language import Language

INSTALL = "apt install clang lld wasi-libc libclang-rt-dev-wasm32"
_FLAGS = ("--target=wasm32-wasi", "-std=c17", "-Oz", "-Wall", "-Wextra")
_STRIPPED = ("-s", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections")
_NOTE = "stripped: functions that nothing calls with the imports they need, names, debug data"


class C:
    """C, by clang."""

    name = "c"
    summary = "a small command; needs clang, wasm-ld and wasi-libc"

    def template(self, name: str) -> Mapping[str, str]:
        """A command that measures a text, its calls, and how to go on."""
        return files_of(name)

    def recognises(self, project: Path) -> bool:
        """Whether there is a C file beside a `tool.toml`."""
        return (project / "tool.toml").is_file() and any(project.glob("*.c"))

    def missing(self) -> str | None:
        """What to install, if one of the three parts is not there."""
        clang = shutil.which("clang")
        absent = [name for name in ("clang", "wasm-ld") if shutil.which(name) is None]
        if clang is not None and not _has_libc(clang):
            absent.append("wasi-libc")
        return f"{' and '.join(absent)} not found: {INSTALL}" if absent else None

    def build(self, project: Path, tell: Callable[[str], None]) -> Built:
        """Compile and link every C file of the project into one command."""
        if missing := self.missing():
            what, _, how = missing.partition(": ")
            raise ConfigError(what, code="config.no_builder", hint=how)
        clang, linker = shutil.which("clang"), shutil.which("wasm-ld")
        assert clang is not None
        assert linker is not None
        sources = _named(source_files(project, ".c"))
        tell(f"compiling {', '.join(map(printable, sources))}")
        with (
            tempfile.TemporaryDirectory(prefix="hatchway-c-") as directory,
            resources.as_file(resources.files("hatchway.sdk").joinpath("guest")) as headers,
        ):
            output = Path(directory) / "out.wasm"
            run_compiler(
                [
                    *(str(Path(clang).absolute()), *_FLAGS, *_STRIPPED, "-I."),
                    *(f"-I{headers}", f"-ffile-prefix-map={headers}=."),
                    # What begins with ./ is a file for clang, whatever it is called.
                    *("-ffile-prefix-map=./=", "-o", str(output)),
                    *(f"./{source}" for source in sources),
                ],
                project=project,
                tell=tell,
                environment={"PATH": str(Path(linker).absolute().parent), "TMPDIR": directory},
            )
            return Built(artifact=output.read_bytes(), notes=(_NOTE,))


LANGUAGE: Language = C()


def _named(sources: Iterable[str]) -> list[str]:
    """The files, none of them with a name that a compiler may take for an option."""
    found = list(sources)
    for path in found:
        if path.startswith(("@", "-")):
            message = f"the name of a source file begins with {path[0]}: {printable(path)}"
            raise ConfigError(message, code="config.build_failed", hint="rename it")
    return found


def _has_libc(clang: str) -> bool:
    """Whether clang finds the library. It answers with the bare name when it does not."""
    words = [clang, "--target=wasm32-wasi", "-print-file-name=libc.a"]
    status, said = ended(words, directory=Path("/"), environment={})
    return status == 0 and b"/" in said
