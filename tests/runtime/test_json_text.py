"""The encoders that are made once spell what the standard library's own would."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st
from strategies import json_values, patient

from hatchway.runtime.json_text import encoder

if TYPE_CHECKING:
    import pytest


@patient
@given(json_values(), st.booleans(), st.booleans(), st.booleans())
def test_an_encoder_agrees_with_the_standard_library(
    value: Any, sort_keys: bool, ascii_only: bool, compact: bool
) -> None:
    encode = encoder(sort_keys=sort_keys, ascii_only=ascii_only, compact=compact)
    separators = (",", ":") if compact else None

    assert encode(value) == json.dumps(
        value, sort_keys=sort_keys, ensure_ascii=ascii_only, separators=separators
    )


def test_a_python_without_that_encoder_is_served_by_the_standard_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(json.encoder, "c_make_encoder", None)

    assert encoder(compact=True)({"a": [1, "é"]}) == '{"a":[1,"é"]}'
