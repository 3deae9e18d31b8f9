"""Tools in WebAssembly's own text format: a module or a component, as it is written."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable
from hatchway.sdk.building import run_compiler, source_files
from hatchway.sdk.language import Built
from hatchway.sdk.languages.wat_template import files_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hatchway.sdk.language import Language

_ASSEMBLER = Path(__file__).with_name("wat_child.py")
_NOTE = "nothing was stripped: the text says which imports there are"


class Wat:
    """WebAssembly text."""

    name = "wat"
    summary = "a command of a few hundred bytes; needs nothing but Hatchway"

    def template(self, name: str) -> Mapping[str, str]:
        """A command that turns text into capitals, its calls, and how to go on."""
        return files_of(name)

    def recognises(self, project: Path) -> bool:
        """Whether there is one WAT file beside a `tool.toml`."""
        return (project / "tool.toml").is_file() and any(project.glob("*.wat"))

    def missing(self) -> str | None:
        """Nothing: the assembler is part of what Hatchway needs to run at all."""
        return None

    def build(self, project: Path, tell: Callable[[str], None]) -> Built:
        """Assemble the one text there is."""
        # Those in directories below are not the program: `recognises` does not see them either.
        files = source_files(project, ".wat").items()
        found = {path: text for path, text in files if "/" not in path}
        if len(found) != 1:
            names = ", ".join(map(printable, found)) or "links are not looked at"
            message = f"a project has one .wat file, and this one has {len(found)}: {names}"
            raise ConfigError(message, code="config.build_failed")
        ((name, text),) = found.items()
        tell(f"assembling {printable(name)}")
        engine = importlib.util.find_spec("wasmtime")
        assert engine is not None
        assert engine.origin is not None
        packages = str(Path(engine.origin).parent.parent)
        with tempfile.TemporaryDirectory(prefix="hatchway-wat-") as directory:
            source, output = Path(directory) / "source.wat", Path(directory) / "out.wasm"
            source.write_bytes(text)
            run_compiler(
                [
                    *(sys.executable, "-I", "-S", "-B", str(_ASSEMBLER)),
                    *(packages, str(source), str(output)),
                ],
                project=project,
                tell=tell,
                name="the assembler",
            )
            return Built(artifact=output.read_bytes(), notes=(_NOTE,))


LANGUAGE: Language = Wat()
