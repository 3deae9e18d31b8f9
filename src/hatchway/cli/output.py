"""What commands say and print, and how they fail.

Data goes to stdout and can be piped; words for people go to stderr. Whatever an artifact, a
guest or a file could have chosen is escaped before it reaches a terminal.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hatchway.core.untrusted import harmless, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatchway.core.errors import HatchwayError


def say(message: str) -> None:
    """A line for people."""
    print(message, file=sys.stderr)


def warn(message: str) -> None:
    """A line for people that they should not miss."""
    say(f"warning: {message}")


def complain(error: HatchwayError) -> None:
    """An error in one line, and a hint in another."""
    say(f"error[{error.code}]: {harmless(error.message)}")
    if error.hint:
        say(f"  hint: {harmless(error.hint)}")


def print_json(data: Any) -> None:
    """A JSON document for programs."""
    print(json.dumps(data, indent=2, ensure_ascii=False))


def print_line(text: str) -> None:
    """A line of data, at once: whoever reads may be waiting for it."""
    print(text, flush=True)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table that fits the terminal; one row a line when it is not a terminal."""
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(printable(cell, limit=500) for cell in row))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell, limit=500)) for cell in row))
    Console().print(table)


def write_bytes(data: bytes) -> None:
    """Raw data, for pipes."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun."""
    return f"{count} {one if count == 1 else many or one + 's'}"
