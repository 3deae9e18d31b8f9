"""Rust: a command for WASI preview 1, by cargo and the standard library for that target."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hatchway.core.errors import ConfigError
from hatchway.core.untrusted import printable
from hatchway.sdk.building import run_compiler
from hatchway.sdk.language import Built
from hatchway.sdk.languages.rust_template import files_of
from hatchway.sdk.toolchains import answer, home, passed_on, program, programs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TARGETS = ("wasm32-wasip1", "wasm32-wasi")
"""The target, by its name since Rust 1.78 and by the one it had before."""

_RUSTUP = "rustup target add wasm32-wasip1"
_DEBIAN = "apt-get install cargo rustc libstd-rust-dev-wasm32 lld"
_VARIABLES = ("CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "TMPDIR")


class Toolchain(NamedTuple):
    """A cargo with its rustc, and the target it can build for.

    Attributes:
        linker: Instead of the one rustc would look for, which not every system packages.
    """

    cargo: Path
    target: str
    linker: Path | None


class Rust:
    """Tools in Rust."""

    name = "rust"
    summary = "a command that is called with arguments; the standard library is enough"

    def template(self, name: str) -> Mapping[str, str]:
        """The files of a new project."""
        return files_of(name)

    def recognises(self, project: Path) -> bool:
        """Whether there is a `Cargo.toml`."""
        return (project / "Cargo.toml").is_file()

    def missing(self) -> str | None:
        """Cargo, or the standard library for WASI."""
        if _toolchain() is not None:
            return None
        if next(programs("cargo"), None) is None:
            return f"cargo is not installed: {_DEBIAN}"
        return f"cargo has no standard library for wasm32-wasip1: {_RUSTUP}"

    def build(self, project: Path, tell: Callable[[str], None]) -> Built:
        """Compile the project's only program, as `Cargo.lock` says and without the network.

        Raises:
            ConfigError: Something is missing, or cargo does not take the program.
        """
        toolchain = _toolchain()
        if toolchain is None:
            what, _, hint = str(self.missing()).rpartition(": ")
            raise ConfigError(what, code="config.no_builder", hint=hint)
        name = _program_of(project)
        tell(f"compiling with cargo for {toolchain.target}")
        words = [str(toolchain.cargo), "build", "--release", "--locked", "--offline"]
        words += [f"--target={toolchain.target}", f"--bin={name}"]
        environment = _environment(toolchain.cargo) | _settings(project)
        if toolchain.linker is not None:
            variable = f"CARGO_TARGET_{toolchain.target.upper().replace('-', '_')}_LINKER"
            environment[variable] = str(toolchain.linker)
        run_compiler(words, project=project, environment=environment)
        output = project / "target" / toolchain.target / "release" / f"{name}.wasm"
        notes = ("symbols and paths of this machine are left out",)
        return Built(artifact=output.read_bytes(), notes=notes)


def _toolchain() -> Toolchain | None:
    """The first on PATH that can build for WASI."""
    for cargo in programs("cargo"):
        rustc = cargo.with_name("rustc")
        for target in _TARGETS:
            words = [str(rustc), "--print=target-libdir", f"--target={target}"]
            place = answer(words, _environment(cargo))
            if place and Path(place).is_dir():
                return Toolchain(cargo, target, _linker(Path(place)))
    return None


def _linker(library: Path) -> Path | None:
    """LLVM's linker for WebAssembly, where Rust does not bring its own."""
    is_brought = any(library.parent.parent.glob("*/bin/rust-lld"))
    return None if is_brought else program("wasm-ld")


def _environment(cargo: Path) -> dict[str, str]:
    # Cargo looks for rustc, and rustc for a linker, on the PATH.
    path = f"{cargo.parent}:/usr/local/bin:/usr/bin:/bin"
    return {"PATH": path, "HOME": home()} | passed_on(*_VARIABLES)


def _settings(project: Path) -> dict[str, str]:
    """What makes the bytes the same wherever the project lies.

    Paths get into panic messages, and how code is split into units into their order.
    """
    cargo_home = passed_on("CARGO_HOME").get("CARGO_HOME") or f"{home()}/.cargo"
    flags = (
        f"--remap-path-prefix={cargo_home}=/cargo",
        f"--remap-path-prefix={project}=/project",
    )
    return {
        "CARGO_TARGET_DIR": str(project / "target"),
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(flags),
        "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "1",
        "CARGO_PROFILE_RELEASE_LTO": "true",
        "CARGO_PROFILE_RELEASE_STRIP": "true",
        "CARGO_INCREMENTAL": "0",
        "CARGO_TERM_COLOR": "never",
    }


def _program_of(project: Path) -> str:
    """The name of the only program of a package.

    Raises:
        ConfigError: `Cargo.toml` cannot be read, or names none or several.
    """
    file = project / "Cargo.toml"
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        message = f"cannot read {str(file)!r}: {printable(str(error))}"
        raise ConfigError(message, code="config.unreadable") from error
    package, listed = document.get("package"), document.get("bin", [])
    if isinstance(listed, list) and len(listed) > 1:
        message = f"{str(file)!r} has {len(listed)} programs, and a tool is one"
        raise ConfigError(message, code="config.build_failed")
    tables = [*listed] if isinstance(listed, list) else []
    for table in (*tables, package):
        if isinstance(table, dict) and isinstance(name := table.get("name"), str):
            return name
    message = f"{str(file)!r} has no [package] with a name"
    raise ConfigError(message, code="config.build_failed")


LANGUAGE = Rust()
