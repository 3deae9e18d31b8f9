"""The page of the documentation that lists what every host function lets a guest do."""

from __future__ import annotations

from hatchway.audit.capabilities import (
    CAPABILITIES,
    FAMILIES,
    GATED,
    HOST,
    ORDINARY,
)
from hatchway.audit.capability_rows import TABLE, Row

_INTRODUCTION = """\
# What every host function lets a guest do

`hatchway inspect` lists the functions that an artifact imports under the capabilities of this
page, and the rules `HW-CAP-*` compare them with what the manifest declares and the policy
allows. The page is made from the table in `src/hatchway/audit/capability_rows.py`.

An import is a possibility, not a permission. Nothing here works without a grant, but for the
command line, standard input and output, and ending.

* **does**: every use of the function exercises the capability.
* **may**: that depends on arguments, which nobody can see in the binary. `path_open` opens a
  file for reading, and may create or empty one. What a function *may* do is listed, but a rule
  accuses nobody because of it.
* Functions without a capability are plumbing: they work on what another function opened. A
  stream of `wasi:io` may lead to standard output or to a file; the function that opened it has
  the capability.
* An interface of which only types are imported, without a function, gives nothing.
* Versions: rows of WASI interfaces hold for every 0.2.x and 0.3.x. In any other version the
  import counts as `host:` as well, because nobody here provides it.
* Functions that are not on this page are `host:<namespace>`: no host of Hatchway's provides
  them.
"""


def capability_page() -> str:
    """The whole page as Markdown."""
    parts = [_INTRODUCTION, _names(), *(_table(name, rows) for name, rows in _tables())]
    return "\n".join(parts)


def _names() -> str:
    lines = ["## Capabilities", "", "| Name | A guest with it | Kind |", "|---|---|---|"]
    lines += [f"| `{name}` | {words} | {_kind(name)} |" for name, words in CAPABILITIES.items()]
    lines.append(f"| `{HOST}<namespace>` | calls what only a foreign host provides | serious |")
    lines += [
        "",
        "Serious capabilities must be declared in a manifest. Ordinary ones are what nearly every "
        "language runtime imports; without a grant, those marked *gated* give an empty "
        "environment, a constant clock and constant random bytes.",
        "",
    ]
    return "\n".join(lines)


def _kind(name: str) -> str:
    if name in GATED:
        return "ordinary, gated"
    if name in ORDINARY:
        return "ordinary"
    return next(f"serious ({family})" for family, names in FAMILIES.items() if name in names)


def _tables() -> list[tuple[str, tuple[Row, ...]]]:
    """The tables; that of preview 0 is the one of preview 1 again, and is left out."""
    return [(name, rows) for name, rows in TABLE.items() if name != "wasi_unstable"]


def _table(name: str, rows: tuple[Row, ...]) -> str:
    lines = [f"## `{name}`", ""]
    if name == "wasi_snapshot_preview1":
        lines += ["The same rows hold for `wasi_unstable` (preview 0), which no host provides.", ""]
    lines += ["| Function | Capability | | It |", "|---|---|---|---|"]
    for row in rows:
        capability = "–" if row.capability is None else f"`{row.capability}`"
        certainty = "" if row.capability is None else row.certainty
        lines.append(f"| {_function(row)} | {capability} | {certainty} | {row.note} |")
    return "\n".join([*lines, ""])


def _function(row: Row) -> str:
    return "all others" if row.function == "*" else f"`{row.function}`"
