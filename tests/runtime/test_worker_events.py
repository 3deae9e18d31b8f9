"""What is put on record about worker processes."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from hatchway.core.event_schema import SCHEMA
from hatchway.core.events import Severity
from hatchway.core.ocsf import to_ocsf
from hatchway.runtime.recording import record_violation, record_worker_end

if TYPE_CHECKING:
    from hatchway.core.events import Event
    from hatchway.core.isolation import WorkerEnd

DIGEST = "sha256:" + "a" * 64


class Kept:
    """Where events go, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def one(self) -> tuple[Event, dict[str, Any]]:
        """The only event, and our own fields of its record, which fits the schema."""
        (event,) = self.events
        record = to_ocsf(event, version="1")
        assert list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(record)) == []
        return event, record["unmapped"]["hatchway"]


def ended(reason: WorkerEnd, **facts: Any) -> tuple[Event, dict[str, Any]]:
    kept = Kept()
    record_worker_end(kept, reason=reason, **({"tenant": "acme", "owner": "grep"} | facts))
    return kept.one()


def test_what_a_worker_tried_is_on_record_with_whose_it_is_and_what_stopped_it() -> None:
    kept = Kept()

    record_violation(
        kept,
        tenant="acme",
        owner="grep",
        layer="seccomp",
        syscall="socket",
        arguments=(2, -1, *range(9)),
        digest=DIGEST,
        call_id="b00t-7",
    )

    event, own = kept.one()
    assert event.message == "the worker of grep was refused socket by seccomp"
    assert event.severity is Severity.HIGH
    assert own == {
        "event": "worker.violation",
        "schema": 1,
        "tenant": "acme",
        "call_id": "b00t-7",
        "tool": "grep",
        "digest": DIGEST,
        "code": "worker.violation",
        "attempted": "socket",
        "details": {
            "layer": "seccomp",
            "syscall": "socket",
            "arguments": ["0x2", "0xffffffffffffffff", "0x0", "0x1", "0x2", "0x3"],
        },
    }


def test_the_name_of_a_system_call_is_escaped_and_cut() -> None:
    kept = Kept()

    record_violation(kept, tenant="a", owner="g", layer="seccomp", syscall="\x1b[2J" + "x" * 999)

    event, own = kept.one()
    assert event.message.startswith(r"the worker of g was refused \x1b[2Jxxx")
    assert len(own["attempted"]) < 100


@pytest.mark.parametrize(
    ("reason", "status", "severity", "said"),
    [
        ("crashed", -signal.SIGSEGV, Severity.HIGH, "the worker of grep died by SIGSEGV"),
        ("crashed", 3, Severity.HIGH, "the worker of grep died"),
        ("crashed", -40, Severity.HIGH, "the worker of grep died by signal 40"),
        (
            *("hung", -signal.SIGKILL, Severity.MEDIUM),
            "the worker of grep did not answer in time, and was killed by SIGKILL",
        ),
        (
            *("misspoke", None, Severity.HIGH),
            "the worker of grep said what no worker says, and was killed",
        ),
    ],
)
def test_the_end_of_a_worker_is_on_record_with_the_reason(
    reason: WorkerEnd, status: int | None, severity: Severity, said: str
) -> None:
    event, own = ended(reason, status=status, call_id="b00t-7")

    assert (event.message, event.severity) == (said, severity)
    assert (own["details"]["reason"], own["details"]["status"]) == (reason, status)
    assert own["call_id"] == "b00t-7"


def test_a_worker_that_was_nobodys_yet_names_nobody() -> None:
    event, own = ended("unready", tenant="", owner="")

    assert event.message == "a worker did not get ready"
    assert not {"tenant", "tool", "call_id"} & own.keys()
