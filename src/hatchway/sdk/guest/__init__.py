"""What tools are built with that use `hatchway:egress/fetch`; the files are the tool's to copy.

`fetch.wit` is the interface for components, `hatchway_fetch.py` makes it comfortable in Python,
and `hatchway_fetch.h` declares the same capability for WASI commands. `fetch.wat` is a whole
command, for those who make compilers.
"""

from __future__ import annotations

from pathlib import Path


def path() -> Path:
    """The directory that holds the files."""
    return Path(__file__).parent
