"""Events become records that fit our own schema and OCSF's."""

from __future__ import annotations

from functools import cache
from typing import Any, get_args

import jsonschema
import ocsf_json_schema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import patient

from hatchway.core.call import Gated, Principal, Usage
from hatchway.core.event_schema import SCHEMA
from hatchway.core.events import TERMINAL_EVENTS, Event, EventName, HttpTrace, Severity, SocketTrace
from hatchway.core.ocsf import OCSF_VERSION, to_ocsf

DIGEST = "sha256:" + "a" * 64
ADA = Principal(tenant="acme", subject="ada", door="http")
NAMES: tuple[EventName, ...] = get_args(EventName)
TRACE = HttpTrace(
    method="GET",
    origin="https://api.example.com",
    path_digest=DIGEST,
    decision="allowed",
    rule="net.http=https://api.example.com",
    status=200,
    sent_bytes=1,
    received_bytes=2,
    wall_us=3,
)
SOCKET = SocketTrace(
    to="db.example.com:5432",
    address="192.0.2.1",
    decision="allowed",
    rule="net.socket=db.example.com:5432",
    sent_bytes=1,
    received_bytes=2,
    wall_us=3,
)
OF_SOCKETS: tuple[EventName, ...] = ("socket.connection", "name.lookup")
NOT_CONNECTED = SOCKET._replace(decision="denied", rule="egress.not_granted", address="")
DENIED = TRACE._replace(decision="denied", rule="egress.method", status=None)
OF_A_CALL = tuple(name for name in NAMES if name.startswith(("call.", "capability.")))
NOT_OF_A_CALL = tuple(name for name in NAMES if name not in OF_A_CALL)
DENIABLE = ("fs.read", "fs.write", "net.http", "net.socket", "net.dns", "env", "tool", "clock")

CLASSES = {
    1001: "file_activity",
    2004: "detection_finding",
    3004: "entity_management",
    4001: "network_activity",
    4002: "http_activity",
    6002: "application_lifecycle",
    6003: "api_activity",
}


def bare(name: EventName, **more: Any) -> Event:
    """An event that says as little as it may."""
    facts: dict[str, Any] = {"http": TRACE} if name == "http.request" else {}
    facts |= {"socket": SOCKET} if name in OF_SOCKETS else {}
    return Event(
        name=name,
        time_ms=1_795_312_345_678,
        severity=Severity.LOW,
        message="m",
        **(facts | more),
    )


def full(name: EventName, **more: Any) -> Event:
    """An event that says everything it can."""
    facts: dict[str, Any] = {
        "principal": ADA,
        "call_id": "b00t-7",
        "tool": "grep",
        "digest": DIGEST,
        "code": "guest.trapped",
        "capability": "env",
        "attempted": "SECRET",
        "function": "wasi_snapshot_preview1.environ_get",
        "arguments_digest": DIGEST,
        "compiler": "winch",
        "usage": Usage(wall_us=9, fuel=None, memory_bytes=65536, output_bytes=0),
        "gated": Gated(clock=2),
        "denials": 33,
        "frames": ("f", "g"),
        "policy_stale": True,
        "details": {"trap": "unreachable"},
    }
    return bare(name, **(facts | more))


def denial(capability: str, attempted: str = "/etc/passwd") -> Event:
    return full("capability.denied", capability=capability, attempted=attempted)


EVERY_EVENT = {
    **{f"{name}, of somebody": full(name) for name in NAMES if name != "capability.denied"},
    **{f"denied {capability}": denial(capability) for capability in DENIABLE},
    "request, denied": full("http.request", http=DENIED),
    "request, of a rare method": full("http.request", http=TRACE._replace(method="PROPFIND")),
    "request, broken": full("http.request", http=TRACE._replace(error="DNS-error", status=None)),
    **{f"{name}, denied": full(name, socket=NOT_CONNECTED) for name in OF_SOCKETS},
    **{f"{name}, of nobody": bare(name) for name in NOT_OF_A_CALL},
    **{f"{name}, said briefly": bare(name, principal=ADA) for name in OF_A_CALL},
}


@cache
def ocsf(class_uid: int, profiles: tuple[str, ...]) -> jsonschema.Draft202012Validator:
    schemas = ocsf_json_schema.OcsfJsonSchemaEmbedded(
        ocsf_json_schema.get_ocsf_schema(OCSF_VERSION)
    )
    return jsonschema.Draft202012Validator(
        schemas.get_class_schema(CLASSES[class_uid], list(profiles))
    )


def misfits(record: dict[str, Any], *profiles: str) -> list[str]:
    """What is wrong with a record in the eyes of OCSF."""
    return [
        f"{error.json_path}: {error.message}"
        for error in ocsf(record["class_uid"], profiles).iter_errors(record)
    ]


def own(record: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = record["unmapped"]["hatchway"]
    return fields


@pytest.mark.parametrize("case", EVERY_EVENT)
def test_every_record_fits_our_own_schema(case: str) -> None:
    record = to_ocsf(EVERY_EVENT[case], version="1.2.3")

    assert list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(record)) == []


@pytest.mark.parametrize("case", EVERY_EVENT)
def test_every_record_fits_its_ocsf_class(case: str) -> None:
    record = to_ocsf(EVERY_EVENT[case], version="1.2.3")

    assert misfits(record, "host", "security_control") == []


@pytest.mark.parametrize("case", EVERY_EVENT)
def test_every_record_fits_its_ocsf_class_with_no_other_profiles_than_it_names(case: str) -> None:
    record = to_ocsf(EVERY_EVENT[case], version="1.2.3")

    assert misfits(record, *record["metadata"].get("profiles", ())) == []


@pytest.mark.parametrize("name", OF_A_CALL)
def test_even_a_call_of_nobody_fits_its_ocsf_class(name: EventName) -> None:
    record = to_ocsf(bare(name), version="1.2.3")

    assert misfits(record, "host", "security_control") == []


@pytest.mark.parametrize("class_uid", CLASSES)
def test_the_ocsf_schemas_refuse_a_record_that_lacks_everything(class_uid: int) -> None:
    assert misfits({"class_uid": class_uid})


@pytest.mark.parametrize("case", EVERY_EVENT)
def test_the_type_of_a_record_is_its_class_and_activity(case: str) -> None:
    record = to_ocsf(EVERY_EVENT[case], version="1.2.3")

    assert record["type_uid"] == record["class_uid"] * 100 + record["activity_id"]
    assert record["category_uid"] == record["class_uid"] // 1000


@pytest.mark.parametrize(
    ("event", "class_uid", "activity"),
    [
        (full("call.completed"), 6003, 99),
        (full("call.failed"), 6003, 99),
        (full("call.refused"), 6003, 99),
        (denial("fs.read"), 1001, 14),
        (denial("fs.write"), 1001, 3),
        (denial("net.http"), 4001, 5),
        (denial("net.socket"), 4001, 5),
        (denial("net.dns"), 4001, 5),
        (denial("env"), 6003, 99),
        (full("http.request"), 4002, 3),
        (full("http.request", http=TRACE._replace(method="PATCH")), 4002, 9),
        (full("http.request", http=TRACE._replace(method="PROPFIND")), 4002, 99),
        (full("secret.leak_blocked"), 2004, 1),
        (full("tool.admitted"), 3004, 1),
        (full("tool.removed"), 3004, 4),
        (full("tool.refused"), 3004, 99),
        (full("tool.quarantined"), 3004, 99),
        (full("tool.drifted"), 2004, 1),
        (full("trust.overridden"), 2004, 1),
        (full("trust.reported"), 2004, 1),
        (full("policy.changed"), 3004, 3),
        (full("policy.trusted"), 3004, 3),
        (full("worker.violation"), 2004, 1),
        (full("worker.ended"), 6002, 4),
        (full("server.started"), 6002, 3),
        (full("server.stopped"), 6002, 4),
        (full("server.degraded"), 6002, 99),
    ],
    ids=lambda value: f"{value.name} {value.capability}" if isinstance(value, Event) else None,
)
def test_an_event_is_filed_under_its_class_and_activity(
    event: Event, class_uid: int, activity: int
) -> None:
    record = to_ocsf(event, version="1.2.3")

    assert (record["class_uid"], record["activity_id"]) == (class_uid, activity)


@pytest.mark.parametrize("capability", DENIABLE)
def test_a_denial_says_that_it_was_denied_and_blocked(capability: str) -> None:
    record = to_ocsf(denial(capability), version="1.2.3")

    assert (record["action_id"], record["disposition_id"], record["status_id"]) == (2, 2, 2)


@pytest.mark.parametrize(
    ("trace", "action", "status"),
    [(TRACE, 1, 1), (TRACE._replace(error="DNS-error"), 1, 2), (DENIED, 2, 2)],
)
def test_a_request_says_whether_it_was_allowed_and_whether_it_went_well(
    trace: HttpTrace, action: int, status: int
) -> None:
    record = to_ocsf(full("http.request", http=trace), version="1.2.3")

    assert (record["action_id"], record["disposition_id"]) == (action, action)
    assert record["status_id"] == status


def test_a_requests_record_holds_its_trace_and_only_the_digest_of_its_path() -> None:
    record = to_ocsf(full("http.request"), version="1.2.3")

    assert own(record)["http"] == TRACE._asdict()
    assert record["http_request"]["url"] == {"url_string": "https://api.example.com"}
    assert record["http_response"] == {"code": 200}
    assert record["traffic"] == {"bytes_in": 2, "bytes_out": 1}


def test_a_denied_request_moved_no_bytes() -> None:
    record = to_ocsf(full("http.request", http=DENIED), version="1.2.3")

    assert "traffic" not in record
    assert "http_response" not in record


@pytest.mark.parametrize(
    ("name", "status"), [("call.completed", 1), ("call.failed", 2), ("call.refused", 2)]
)
def test_only_a_completed_call_is_a_success(name: EventName, status: int) -> None:
    assert to_ocsf(full(name), version="1.2.3")["status_id"] == status


@pytest.mark.parametrize(
    ("attempted", "name"), [("/etc/passwd", "passwd"), ("notes.txt", "notes.txt"), ("/", "/")]
)
def test_a_denied_file_is_named_by_its_last_part(attempted: str, name: str) -> None:
    record = to_ocsf(denial("fs.read", attempted), version="1.2.3")

    assert (record["file"]["name"], record["file"]["path"]) == (name, attempted)


def test_a_record_says_who_asked_and_through_which_door() -> None:
    record = to_ocsf(full("call.completed"), version="1.2.3")

    assert record["actor"] == {
        "user": {"uid": "ada", "org": {"uid": "acme"}},
        "app_name": "http",
    }


def test_a_record_says_which_hatchway_wrote_it() -> None:
    record = to_ocsf(bare("server.started"), version="1.2.3")

    assert record["metadata"]["product"] == {
        "name": "Hatchway",
        "vendor_name": "Hatchway",
        "version": "1.2.3",
    }


def test_a_tools_record_is_about_the_tool_and_a_policys_about_the_policy() -> None:
    tool = to_ocsf(bare("tool.admitted", tool="grep"), version="1.2.3")
    policy = to_ocsf(bare("policy.trusted"), version="1.2.3")

    assert tool["entity"] == {"name": "grep", "type": "tool"}
    assert policy["entity"] == {"name": "hatchway.toml", "type": "policy"}


def test_a_finding_is_the_same_for_the_same_change_and_another_for_another() -> None:
    drifted = full("tool.drifted")

    first, again = (to_ocsf(event, version="1") for event in (drifted, drifted))
    other = to_ocsf(full("tool.drifted", digest="sha256:" + "b" * 64), version="1")

    assert first["finding_info"] == again["finding_info"]
    assert first["finding_info"]["desc"] == first["message"]
    assert first["finding_info"]["uid"] != other["finding_info"]["uid"]
    assert first["resources"] == [{"name": "grep", "type": "tool"}]


def test_what_a_worker_tried_is_one_finding_for_each_thing_it_tried() -> None:
    tried = [bare("worker.violation", tool="grep", attempted=each) for each in ("execve", "ptrace")]

    uids = [to_ocsf(event, version="1")["finding_info"]["uid"] for event in tried]

    assert uids == [f"hatchway:worker.violation:grep:::{each}" for each in ("execve", "ptrace")]


def test_a_tenant_is_named_where_nobody_who_asked_is_known() -> None:
    worker = to_ocsf(bare("worker.ended", tenant="acme"), version="1")
    somebody = to_ocsf(bare("worker.ended", tenant="other", principal=ADA), version="1")

    assert own(worker) == {"event": "worker.ended", "schema": 1, "tenant": "acme"}
    assert worker["app"] == {"name": "hatchway worker"}
    assert own(somebody)["tenant"] == "acme"


def test_our_own_fields_hold_everything_that_was_said() -> None:
    record = to_ocsf(full("call.failed"), version="1.2.3")

    assert own(record) == {
        "event": "call.failed",
        "schema": 1,
        "tenant": "acme",
        "subject": "ada",
        "call_id": "b00t-7",
        "tool": "grep",
        "digest": DIGEST,
        "code": "guest.trapped",
        "capability": "env",
        "attempted": "SECRET",
        "function": "wasi_snapshot_preview1.environ_get",
        "arguments_digest": DIGEST,
        "compiler": "winch",
        "usage": {"wall_us": 9, "fuel": None, "memory_bytes": 65536, "output_bytes": 0},
        "gated": {"clock": 2, "random": 0, "env": 0},
        "denials": 33,
        "frames": ["f", "g"],
        "policy_stale": True,
        "details": {"trap": "unreachable"},
    }


def test_what_was_not_said_is_not_a_field() -> None:
    record = to_ocsf(bare("server.started", gated=Gated()), version="1.2.3")

    assert own(record) == {"event": "server.started", "schema": 1}


def test_every_call_ends_with_one_of_three_events() -> None:
    assert {name for name in NAMES if name.startswith("call.")} == TERMINAL_EVENTS


@pytest.mark.parametrize(
    "spoilt",
    [
        {"message": "two\nlines"},
        {"message": "\x1b[31mred"},
        {"severity_id": 0},
        {"class_uid": 6004},
        {"unmapped": {}},
        {"unmapped": {"hatchway": {"event": "call.imagined", "schema": 1}}},
        {"unmapped": {"hatchway": {"event": "call.failed", "schema": 1, "arguments": {"a": 1}}}},
        {"unmapped": {"hatchway": {"event": "call.failed", "schema": 1, "code": "Not A Code"}}},
        {"unmapped": {"hatchway": {"event": "call.failed", "schema": 1, "digest": "sha256:0"}}},
        {"unmapped": {"hatchway": {"event": "call.failed", "schema": 1, "tool": "x" * 4097}}},
    ],
    ids=str,
)
def test_our_schema_refuses_what_no_event_may_say(spoilt: dict[str, Any]) -> None:
    record = to_ocsf(full("call.failed"), version="1.2.3") | spoilt

    assert list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(record))


counts = st.integers(0, 1 << 53)
measured = st.none() | counts
lines = st.text(st.characters(min_codepoint=32, exclude_characters="\x7f"), max_size=40)


@patient
@given(
    name=st.sampled_from(NAMES),
    severity=st.sampled_from(Severity),
    message=lines,
    tool=st.none() | lines,
    capability=st.none() | st.sampled_from(DENIABLE),
    attempted=st.none() | lines,
    usage=st.builds(Usage, measured, measured, measured, measured),
    gated=st.builds(Gated, counts, counts, counts),
    denials=counts,
    socket=st.builds(
        SocketTrace,
        to=lines,
        address=st.sampled_from(["", "192.0.2.1", "2001:db8::1"]),
        decision=st.sampled_from(("allowed", "denied")),
        rule=lines,
        sent_bytes=counts,
        received_bytes=counts,
        wall_us=counts,
        error=st.none() | st.just("connection-refused"),
    ),
    http=st.builds(
        HttpTrace,
        method=lines,
        origin=lines,
        path_digest=st.just(DIGEST),
        decision=st.sampled_from(("allowed", "denied")),
        rule=lines,
        status=st.none() | st.integers(100, 999),
        sent_bytes=counts,
        received_bytes=counts,
        wall_us=counts,
        error=st.none() | lines,
    ),
)
def test_whatever_an_event_says_its_record_fits_both_schemas(
    name: EventName, severity: Severity, message: str, **facts: Any
) -> None:
    event = Event(name=name, time_ms=1, severity=severity, message=message, principal=ADA, **facts)

    record = to_ocsf(event, version="1.2.3")

    assert list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(record)) == []
    assert misfits(record, "host", "security_control") == []
