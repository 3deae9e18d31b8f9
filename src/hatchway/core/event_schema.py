"""The shape of every line of the event log, as a JSON Schema.

Whoever reads the log can check it with this; every event that the tests see is.
"""

from __future__ import annotations

from typing import Any, get_args

from hatchway.core.events import EventName, HttpTrace, Severity, SocketTrace
from hatchway.core.ocsf import OPTIONAL_TEXT, SCHEMA_VERSION
from hatchway.core.surface import Compiler
from hatchway.core.tools import MAX_TOOL_DEPTH

_TEXT = {"type": "string", "maxLength": 4096}
_COUNT = {"type": "integer", "minimum": 0}
_MEASURED = {"type": ["integer", "null"], "minimum": 0}


def _closed(properties: dict[str, Any], required: tuple[str, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Hatchway event",
    "type": "object",
    "required": [
        "class_uid",
        "category_uid",
        "activity_id",
        "type_uid",
        "time",
        "severity_id",
        "message",
        "metadata",
        "unmapped",
    ],
    "properties": {
        "class_uid": {"enum": [1001, 2004, 3004, 4001, 4002, 6002, 6003]},
        "category_uid": {"enum": [1, 2, 3, 4, 6]},
        "activity_id": _COUNT,
        "type_uid": _COUNT,
        "time": _COUNT,
        "severity_id": {"enum": [int(severity) for severity in Severity]},
        "message": {**_TEXT, "pattern": r"^[^\x00-\x1f\x7f]*$"},
        "unmapped": _closed(
            {
                "hatchway": _closed(
                    {
                        "event": {"enum": list(get_args(EventName))},
                        "schema": {"const": SCHEMA_VERSION},
                        "tenant": _TEXT,
                        "subject": _TEXT,
                        **dict.fromkeys(OPTIONAL_TEXT, _TEXT),
                        "digest": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
                        "arguments_digest": {
                            "type": "string",
                            "pattern": "^sha256:[0-9a-f]{64}$",
                        },
                        "compiler": {"enum": list(get_args(Compiler))},
                        "code": {"type": "string", "pattern": r"^[a-z_]+(\.[a-z_]+)*$"},
                        "usage": _closed(
                            dict.fromkeys(
                                ("wall_us", "fuel", "memory_bytes", "output_bytes"), _MEASURED
                            ),
                            ("wall_us", "fuel", "memory_bytes", "output_bytes"),
                        ),
                        "gated": _closed(
                            dict.fromkeys(("clock", "random", "env"), _COUNT),
                            ("clock", "random", "env"),
                        ),
                        "denials": _COUNT,
                        "http": _closed(
                            {
                                "method": _TEXT,
                                "origin": _TEXT,
                                "path_digest": {
                                    "type": "string",
                                    "pattern": "^sha256:[0-9a-f]{64}$",
                                },
                                "decision": {"enum": ["allowed", "denied"]},
                                "rule": _TEXT,
                                "status": _MEASURED,
                                "sent_bytes": _COUNT,
                                "received_bytes": _COUNT,
                                "wall_us": _COUNT,
                                "error": {"type": ["string", "null"], "maxLength": 100},
                            },
                            HttpTrace._fields,
                        ),
                        "socket": _closed(
                            {
                                "to": _TEXT,
                                "address": {"type": "string", "maxLength": 64},
                                "decision": {"enum": ["allowed", "denied"]},
                                "rule": _TEXT,
                                "sent_bytes": _COUNT,
                                "received_bytes": _COUNT,
                                "wall_us": _COUNT,
                                "error": {"type": ["string", "null"], "maxLength": 100},
                            },
                            SocketTrace._fields,
                        ),
                        "frames": {"type": "array", "items": _TEXT, "maxItems": 16},
                        "policy_stale": {"const": True},
                        "depth": {"type": "integer", "minimum": 2, "maximum": MAX_TOOL_DEPTH},
                        "details": {"type": "object"},
                    },
                    ("event", "schema"),
                )
            },
            ("hatchway",),
        ),
    },
}
"""JSON Schema of every line Hatchway writes to its event log."""
