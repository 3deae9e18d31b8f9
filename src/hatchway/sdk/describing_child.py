"""The child that looks at an author's module: it alone imports it, and writes what it found."""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from pathlib import Path


def main() -> None:
    """Describe the module in the second argument, found in the directory that is the first."""
    sources, module, answer = sys.argv[1:4]
    sys.path.insert(0, sources)
    # From the copy that goes into the component, not from ours: the classes must be the same.
    describing = importlib.import_module("hatchway.sdk.authoring.describing")
    shapes = importlib.import_module("hatchway.sdk.authoring.shapes")
    try:
        found = describing.described(importlib.import_module(module))
    except shapes.UnfitError as error:
        found = {"refused": f"{module}.py: {error}"}
    except BaseException as error:  # noqa: BLE001 - the author's module, which may raise anything
        said = "".join(traceback.format_exception_only(error)).strip()
        frames = traceback.extract_tb(error.__traceback__)
        lines = [f"{Path(f.filename).name}:{f.lineno}" for f in frames if sources in f.filename]
        found = {"refused": f"{module}.py cannot be imported: {said} ({', '.join(lines[-4:])})"}
    Path(answer).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
