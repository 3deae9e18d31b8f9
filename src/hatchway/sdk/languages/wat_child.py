"""The child that assembles: it alone reads an author's text with the engine's own reader."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main() -> None:
    """Assemble the second argument into the third, with the packages in the first."""
    packages, source, output = sys.argv[1:4]
    sys.path.append(packages)
    engine = importlib.import_module("wasmtime")
    try:
        made = engine.wat2wasm(Path(source).read_text("utf-8"))
    except (engine.WasmtimeError, UnicodeDecodeError) as error:
        sys.exit(str(error))
    Path(output).write_bytes(made)


if __name__ == "__main__":
    main()
