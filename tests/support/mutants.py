"""Binaries that are almost right, the same ones for the same seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wasm_bytes import leb, section, sections_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

_TELLING = (0, 1, 2, 3, 4, 5, 0x0B, 0x10, 0x40, 0x41, 0x42, 0x50, 0x5F, 0x60, 0x63, 0x64, 0x6F,
            0x70, 0x72, 0x7E, 0x7F, 0x80, 0xFB, 0xFD, 0xFF)  # fmt: skip


def _change(random: Random, data: bytearray) -> None:
    data[random.randrange(len(data))] = random.choice((random.randrange(256), *_TELLING))


def _flip(random: Random, data: bytearray) -> None:
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _step(random: Random, data: bytearray) -> None:
    at = random.randrange(len(data))
    data[at] = (data[at] + random.choice((-1, 1))) & 0xFF


def _drop(random: Random, data: bytearray) -> None:
    at = random.randrange(len(data))
    del data[at : at + random.randint(1, 4)]


def _insert(random: Random, data: bytearray) -> None:
    at = random.randrange(len(data) + 1)
    data[at:at] = random.choice((random.randbytes(2), bytes([random.choice(_TELLING)])))


def _repeat(random: Random, data: bytearray) -> None:
    at = random.randrange(len(data))
    data[at:at] = data[at : at + random.randint(1, 16)]


def _inflate(random: Random, data: bytearray) -> None:
    """The same number in more bytes, or a huge one."""
    at = random.randrange(len(data))
    data[at : at + 1] = random.choice(
        (leb(data[at], padding=random.randint(1, 5)), leb((1 << random.choice((32, 33, 64))) - 1))
    )


_CHANGES: tuple[Callable[[Random, bytearray], None], ...] = (
    _change, _change, _flip, _step, _step, _drop, _insert, _repeat, _inflate,
)  # fmt: skip


def damaged(random: Random, data: bytes) -> bytes:
    """`data` with one to three small changes."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        if changed:
            random.choice(_CHANGES)(random, changed)
    return bytes(changed)


def mutant(random: Random, seeds: Sequence[bytes]) -> bytes:
    """A relative of one of `seeds`; most keep their sections' sizes right.

    Changes inside a section reach much further than those that break its frame.
    """
    seed = random.choice(seeds)
    if random.random() < 0.15:
        return damaged(random, seed)
    parts = sections_of(seed)
    if not parts:
        return damaged(random, seed)
    at = random.randrange(len(parts))
    identifier, content = parts[at]
    choice = random.random()
    if choice < 0.8:
        parts[at] = (identifier, damaged(random, content))
    elif choice < 0.87:
        parts.insert(random.randrange(len(parts) + 1), parts[at])
    elif choice < 0.94:
        others = sections_of(random.choice(seeds)) or parts
        parts.insert(random.randrange(len(parts) + 1), random.choice(others))
    else:
        del parts[at]
    return seed[:8] + b"".join(section(identifier, content) for identifier, content in parts)
