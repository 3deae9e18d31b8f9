"""The two artifacts that explain each rule: one that it finds something in, and one not."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_subjects import neighbours_in
from guests import wasm

from hatchway.audit.evaluate import audit, malformed_report
from hatchway.audit.reading import read_artifact
from hatchway.audit.rules import bin_001_malformed
from hatchway.core.errors import AdmissionError, ConfigError
from hatchway.policy.document import Policy, parse_policy
from hatchway.policy.manifest import parse_manifest_toml
from hatchway.policy.origins import origin_of
from hatchway.policy.trust import Signatures, signed_as_asked
from hatchway.registry.store import digest_of
from hatchway.runtime.subjects import subject_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.audit.report import Report
    from hatchway.core.manifest import Manifest
    from hatchway.policy.trust import Verdict

EXAMPLES = Path(__file__).resolve().parents[1] / "audit" / "examples"
PROJECT = "/srv/project"
TODAY = date(2026, 11, 20)

SAID = ("signed_by", "drift")
"""Keys of what other parts of Hatchway found out: the audit is told, and only judges it."""

KEYS = {
    "failing": {"about", "wat", "hex", "manifest", "policy", "engine_imports", *SAID},
    "passing": {"about", "wat", "hex", "manifest", "policy", "engine_imports", *SAID},
    "shown": {"about", "policy", "error", "test"},
}
"""The tables of an example file, and what each may say."""


def examples_of(rule: str) -> dict[str, dict[str, Any]]:
    """The tables of one rule's example file."""
    return tomllib.loads((EXAMPLES / f"{rule}.toml").read_text(encoding="utf-8"))


def policy_in(example: Mapping[str, Any]) -> Policy | None:
    """The policy of an example; its directory is `PROJECT`."""
    if "policy" not in example:
        return None
    return parse_policy(example["policy"], file=f"{PROJECT}/hatchway.toml", base=PROJECT)


def report_on(example: Mapping[str, Any]) -> Report:
    """What the audit says about the artifact of an example."""
    data = bytes.fromhex(example["hex"]) if "hex" in example else wasm(example["wat"])
    try:
        artifact = read_artifact(data)
    except AdmissionError as error:
        found = bin_001_malformed.from_error(error)
        return malformed_report("tool", digest_of(data), rule=bin_001_malformed.RULE, found=found)
    policy = policy_in(example)
    manifest, values = _manifest(example.get("manifest"))
    imports = example.get("engine_imports")
    subject = subject_of(
        name="tool",
        data=data,
        manifest=manifest,
        manifest_values=values,
        policy=policy,
        engine_imports=None if imports is None else tuple(imports),
        neighbours=() if policy is None else neighbours_in(policy, "tool"),
        artifact=artifact,
    )
    subject = replace(subject, trust=_verdict(example, policy, artifact.digest))
    if "drift" in example:
        subject = replace(subject, drift=tuple(example["drift"]))
    return audit(subject, today=TODAY)


def _verdict(example: Mapping[str, Any], policy: Policy | None, digest: str) -> Verdict | None:
    """What the policy of an example says about the signatures that are said to be there."""
    if policy is None:
        return None
    named = {str(each.signer): each.signer for rule in policy.trust.rules for each in rule.signers}
    signed_by = example.get("signed_by", ())
    found = Signatures(
        digest=digest,
        signers=frozenset(named[text] for text in signed_by if text in named),
        strangers=sum(text not in named for text in signed_by),
        cover_manifest="manifest" not in example,
    )
    source = policy.tools["tool"].source
    return signed_as_asked(source, origin_of(source, base=PROJECT), found, TODAY, policy.trust)


def _manifest(text: str | None) -> tuple[Manifest | None, Mapping[str, Any] | None]:
    """A manifest, and its values also when it is refused."""
    if text is None:
        return None, None
    values = tomllib.loads(text)
    try:
        return parse_manifest_toml(text, file="tool.tool.toml"), values
    except ConfigError:
        return None, values
