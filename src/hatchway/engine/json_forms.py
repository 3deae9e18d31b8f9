"""What the two directions between JSON and component values have to agree on."""

from __future__ import annotations

import math

from hatchway.core.wit import OptionType, Primitive, WitType

U8 = Primitive("u8")
"""A list of it is base64 text."""

LARGEST_EXACT_INTEGER = (1 << 53) - 1
"""Beyond it a JSON number loses digits in many clients; results become strings."""

NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""How JSON strings spell the floats that JSON numbers cannot."""


def takes_null(kind: WitType) -> bool:
    """Whether JSON null is a value of `kind`, so that an option of it needs a wrapper."""
    return isinstance(kind, OptionType)
