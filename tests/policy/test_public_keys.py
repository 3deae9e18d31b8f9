"""A key in a policy has one spelling, and only its owner can sign for it."""

from __future__ import annotations

import base64

import pytest

from hatchway.policy.public_keys import fingerprint_of, parse_key
from hatchway.provenance.keys import generate_key

ED25519 = bytes.fromhex("302a300506032b6570032100")
FIELD = 2**255 - 19
MINUS_121665_OVER_121666 = (-121665 * pow(121666, -1, FIELD)) % FIELD


def written(spki: bytes) -> str:
    return base64.b64encode(spki).decode()


@pytest.mark.parametrize("algorithm", ["ed25519", "ecdsa-p256"])
def test_what_keygen_makes_is_a_key(algorithm: str) -> None:
    public = generate_key(algorithm).public  # type: ignore[arg-type]

    spki = parse_key(written(public.der))

    assert spki == public.der
    assert fingerprint_of(spki) == public.key_id


ED = generate_key("ed25519").public.der
P256 = generate_key("ecdsa-p256").public.der


OTHERS = {
    "nothing": "",
    "a wildcard": "*",
    "words": "not base64",
    "a letter too few": written(ED)[:-2] + "=",
    "a line feed": written(ED) + "\n",
    "no padding": written(ED).replace("=", ""),
    "not ASCII": "é",
    "a short Ed25519 key": written(ED[:-1]),
    "a long Ed25519 key": written(ED + b"\0"),
    "a short P-256 key": written(P256[:-1]),
    "a long P-256 key": written(P256 + b"\0"),
    "another shape": written(b"\x30\x29" + ED[2:]),
}


@pytest.mark.parametrize("what", OTHERS)
def test_anything_else_is_not(what: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_key(OTHERS[what])


def test_base64_with_stray_bits_is_a_second_spelling() -> None:
    text = written(P256)
    assert text.endswith("==")
    stray = text[:-3] + chr(ord(text[-3]) + 1) + "=="
    assert base64.b64decode(stray) == P256

    with pytest.raises(ValueError, match="one spelling"):
        parse_key(stray)


def test_a_point_that_is_not_on_the_curve_is_no_key() -> None:
    for changed in (P256[:-1] + bytes([P256[-1] ^ 1]), P256[:27] + b"\xff" * 64):
        with pytest.raises(ValueError, match="not on the curve"):
            parse_key(written(changed))


Point = tuple[int, int]


def doubled(point: Point) -> Point:
    """A point of edwards25519 added to itself (RFC 8032, section 5.1.4)."""
    x, y = point
    cross = MINUS_121665_OVER_121666 * x * x * y * y
    return (
        2 * x * y * pow(1 + cross, -1, FIELD) % FIELD,
        (y * y + x * x) * pow(1 - cross, -1, FIELD) % FIELD,
    )


def root_of(square: int) -> int | None:
    root = pow(square, (FIELD + 3) // 8, FIELD)
    for candidate in (root, root * pow(2, (FIELD - 1) // 4, FIELD) % FIELD):
        if candidate * candidate % FIELD == square % FIELD:
            return candidate
    return None


def small_order() -> set[int]:
    """The y of every point that doubling leads to the neutral element in three steps."""
    found: set[int] = {1, FIELD - 1, 0}
    # Of order eight: twice such a point is one of order four, (±√-1, 0), so x² = -y²; with the
    # equation of the curve d·y⁴ + 2·y² - 1 = 0, solved here for y².
    d = MINUS_121665_OVER_121666
    discriminant = root_of((1 + d) % FIELD)
    assert discriminant is not None
    for sign in (1, -1):
        square = (sign * discriminant - 1) * pow(d, -1, FIELD) % FIELD
        if (y := root_of(square)) is not None:
            found |= {y, FIELD - y}
    return found


def test_the_points_that_are_refused_are_all_of_small_order() -> None:
    for y in small_order():
        x = root_of((y * y - 1) * pow(MINUS_121665_OVER_121666 * y * y + 1, -1, FIELD))
        assert x is not None
        assert doubled(doubled(doubled((x, y)))) == (0, 1)


@pytest.mark.parametrize("y", [*sorted(small_order()), FIELD, FIELD + 1])
@pytest.mark.parametrize("sign", [0, 1 << 255])
def test_a_key_for_which_anybody_can_sign_is_refused(y: int, sign: int) -> None:
    point = (y | sign).to_bytes(32, "little")

    with pytest.raises(ValueError, match="anybody"):
        parse_key(written(ED25519 + point))
