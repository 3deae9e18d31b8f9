"""What reading an artifact costs, against hashing the same bytes in the same run.

    python bench/audit.py [--json] [FILE…]

Without files, modules are made of 5, 10 and 20 MB, with as many functions and data segments
as real programs of that size have. `growth` is the time for a byte of the largest over that of
the smallest: 1 when the time grows with the size and nothing else.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

from measuring import Row, in_turns, machine, quantile

from hatchway.audit.reading import read_artifact

MEGABYTE = 1_000_000
LIMIT_RATIO = 30
"""Where hashing 20 MB takes 11 ms, twenty times of it is a quarter of a second. Programs with
very many small functions and data segments need more."""
MADE_RATIO = 20
GROWTH_LIMIT = 1.5
FUNCTIONS_PER_MEGABYTE = 1500
SEGMENTS_PER_MEGABYTE = 1000
_ROUNDS = 5


def leb(value: int) -> bytes:
    """An unsigned LEB128 integer."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F)
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def section(identifier: int, *content: bytes) -> bytes:
    """A section with its size."""
    joined = b"".join(content)
    return bytes([identifier]) + leb(len(joined)) + joined


def synthetic(megabytes: int) -> bytes:
    """A module of about that size."""
    functions = megabytes * FUNCTIONS_PER_MEGABYTE
    segments = megabytes * SEGMENTS_PER_MEGABYTE
    body_bytes = 7 * megabytes * MEGABYTE // 10 // functions
    body = leb(body_bytes) + b"\0" + b"\1" * (body_bytes - 2) + b"\x0b"
    data_bytes = 3 * megabytes * MEGABYTE // 10 // segments
    data = b"\0\x41\x80\x80\x04\x0b" + leb(data_bytes) + b"d" * data_bytes
    return b"".join(
        (
            b"\0asm\1\0\0\0",
            section(1, b"\1\x60\0\0"),
            section(3, leb(functions), b"\0" * functions),
            section(5, b"\1\0\1"),
            section(10, leb(functions), body * functions),
            section(11, leb(segments), data * segments),
        )
    )


def measured(job: str, binary: bytes, limit: float) -> Row:
    """One artifact, read and hashed in turns."""
    floor, ours = in_turns(
        lambda: hashlib.sha256(binary).digest(),
        lambda: read_artifact(binary),
        rounds=_ROUNDS,
        block=1,
    )
    p50 = quantile(ours, 0.5)
    return Row(
        job=job,
        floor_us=quantile(floor, 0.5),
        p50_us=p50,
        p99_us=quantile(ours, 0.99),
        ratio=p50 / quantile(floor, 0.5),
        runs=len(ours),
        must=f"≤ {limit} × hashing",
        holds=p50 <= limit * quantile(floor, 0.5),
    )


def growth(rows: list[Row], sizes: list[int]) -> Row:
    """The last row for each byte, over the first."""
    small, large = rows[0].p50_us / sizes[0], rows[-1].p50_us / sizes[-1]
    return replace(
        rows[-1],
        job="growth",
        floor_us=small * MEGABYTE,
        p50_us=large * MEGABYTE,
        p99_us=rows[-1].p99_us / sizes[-1] * MEGABYTE,
        ratio=large / small,
        must=f"≤ {GROWTH_LIMIT} ×",
        holds=large / small <= GROWTH_LIMIT,
    )


def main() -> int:
    """Print the rows; 1 when one does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    binaries = {f"audit {file.name}": file.read_bytes() for file in options.files}
    limit = LIMIT_RATIO if binaries else MADE_RATIO
    if not binaries:
        binaries = {f"audit {size} MB": synthetic(size) for size in (5, 10, 20)}
    rows = [measured(job, binary, limit) for job, binary in binaries.items()]
    sizes = [len(binary) for binary in binaries.values()]
    if not options.json:
        for row, size in zip(rows, sizes, strict=True):
            print(
                f"{row.job:<32} {size / MEGABYTE:7.1f} MB  read {row.p50_us / 1000:7.1f} ms"
                f"  {row.p50_us / 1000 / (size / MEGABYTE):6.2f} ms/MB"
                f"  sha256 {row.floor_us / 1000:6.1f} ms  {row.ratio:5.1f} ×"
                f"  {row.must}{'' if row.holds else '  DOES NOT HOLD'}"
            )
    if not options.files:
        rows.append(growth(rows, sizes))
        if not options.json:
            print(f"growth per byte from 5 to 20 MB: {rows[-1].ratio:.2f} ({rows[-1].must})")
    if options.json:
        print(json.dumps({"machine": machine(), "rows": [row.to_json() for row in rows]}))
    return int(not all(row.holds for row in rows))


if __name__ == "__main__":
    sys.exit(main())
