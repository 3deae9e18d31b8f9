"""From what is pinned to what its source is now, and back: never without somebody's yes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hatchway.audit.reading import read_artifact
from hatchway.core.errors import AdmissionError, ConfigError, HatchwayError
from hatchway.core.events import Severity
from hatchway.policy.secrets import goes_to
from hatchway.provenance.approval import policy_digest, secret_digests
from hatchway.provenance.drift import drift_between
from hatchway.provenance.lockfile import integrity_of
from hatchway.runtime.admission import texts_of
from hatchway.runtime.manifests import pinned_manifest
from hatchway.runtime.previous import Previous, is_same_artifact
from hatchway.runtime.subjects import neighbours_of
from hatchway.runtime.toolset import tools_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.audit.report import Report
    from hatchway.provenance.drift import Drift
    from hatchway.provenance.lockfile import LockedTool
    from hatchway.runtime.admission import Candidate
    from hatchway.runtime.keeping import Keeper
    from hatchway.runtime.project import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What would be pinned instead of what is, before anybody has agreed.

    Attributes:
        name: The policy entry.
        old: What is pinned.
        new: What would be.
        candidate: The same, described.
        report: What the audit says of it, under the policy as it would be.
        drift: The difference.
        known: The findings of what is pinned, by their ids; None when it cannot be read.
    """

    name: str
    old: LockedTool
    new: LockedTool
    candidate: Candidate
    report: Report
    drift: Drift
    known: frozenset[str] | None

    @property
    def approval(self) -> str:
        """What names exactly this: a hash of everything that would be pinned."""
        return integrity_of(self.name, self.new)

    def require_still_meant(self, pinned: LockedTool | None, new: LockedTool) -> None:
        """Refuse to write anything but what was proposed, over anything but what was pinned.

        Raises:
            ConfigError: `config.changed_meanwhile`.
        """
        if pinned != self.old or integrity_of(self.name, new) != self.approval:
            message = f"{self.name!r} was changed by somebody else in the meantime"
            hint = f"hatchway update {self.name}"
            raise ConfigError(message, code="config.changed_meanwhile", hint=hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """A tool that was pinned again as it was before.

    Attributes:
        name: The policy entry.
        old: What was pinned until now; None when nothing was.
        new: What is pinned now.
        lost: What the policy allowed until now, and did not when that version was pinned.
    """

    name: str
    old: LockedTool | None
    new: LockedTool
    lost: tuple[str, ...]


class Updater:
    """Proposes, applies and undoes updates of the tools of one project."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    @property
    def project(self) -> Project:
        """Whose tools."""
        return self._keeper.project

    def propose(self, name: str, source: str | None = None) -> Proposal:
        """What the source of a tool is now. Nothing is written.

        Args:
            name: Its entry in the policy.
            source: Another source, as the policy would spell it; by default its own.

        Raises:
            HatchwayError: It is not admitted, or its source cannot be read or admitted.
        """
        entry = self.project.policy().tools[name]
        old = self.project.lock().tools.get(name)
        if old is None:
            message = f"{name!r} is not admitted"
            hint = f"hatchway add {entry.source} --name {name}"
            raise ConfigError(message, code="config.not_admitted", hint=hint)
        candidate = self._keeper.examine(name, source or entry.source)
        report = self._keeper.audited(candidate, self.project.proposal().allowed(name))
        return self.compare(old, candidate, report)

    def compare(self, old: LockedTool, candidate: Candidate, report: Report) -> Proposal:
        """The difference between what is pinned and an artifact that would take its place.

        Args:
            old: What is pinned.
            candidate: What was examined.
            report: What the audit says of it.
        """
        name = candidate.name
        edit = self.project.proposal()
        allow = edit.allowed(name) if name in self.project.policy().tools else []
        edit.set_tool(name, candidate.lock.source, allow)
        new = self._keeper.approved(candidate.lock, report, self.project.understood(edit))
        critical = [item.id for item in report.standing if item.severity == "critical"]
        drift = drift_between(
            old,
            new,
            self.texts_of_pin(name, old),
            texts_of(candidate.toolset),
            critical=critical if report.blocked else (),
        )
        known = self._known_findings(name, old)
        return Proposal(
            name=name,
            old=old,
            new=new,
            candidate=candidate,
            report=report,
            drift=drift,
            known=known,
        )

    def apply(self, proposal: Proposal) -> None:
        """Pin what was proposed, exactly, or nothing.

        Raises:
            ConfigError: `config.changed_meanwhile`, or the files cannot be written.
            AdmissionError: `admission.blocked`.
        """
        allow = self.project.proposal().allowed(proposal.name)
        self._keeper.keep(proposal.candidate, allow, only_if=proposal.require_still_meant)

    def refuse(self, proposal: Proposal, again: str | None = None) -> AdmissionError:
        """Put on record that something changed and nobody agreed to it; the complaint.

        Args:
            proposal: What nobody agreed to.
            again: How to go on, before the digest to approve; by default with an update.
        """
        name, drift = proposal.name, proposal.drift
        why = "nobody confirmed it"
        hint = f"hatchway update {name} --yes"
        if drift.kind == "blocked":
            why = f"only a person can approve it ({', '.join(drift.reasons)})"
            command = again or f"read what changed, then: hatchway update {name}"
            hint = f"{command} --approve {proposal.approval}"
        is_pinned = name in self.project.lock().tools
        rest = "what was approved stays" if is_pinned else "it is not added"
        message = f"{name!r} has changed, and {why}; {rest}"
        self._keeper.record(
            "tool.drifted",
            Severity.HIGH if drift.kind == "blocked" else Severity.LOW,
            message,
            tool=name,
            digest=proposal.new.digest,
            code="admission.drift",
        )
        return AdmissionError(message, code="admission.drift", hint=hint)

    def roll_back(self, name: str) -> RolledBack:
        """Pin again what was pinned before the last update of a tool.

        It is audited again, and allowed nothing that it was not allowed then. Where the policy
        names another source than is pinned, what is pinned is what it goes back to.

        Raises:
            ConfigError: `config.no_previous`: there is nothing to go back to.
            HatchwayError: The artifact is not here any more, or must not become a tool.
        """
        keeper = self._keeper
        current = self.project.lock().tools.get(name)
        held = self.project.proposal().allowed(name)
        earlier = [
            *self._pinned_elsewhere(name, current, held),
            *(
                item
                for item in keeper.previous.of(name)
                if current is None or not is_same_artifact(item.tool, current)
            ),
        ]
        if not earlier:
            message = f"there is no earlier version of {name!r} to go back to"
            raise ConfigError(message, code="config.no_previous", hint=f"hatchway show {name}")
        target = earlier[0]
        allow = [text for text in held if text in target.allow]
        unknown = self._secrets_since(name, target, held, allow)
        keeper.keep(self._again(name, target.tool), allow, without_secrets=unknown, goes_back=True)
        keeper.previous.forget_since(name, target.tool)
        return RolledBack(
            name=name,
            old=current,
            new=self.project.lock().tools[name],
            lost=(
                *(text for text in held if text not in allow),
                *(f"the secret {each}" for each in unknown),
            ),
        )

    def _secrets_since(
        self, name: str, target: Previous, held: list[str], allow: list[str]
    ) -> list[str]:
        """The secrets that `target` did not have, or that go where it may not ask any more."""
        entry = self.project.policy().tools[name]
        spelled = zip(held, entry.allow, strict=True)
        granted = [item for text, item in spelled if text in allow]
        digests = secret_digests(entry, base=str(self.project.base))
        return [
            rule.name
            for rule in entry.secrets
            if digests[rule.name] not in target.secrets or not goes_to(rule, granted)
        ]

    def _pinned_elsewhere(
        self, name: str, current: LockedTool | None, held: list[str]
    ) -> Iterator[Previous]:
        """What is pinned, where the policy has moved on to another source.

        Raises:
            ConfigError: `config.no_previous`: its grants were changed along with its source, so
                nobody knows any more what it was allowed.
        """
        entry = self.project.policy().tools[name]
        if current is None or current.source == entry.source:
            return
        if policy_digest(entry, base=str(self.project.base)) != current.policy:
            message = f"the grants or limits of {name!r} were changed along with its source"
            hint = f"restore {self.project.policy_file} as it was"
            raise ConfigError(message, code="config.no_previous", hint=hint)
        secrets = secret_digests(entry, base=str(self.project.base))
        yield Previous(tool=current, allow=tuple(held), secrets=tuple(secrets.values()))

    def _again(self, name: str, locked: LockedTool) -> Candidate:
        candidate = self._keeper.admission.again(
            name,
            locked,
            compiler=self.project.policy().compiler_of(name),
            neighbours=neighbours_of(self.project, name, self._keeper.store),
        )
        found = replace(
            candidate.lock,
            resolved=locked.resolved,
            manifest_digest=locked.manifest_digest,
            signers=locked.signers,
        )
        if not is_same_artifact(found, locked):
            message = f"the earlier version of {name!r} is not what it was any more"
            raise ConfigError(message, code="config.drift", hint=f"hatchway update {name}")
        return replace(candidate, lock=found)

    def texts_of_pin(self, name: str, locked: LockedTool) -> dict[str, dict[str, Any]] | None:
        """What a model is told now; None when the pinned artifact cannot be read."""
        try:
            artifact = read_artifact(self._keeper.store.get(locked.digest))
            manifest = pinned_manifest(locked, name=name)
            return texts_of(tools_of(name, locked.digest, artifact.surface, manifest))
        except HatchwayError:
            return None

    def _known_findings(self, name: str, locked: LockedTool) -> frozenset[str] | None:
        try:
            report = self._keeper.audited_pin(name, locked, self.project.policy())
        except (HatchwayError, KeyError):  # unreadable, or its entry is not there any more
            return None
        return frozenset(item.id for item in report.findings)
