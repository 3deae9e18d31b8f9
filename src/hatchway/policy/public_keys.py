"""Public keys as a policy writes them: SubjectPublicKeyInfo, in base64, on one line.

Only the two shapes that signatures are checked with are keys here, byte for byte, so that one
key has one spelling and one fingerprint.
"""

from __future__ import annotations

import base64
import hashlib

_ED25519 = bytes.fromhex("302a300506032b6570032100")
_P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
"""What stands before the 32 bytes of an Ed25519 key, and before the point of a P-256 key."""

_FIELD = 2**256 - 2**224 + 2**192 + 2**96 - 1
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
"""P-256: y² = x³ - 3x + B over this field (SP 800-186, section 3.2.1.3)."""

_EDWARDS_FIELD = 2**255 - 19
_ORDER_EIGHT = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
_OF_SMALL_ORDER = frozenset(
    {0, 1, _EDWARDS_FIELD - 1}
    | {
        int.from_bytes(_ORDER_EIGHT, "little"),
        _EDWARDS_FIELD - int.from_bytes(_ORDER_EIGHT, "little"),
    }
)
"""The y of points whose order divides 8. Under such a "key" anybody can make signatures."""


def parse_key(text: str) -> bytes:
    """The SubjectPublicKeyInfo that `text` holds, in DER.

    Raises:
        ValueError: It is no base64, or no Ed25519 or P-256 key that only its owner signs with.
    """
    try:
        spki = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ValueError(
            "expected a public key in base64, as `hatchway keygen` prints it"
        ) from error
    if base64.b64encode(spki).decode() != text:
        raise ValueError("expected base64 in its one spelling")
    if is_ed25519(spki) and len(spki) == len(_ED25519) + 32:
        _check_ed25519(spki[len(_ED25519) :])
    elif spki.startswith(_P256) and len(spki) == len(_P256) + 64:
        _check_p256(spki[len(_P256) :])
    else:
        raise ValueError("expected an Ed25519 or a P-256 public key (SubjectPublicKeyInfo)")
    return spki


def is_ed25519(spki: bytes) -> bool:
    """Whether a key that `parse_key` took is an Ed25519 key; else it is a P-256 key."""
    return spki.startswith(_ED25519)


def fingerprint_of(spki: bytes) -> str:
    """How people name a key: `SHA256:` and the base64 of its digest, without padding."""
    digest = base64.b64encode(hashlib.sha256(spki).digest()).decode()
    return f"SHA256:{digest.rstrip('=')}"


def _check_ed25519(point: bytes) -> None:
    y = int.from_bytes(point, "little") & ((1 << 255) - 1)
    if y >= _EDWARDS_FIELD or y in _OF_SMALL_ORDER:
        raise ValueError("this is no Ed25519 key: anybody could sign for it")


def _check_p256(point: bytes) -> None:
    x, y = int.from_bytes(point[:32], "big"), int.from_bytes(point[32:], "big")
    if x >= _FIELD or y >= _FIELD or (y * y - (x * x * x - 3 * x + _B)) % _FIELD:
        raise ValueError("this is no P-256 key: its point is not on the curve")
