"""The limits of a call, and what they are when nobody says otherwise."""

from __future__ import annotations

import dataclasses
import math

from hatchway.core.limits import FOUR_GIBIBYTES, GIBIBYTE, KIBIBYTE, MEBIBYTE, Limits


def test_the_defaults_are_the_documented_ones() -> None:
    assert dataclasses.asdict(Limits()) == {
        "fuel": 1_000_000_000,
        "deadline_seconds": 10.0,
        "memory_bytes": 67_108_864,
        "output_bytes": 1_048_576,
        "scratch_bytes": 0,
        "table_elements": 100_000,
        "instances": 100,
        "host_calls": 100_000,
        "inner_calls": 100,
        "inner_fuel": 10_000_000_000,
    }


def test_every_limit_is_a_finite_number() -> None:
    values = dataclasses.asdict(Limits()).values()

    assert all(isinstance(value, int | float) and math.isfinite(value) for value in values)


def test_a_call_has_no_files_of_its_own_unless_somebody_says_so() -> None:
    assert Limits().scratch_bytes == 0


def test_binary_units_are_powers_of_1024() -> None:
    assert (KIBIBYTE, MEBIBYTE, GIBIBYTE, FOUR_GIBIBYTES) == (1 << 10, 1 << 20, 1 << 30, 1 << 32)
