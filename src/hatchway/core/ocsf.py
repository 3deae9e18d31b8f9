"""Events in the words of the Open Cybersecurity Schema Framework 1.8.0.

One `Event` becomes one JSON object a line. The classes and required fields are OCSF's; what
OCSF has no field for stands under `unmapped.hatchway`. `core.event_schema` describes the whole
record, and every event the tests see is checked against it.
"""

from __future__ import annotations

from typing import Any

from hatchway.core.call import NOTHING_GATED
from hatchway.core.events import TERMINAL_EVENTS, Event, EventName

OCSF_VERSION = "1.8.0"
SCHEMA_VERSION = 1
"""Of our own fields. Raised when one changes its meaning or goes away."""


def to_ocsf(event: Event, *, version: str) -> dict[str, Any]:
    """The OCSF record of `event`, as written by Hatchway `version`."""
    category, activity, own = _classified(event)
    class_uid = own.pop("class_uid")
    principal = event.principal
    record: dict[str, Any] = {
        "class_uid": class_uid,
        "category_uid": category,
        "activity_id": activity,
        "type_uid": class_uid * 100 + activity,
        "time": event.time_ms,
        "severity_id": int(event.severity),
        "message": event.message,
        "metadata": {
            "version": OCSF_VERSION,
            "product": {"name": "Hatchway", "vendor_name": "Hatchway", "version": version},
        },
        **own,
    }
    if principal is not None:
        record["actor"] = {
            "user": {"uid": principal.subject, "org": {"uid": principal.tenant}},
            "app_name": principal.door,
        }
    elif class_uid in _WITH_ACTOR:
        record["actor"] = {"app_name": "unknown"}
    if profiles := _profiles(record):
        record["metadata"]["profiles"] = profiles
    record["unmapped"] = {"hatchway": _own_fields(event)}
    return record


_WITH_ACTOR = frozenset({1001, 6003})
"""Classes that require an actor."""
_WITH_ACTOR_OF_HOST = frozenset({2004, 4001, 4002, 6002})
"""Classes that know an actor only under the `host` profile."""


def _profiles(record: dict[str, Any]) -> list[str]:
    """The OCSF profiles whose attributes the record uses."""
    profiles = ["security_control"] if "action_id" in record else []
    if "actor" in record and record["class_uid"] in _WITH_ACTOR_OF_HOST:
        profiles.append("host")
    return profiles


def _classified(event: Event) -> tuple[int, int, dict[str, Any]]:
    """OCSF category, activity and the fields that the event's class requires."""
    if event.name in TERMINAL_EVENTS:
        # 99 is OCSF's "other": calling a tool is none of create, read, update, delete.
        succeeded = event.name == "call.completed"
        return 6, 99, {**_api(event), "status_id": 1 if succeeded else 2}
    if event.name in _ENTITY_ACTIVITIES:
        return 3, _ENTITY_ACTIVITIES[event.name], {"class_uid": 3004, "entity": _entity(event)}
    match event.name:
        case "capability.denied":
            return _denial(event)
        case "http.request":
            return _http(event)
        case "socket.connection" | "name.lookup":
            return _socket(event)
        case _ if event.name in _TITLES:
            return 2, 1, _finding(event)
        case "worker.ended":
            return 6, 4, {"class_uid": 6002, "app": {"name": "hatchway worker"}}
        case _:  # the server itself started, stopped or is worse off
            activity = {"server.started": 3, "server.stopped": 4}.get(event.name, 99)
            return 6, activity, {"class_uid": 6002, "app": {"name": "hatchway serve"}}


def _denial(event: Event) -> tuple[int, int, dict[str, Any]]:
    # action 2 is "denied" and disposition 2 "blocked" in the security_control profile.
    blocked: dict[str, Any] = {"action_id": 2, "disposition_id": 2, "status_id": 2}
    attempted = event.attempted or ""
    if (event.capability or "").startswith("fs."):
        named = {"name": attempted.rsplit("/", 1)[-1] or "/", "path": attempted, "type_id": 0}
        where = {"type_id": 99, "type": "sandbox", "name": event.tool or ""}
        # 14 is "open", 3 is "update".
        activity = 14 if event.capability == "fs.read" else 3
        return 1, activity, {"class_uid": 1001, "file": named, "device": where, **blocked}
    if (event.capability or "").startswith("net."):
        # 5 is "refuse".
        return 4, 5, {"class_uid": 4001, "dst_endpoint": {"name": attempted}, **blocked}
    return 6, 99, {**_api(event), **blocked}


_HTTP_ACTIVITIES = {
    "CONNECT": 1, "DELETE": 2, "GET": 3, "HEAD": 4, "OPTIONS": 5, "POST": 6, "PUT": 7,
    "TRACE": 8, "PATCH": 9,
}  # fmt: skip
"""The methods that OCSF has a name for. Another one stands among our own fields only."""


def _http(event: Event) -> tuple[int, int, dict[str, Any]]:
    trace = event.http
    assert trace is not None, "a request's event holds the request"
    is_allowed = trace.decision == "allowed"
    request: dict[str, Any] = {"url": {"url_string": trace.origin}}
    if trace.method in _HTTP_ACTIVITIES:
        request["http_method"] = trace.method
    # 1 is "allowed" for both; 2 is "denied" and "blocked".
    own: dict[str, Any] = {
        "class_uid": 4002,
        "http_request": request,
        "dst_endpoint": {"name": trace.origin},
        "action_id": 1 if is_allowed else 2,
        "disposition_id": 1 if is_allowed else 2,
        "status_id": 1 if is_allowed and trace.error is None else 2,
    }
    if trace.status is not None:
        own["http_response"] = {"code": trace.status}
    if is_allowed:
        own["traffic"] = {"bytes_in": trace.received_bytes, "bytes_out": trace.sent_bytes}
    return 4, _HTTP_ACTIVITIES.get(trace.method, 99), own


def _socket(event: Event) -> tuple[int, int, dict[str, Any]]:
    trace = event.socket
    assert trace is not None, "a connection's event holds the connection"
    is_allowed = trace.decision == "allowed"
    endpoint = {"name": trace.to}
    if trace.address:
        endpoint["ip"] = trace.address
    own: dict[str, Any] = {
        "class_uid": 4001,
        "dst_endpoint": endpoint,
        "action_id": 1 if is_allowed else 2,
        "disposition_id": 1 if is_allowed else 2,
        "status_id": 1 if is_allowed and trace.error is None else 2,
    }
    if is_allowed:
        own["traffic"] = {"bytes_in": trace.received_bytes, "bytes_out": trace.sent_bytes}
    # 2 is "close", 5 "refuse", and a look-up none of what OCSF lists.
    activity = 5 if not is_allowed else 2 if event.name == "socket.connection" else 99
    return 4, activity, own


def _api(event: Event) -> dict[str, Any]:
    door = "unknown" if event.principal is None else event.principal.door
    return {
        "class_uid": 6003,
        "api": {"operation": "tools/call", "service": {"name": event.tool or ""}},
        "src_endpoint": {"name": door},
    }


_TITLES: dict[str, str] = {
    "secret.leak_blocked": "A secret that no tool is given came back",
    "tool.drifted": "A tool is not what was approved",
    "trust.overridden": "A tool is used although its signatures are not what the policy asks for",
    "trust.reported": "A tool would be refused if the trust policy were enforced",
    "worker.violation": "A worker process tried what its walls forbid",
}


def _finding(event: Event) -> dict[str, Any]:
    """What an analyst is to look into: the same finding for the same change of the same tool."""
    about = ":".join((event.tool or "", event.code or "", event.digest or ""))
    if event.attempted is not None:
        about += f":{event.attempted}"
    return {
        "class_uid": 2004,
        "finding_info": {
            "uid": f"hatchway:{event.name}:{about}",
            "title": _TITLES[event.name],
            "desc": event.message,
        },
        "resources": [{"name": event.tool or "", "type": "tool"}],
        "is_alert": True,
    }


_ENTITY_ACTIVITIES: dict[EventName, int] = {
    "tool.admitted": 1, "tool.refused": 99, "tool.quarantined": 99, "tool.removed": 4,
    "artifact.removed": 4,
    "policy.changed": 3, "policy.trusted": 3, "policy.reloaded": 3, "policy.stale": 99,
}  # fmt: skip
"""What became of a tool, an artifact or a policy: 1 is "create", 3 "update", 4 "delete"."""


def _entity(event: Event) -> dict[str, Any]:
    kind = event.name.partition(".")[0]
    named = event.digest if kind == "artifact" else event.tool
    return {"name": named or "hatchway.toml", "type": kind}


def _own_fields(event: Event) -> dict[str, Any]:
    own: dict[str, Any] = {"event": event.name, "schema": SCHEMA_VERSION}
    if event.principal is not None:
        own["tenant"] = event.principal.tenant
        own["subject"] = event.principal.subject
    elif event.tenant is not None:
        own["tenant"] = event.tenant
    texts = zip(OPTIONAL_TEXT, event[_TEXT_AT:_TEXT_END], strict=True)
    own |= {name: text for name, text in texts if text is not None}
    if event.usage is not None:
        own["usage"] = event.usage._asdict()
    if event.gated is not None and event.gated != NOTHING_GATED:
        gated = event.gated
        own["gated"] = {"clock": gated.clock, "random": gated.random, "env": gated.env}
    if event.denials:
        own["denials"] = event.denials
    _add_further_fields(event, own)
    return own


def _add_further_fields(event: Event, own: dict[str, Any]) -> None:
    if event.http is not None:
        own["http"] = event.http._asdict()
    if event.socket is not None:
        own["socket"] = event.socket._asdict()
    if event.frames:
        own["frames"] = list(event.frames)
    if event.policy_stale:
        own["policy_stale"] = True
    if event.depth:
        own["depth"] = event.depth
    if event.details:
        own["details"] = dict(event.details)


OPTIONAL_TEXT = (
    "call_id", "parent_call_id", "tool", "digest", "code", "capability", "attempted", "function",
    "arguments_digest", "compiler",
)  # fmt: skip
"""Fields of an event that go into its record as they are, where there is one."""

_TEXT_AT = Event._fields.index(OPTIONAL_TEXT[0])
_TEXT_END = _TEXT_AT + len(OPTIONAL_TEXT)
assert Event._fields[_TEXT_AT:_TEXT_END] == OPTIONAL_TEXT
