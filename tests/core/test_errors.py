"""The tree of errors: whose problem it is, a stable code, an exit status."""

from __future__ import annotations

import re

import pytest

from hatchway.core import errors
from hatchway.core.errors import (
    AdmissionError,
    CallError,
    ConfigError,
    GuestError,
    HatchwayError,
    InternalError,
    NotAuthorizedError,
)

CODES = {
    "HatchwayError": ("internal", 70),
    "ConfigError": ("config.invalid", 2),
    "AdmissionError": ("admission.refused", 3),
    "RegistryError": ("registry.failed", 3),
    "CallError": ("call.failed", 1),
    "UnknownToolError": ("call.unknown_tool", 2),
    "InvalidArgumentsError": ("call.invalid_arguments", 2),
    "NotAuthorizedError": ("call.not_authorized", 4),
    "OverloadedError": ("call.overloaded", 1),
    "CallCancelledError": ("call.cancelled", 1),
    "BudgetExhaustedError": ("call.budget_exhausted", 1),
    "TooDeepError": ("call.too_deep", 1),
    "GuestError": ("guest.failed", 1),
    "GuestTrappedError": ("guest.trapped", 1),
    "GuestExitedError": ("guest.exited", 1),
    "FuelExhaustedError": ("guest.fuel_exhausted", 1),
    "DeadlineExceededError": ("guest.deadline_exceeded", 1),
    "MemoryExceededError": ("guest.memory_exceeded", 1),
    "OutputTooLargeError": ("guest.output_too_large", 1),
    "UncheckedOutputError": ("guest.output_unchecked", 1),
    "ScratchExceededError": ("guest.scratch_exceeded", 1),
    "HostCallsExceededError": ("guest.host_calls_exceeded", 1),
    "InvalidOutputError": ("guest.invalid_output", 1),
    "CodeError": ("code.failed", 1),
    "WorkerFailedError": ("guest.worker_failed", 1),
    "InternalError": ("internal", 70),
}


def all_errors() -> dict[str, type[HatchwayError]]:
    return {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, HatchwayError)
    }


def test_codes_and_exit_statuses_are_the_documented_ones() -> None:
    assert {name: (kind.code, kind.exit_status) for name, kind in all_errors().items()} == CODES


def test_no_two_kinds_of_error_share_a_code_except_our_own_bugs() -> None:
    codes = [kind.code for kind in all_errors().values() if kind.code != "internal"]

    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("name", CODES)
def test_a_code_is_dotted_and_lower_case(name: str) -> None:
    assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", all_errors()[name].code)


@pytest.mark.parametrize("name", [name for name, (code, _) in CODES.items() if "guest." in code])
def test_whatever_a_guest_does_is_an_error_of_its_call(name: str) -> None:
    assert issubclass(all_errors()[name], GuestError)
    assert issubclass(GuestError, CallError)


def test_an_operators_mistake_may_not_be_shown_to_a_client() -> None:
    assert not issubclass(ConfigError, CallError)
    assert not issubclass(AdmissionError, CallError)
    assert not issubclass(InternalError, CallError)


def test_an_error_keeps_its_message_hint_and_details_apart() -> None:
    error = NotAuthorizedError("not covered", hint="hatchway grant x clock", details={"n": 1})

    assert (error.message, str(error)) == ("not covered", "not covered")
    assert (error.hint, error.details) == ("hatchway grant x clock", {"n": 1})


def test_an_error_may_narrow_its_code_without_changing_its_class() -> None:
    error = ConfigError("no such key", code="config.unknown_key")

    assert error.code == "config.unknown_key"
    assert ConfigError.code == "config.invalid"


def test_an_error_owns_its_details() -> None:
    facts: dict[str, object] = {"trap": "unreachable"}
    error = GuestError("trapped", details=facts)

    facts["trap"] = "forged"

    assert error.details == {"trap": "unreachable"}


def test_an_error_without_details_has_none_of_another_ones() -> None:
    first, second = GuestError("a"), GuestError("b")

    first.details["trap"] = "unreachable"

    assert second.details == {}
