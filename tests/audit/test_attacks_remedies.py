"""What a finding tells people to write, written: it is understood, and the finding is gone."""

from __future__ import annotations

import re

import pytest
from guests import wasm

from hatchway.audit.reading import read_artifact
from hatchway.audit.rules import cap_001_undeclared, cap_002_network, cap_003_over_declared
from hatchway.audit.subject import Subject
from hatchway.policy.manifest import parse_manifest_toml

_PROPOSED = re.compile(r"requires = \[\{.*\}\]")

ONE = 'purpose = "Fetches pages of a web site."\n'
SEVERAL = ONE + '[[tools]]\nname = "look"\n'
"""With the line of a finding at their end, where each says that it belongs."""


def component(interface: str, function: str) -> bytes:
    return wasm(f'(component (import "{interface}@0.2.3" (instance (export "{function}" (func)))))')


def audited(data: bytes, manifest: str) -> list[str]:
    """What the rules about declared power propose to do."""
    parsed = parse_manifest_toml(manifest, file="tool.toml")
    subject = Subject(
        name="t",
        artifact=read_artifact(data),
        data=data,
        manifest=parsed,
        manifest_values=parsed.source,
    )
    proposed: list[str] = []
    for rule in (cap_001_undeclared.RULE, cap_002_network.RULE, cap_003_over_declared.RULE):
        assert rule.check is not None
        proposed += [found.remediation or rule.remediation for found in rule.check(subject)]
    return proposed


@pytest.mark.parametrize("manifest", [ONE, SEVERAL], ids=["one tool", "several"])
@pytest.mark.parametrize(
    ("interface", "function"),
    [
        ("wasi:sockets/udp-create-socket", "create-udp-socket"),
        ("wasi:sockets/ip-name-lookup", "resolve-addresses"),
        ("wasi:http/outgoing-handler", "handle"),
        ("wasi:filesystem/preopens", "newer"),
        ("hatchway:tools/call", "call"),
    ],
)
def test_a_declaration_that_a_finding_proposes_is_understood_and_enough(
    interface: str, function: str, manifest: str
) -> None:
    data = component(interface, function)

    for proposed in audited(data, manifest):
        line = _PROPOSED.search(proposed)

        assert line is not None
        assert ("under [[tools]], " in proposed) is (manifest is SEVERAL)
        assert not [text for text in audited(data, manifest + line[0]) if "requires" in text]
        assert not [text for text in audited(data, manifest + line[0]) if "Remove" in text]
