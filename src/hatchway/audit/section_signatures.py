"""The `signature` section, as wasmsign2 writes it. It is recognised, never trusted.

Source: WebAssembly/tool-conventions, Signatures.md, and the reference implementation
wasmsign2, which puts a length before every record.
"""

from __future__ import annotations

from dataclasses import dataclass

from hatchway.audit.binary import Reader

_ALGORITHMS = {1: "ed25519"}
_MAX_RECORDS = 64
_HASH_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature inside a file.

    Attributes:
        key_id: In hexadecimal; empty when the signer gave none.
        parts: Of how many parts of the file it claims to sign the hash.
    """

    algorithm: str
    key_id: str
    parts: int


def read_signature(payload: bytes) -> list[Signature]:
    """The signatures that a `signature` section lists.

    Raises:
        MalformedError: It is not written as wasmsign2 does.
    """
    reader = Reader(payload)
    reader.expect(1, "the version of a signature")
    reader.expect(1, "what is signed")
    reader.expect(1, "the hash of a signature")
    listed: list[Signature] = []
    for _ in range(reader.count(_MAX_RECORDS)):
        record = reader.section(reader.u32())
        parts = record.count(_MAX_RECORDS)
        record.skip(parts * _HASH_BYTES)
        signatures = range(record.count(_MAX_RECORDS))
        listed += [_one(record.section(record.u32()), parts) for _ in signatures]
        record.end()
    reader.end()
    return listed


def _one(record: Reader, parts: int) -> Signature:
    key_id = record.take(record.u32())
    code = record.byte()
    record.skip(record.u32())
    record.end()
    algorithm = _ALGORITHMS.get(code, f"unknown ({code})")
    return Signature(algorithm=algorithm, key_id=key_id.hex(), parts=parts)
