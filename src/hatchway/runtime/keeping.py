"""Taking artifacts into one project: examined, audited, and written into policy and lock."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hatchway.audit.evaluate import audit
from hatchway.audit.reading import read_artifact
from hatchway.core.errors import AdmissionError, HatchwayError, RegistryError
from hatchway.core.events import Severity
from hatchway.policy.origins import origin_of
from hatchway.provenance.approval import policy_digest, secret_digests
from hatchway.runtime.manifests import pinned_manifest
from hatchway.runtime.overrides import lapsed
from hatchway.runtime.policy_edit import AS_IT_IS, Hosting, PolicyEdit
from hatchway.runtime.previous import Previous, is_same_artifact
from hatchway.runtime.remembered import require_as_approved
from hatchway.runtime.subjects import neighbours_of, subject_of, under
from hatchway.runtime.trusting import notices_in, require_trusted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import date

    from hatchway.audit.report import Report
    from hatchway.audit.subject import Subject
    from hatchway.core.capability import FileAccess
    from hatchway.core.surface import Compiler
    from hatchway.policy.document import Policy, ToolPolicy
    from hatchway.provenance.lockfile import LockedTool, Lockfile
    from hatchway.registry.store import ArtifactStore
    from hatchway.runtime.admission import Admission, Candidate
    from hatchway.runtime.approvals import Approvals
    from hatchway.runtime.previous import PreviousPins
    from hatchway.runtime.project import Project
    from hatchway.runtime.remembered import RememberedPins
    from hatchway.runtime.trusting import Trusting


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """Decides which candidates become tools of a project, and writes that down.

    Attributes:
        admission: Reads, compiles and describes.
        store: The artifacts on this machine.
        previous: What was pinned before, for going back.
        remembered: What was approved last, also of tools that were removed.
        approvals: What was audited on this machine.
        trusting: Asks whether it is signed as the policy wants it.
        refused: Which directories of a policy the host would not grant, and why.
        record: Puts something on record.
    """

    project: Project
    admission: Admission
    store: ArtifactStore
    previous: PreviousPins
    remembered: RememberedPins
    approvals: Approvals
    trusting: Trusting
    refused: Callable[[Project, Policy], Mapping[FileAccess, str]]
    record: Callable[..., None]
    today: Callable[[], date]

    def admit(self, name: str, source: str, allow: list[str]) -> Candidate:
        """Admit an artifact, and write it into policy and lock.

        Args:
            name: Its entry in the policy.
            source: As the policy spells it.
            allow: What it may use, besides what an entry of that name allows already.

        Raises:
            HatchwayError: It is refused, or the files cannot be written.
            AdmissionError: `admission.drift`: something else was approved under that name, and
                nobody has looked at the difference.
        """
        candidate = self.examine(name, source)
        present = self.project.policy().tools.get(name)
        held = [str(capability) for capability in present.allow] if present else []
        self.keep(candidate, [*held, *allow], only_if=functools.partial(self._as_approved, name))
        return candidate

    def _as_approved(self, name: str, pinned: LockedTool | None, new: LockedTool) -> None:
        before = pinned or self.remembered.of(name)
        try:
            require_as_approved(name, before, new, base=str(self.project.base))
        except AdmissionError as error:
            facts = {"tool": name, "digest": new.digest, "code": error.code}
            self.record("tool.drifted", Severity.HIGH, error.message, **facts)
            raise

    def restore(self, name: str, locked: LockedTool) -> None:
        """Bring an artifact that the lockfile pins to this machine, and audit it as it is pinned.

        The lockfile of a project is its author's word. It says which bytes are meant, and
        never that nothing is wrong with them.

        Raises:
            HatchwayError: Its source cannot be read, or has other bytes than were pinned.
            AdmissionError: It may not become a tool, or has something critical that nobody
                overrode.
        """
        if locked.digest not in self.store:
            self._fetch(name, locked)
        policy = self.project.policy()
        candidate = self.admission.again(
            name,
            locked,
            compiler=policy.compiler_of(name),
            neighbours=neighbours_of(self.project, name, self.store),
        )
        report = self._report(candidate.subject, policy)
        self._require_admissible(name, locked, report)
        self._remember(name, locked, policy)

    def _require_admissible(self, name: str, locked: LockedTool, report: Report) -> None:
        """Refuse what is blocked, or relies on an override that its pin does not name."""
        self.require_unblocked(report)
        relied_on = {item.id for item in report.overridden if item.severity == "critical"}
        if unsaid := relied_on - {*locked.overrides}:
            message = f"the lockfile does not say that {name!r} relies on overriding {min(unsaid)}"
            hint = f"hatchway add {locked.source} --name {name}"
            raise AdmissionError(message, code="admission.unsaid_override", hint=hint)

    def withdraw(self, name: str, error: HatchwayError) -> None:
        """Take away a pin whose audit failed with `error`: it is not offered on its own word.

        One that relied on an override which is over stays, and so does one of another source
        than the policy names now. Neither is offered, and the catalog says why.
        """
        policy, lock = self.project.policy(), self.project.lock()
        locked = lock.tools.get(name)
        if not isinstance(error, AdmissionError) or locked is None:
            return
        if locked.source != policy.tools[name].source or name in lapsed(policy, lock, self.today()):
            return
        with self.project.editing() as edit:
            edit.unpin(name)

    def _fetch(self, name: str, locked: LockedTool) -> None:
        candidate = self.examine(name, self._reference_to(locked))
        found = candidate.lock.digest
        if found != locked.digest:
            message = f"the lockfile pins {name!r} as {locked.digest}, but its source is {found}"
            hint = f"find out who changed it; to see what changed: hatchway update {name}"
            raise RegistryError(message, code="registry.changed", hint=hint)
        self.record(
            "tool.admitted",
            Severity.INFORMATIONAL,
            f"{name} was fetched as it is pinned",
            tool=name,
            digest=found,
            compiler=candidate.compilation.compiler,
        )

    def _reference_to(self, locked: LockedTool) -> str:
        """The one version that was pinned, if that is a version of the source at all."""
        base = str(self.project.base)
        if locked.resolved is None or origin_of(locked.resolved, base=base) is None:
            return locked.source
        is_there = origin_of(locked.resolved, base=base) == origin_of(locked.source, base=base)
        return locked.resolved if is_there else locked.source

    def examine(self, name: str, source: str, compiler: Compiler | None = None) -> Candidate:
        """Admit an artifact without writing anything into policy or lock.

        Args:
            name: Its entry in the policy.
            source: As the policy spells it.
            compiler: The one to pin; by default the one that the policy pins.

        Raises:
            HatchwayError: It is refused; the refusal is on record.
        """
        try:
            pinned = compiler or self.project.policy().compiler_of(name)
            return self.admission.admit(
                name,
                source,
                base=self.project.base,
                compiler=pinned,
                neighbours=neighbours_of(self.project, name, self.store),
            )
        except HatchwayError as error:
            self.record("tool.refused", Severity.MEDIUM, error.message, tool=name, code=error.code)
            raise

    def keep(
        self,
        candidate: Candidate,
        allow: list[str],
        limits: Mapping[str, str | int] | None = None,
        hosting: Hosting = AS_IT_IS,
        *,
        without_secrets: Collection[str] = (),
        only_if: Callable[[LockedTool | None, LockedTool], None] | None = None,
        goes_back: bool = False,
    ) -> Report:
        """Audit an artifact, and write it into policy and lock unless that is blocked.

        Args:
            candidate: The artifact.
            allow: All that it may use from now on.
            limits: Limits to write, as they are spelled; others stay as they are.
            hosting: The compiler and the isolation to write; others stay as they are.
            without_secrets: Secrets that it is not given any more, by name.
            only_if: Looks at what is pinned and at what is about to be, while nobody else can
                change either, and raises unless that is what was meant.
            goes_back: What is pinned now is not to be gone back to.

        Raises:
            ConfigError: The files cannot be written.
            AdmissionError: `admission.blocked`: the audit found something critical.
        """
        name = candidate.name
        with self.project.editing() as edit:
            pinned = edit.lock.tools.get(name)
            before = self.project.policy().tools.get(name)
            allowed = edit.allowed(name) if before is not None else ()
            edit.change_tool(
                name,
                candidate.lock.source,
                allow,
                limits=limits,
                hosting=hosting,
                without_secrets=without_secrets,
            )
            policy = self.project.understood(edit)
            report = self._report(candidate.subject, policy)
            self.require_unblocked(report)
            new = self.approved(candidate.lock, report, policy)
            if only_if is not None:
                only_if(pinned, new)
            if pinned is not None and not goes_back and not is_same_artifact(pinned, new):
                secrets = secret_digests(before, base=str(self.project.base))
                kept = Previous(tool=pinned, allow=tuple(allowed), secrets=tuple(secrets.values()))
                self.previous.remember(name, kept, known=policy.tools)
            edit.pin(name, new)
        self._remember(name, new, policy)
        self.record(
            "tool.admitted",
            Severity.INFORMATIONAL,
            f"{candidate.name} was admitted, compiled by {candidate.compilation}",
            tool=candidate.name,
            digest=candidate.lock.digest,
            compiler=candidate.compilation.compiler,
        )
        for notice in notices_in(report):
            self.record(
                notice.event,
                Severity.HIGH,
                notice.message,
                tool=notice.tool,
                digest=notice.digest,
                code="admission.untrusted",
            )
        return report

    def audited(
        self,
        candidate: Candidate,
        allow: list[str],
        limits: Mapping[str, str | int] | None = None,
        hosting: Hosting = AS_IT_IS,
        *,
        without_secrets: Collection[str] = (),
    ) -> Report:
        """What the audit says of an artifact if it were kept like this. Nothing is written."""
        edit = self.project.proposal()
        edit.change_tool(
            candidate.name,
            candidate.lock.source,
            allow,
            limits=limits,
            hosting=hosting,
            without_secrets=without_secrets,
        )
        return self._report(candidate.subject, self.project.understood(edit))

    def approved(self, lock: LockedTool, report: Report, policy: Policy) -> LockedTool:
        """The entry of an artifact with what was decided about it under `policy`."""
        relied_on = [item.id for item in report.overridden if item.severity == "critical"]
        return replace(
            lock,
            signers=() if report.trust is None else report.trust.signers,
            policy=self._allowed(policy.tools[report.tool]),
            grade=report.grade,
            rules=report.rules,
            overrides=tuple(sorted(relied_on)),
        )

    def approve(self, edit: PolicyEdit, name: str) -> None:
        """Audit an admitted tool under a policy that is being changed, and pin that approval.

        A tool whose artifact is not on this machine keeps its pin, and is audited when it is
        offered.

        Raises:
            AdmissionError: `admission.blocked`: with that policy it would have something critical.
        """
        locked = edit.lock.tools.get(name)
        if locked is None or locked.digest not in self.store:
            return
        policy = self.project.understood(edit)
        report = self.audited_pin(name, locked, policy)
        self.require_unblocked(report)
        approved = self.approved(locked, report, policy)
        edit.pin(name, approved)
        self._remember(name, approved, policy)

    def audited_pin(self, name: str, locked: LockedTool, policy: Policy) -> Report:
        """What the audit says of a pinned artifact under `policy`.

        Raises:
            HatchwayError: It is not on this machine, or cannot be read.
        """
        data = self.store.get(locked.digest)
        subject = subject_of(
            name=name,
            data=data,
            manifest=pinned_manifest(locked, name=name),
            neighbours=neighbours_of(self.project, name, self.store),
            artifact=read_artifact(data),
        )
        return self._report(subject, policy)

    def unapproved(self, policy: Policy, lock: Lockfile) -> Mapping[str, HatchwayError]:
        """What is wrong with tools that were not audited here as they would be offered, by tool.

        Whoever writes the policy decides what a tool may do, and whoever writes a lockfile what
        it says of itself. What was audited on this machine was perhaps another combination, so
        it is audited once more before it is offered.
        """
        failures: dict[str, HatchwayError] = {}
        for name, entry in policy.tools.items():
            locked = lock.tools.get(name)
            if locked is None or locked.source != entry.source:
                continue
            if self.approvals.holds(name, locked, self._allowed(entry)):
                continue
            try:
                self._require_admissible(name, locked, self.audited_pin(name, locked, policy))
            except HatchwayError as error:
                failures[name] = error
            else:
                self.approvals.record(name, locked, self._allowed(entry))
        return failures

    def _allowed(self, entry: ToolPolicy) -> str:
        return policy_digest(entry, base=str(self.project.base))

    def _remember(self, name: str, locked: LockedTool, policy: Policy) -> None:
        """Put on record that it was audited here and that nothing critical stands."""
        self.remembered.note(name, locked, known=policy.tools)
        self.approvals.record(name, locked, self._allowed(policy.tools[name]))

    # The audit

    def _report(self, subject: Subject, policy: Policy) -> Report:
        refused = self.refused(self.project, policy)
        report = audit(
            self.trusting.looked_at(under(policy, subject, refused), policy),
            overrides=policy.tools[subject.name].overrides,
            today=self.today(),
        )
        return self.trusting.graded(report, policy)

    def require_unblocked(self, report: Report) -> None:
        """Refuse what is not trusted, or has a critical finding that nobody overrode.

        The refusal is on record.

        Raises:
            AdmissionError: `admission.untrusted`, or `admission.blocked` with the first finding.
        """
        try:
            require_trusted(report)
        except AdmissionError as error:
            raise self._refused(report, error) from None
        if not report.blocked:
            return
        worst = next(item for item in report.standing if item.severity == "critical")
        message = f"{report.tool!r} has a critical finding: {worst.id} {worst.message}"
        hint = f"hatchway audit --explain {worst.rule.id}; to live with it, override {worst.id}"
        raise self._refused(report, AdmissionError(message, code="admission.blocked", hint=hint))

    def _refused(self, report: Report, error: AdmissionError) -> AdmissionError:
        self.record(
            "tool.refused",
            Severity.HIGH,
            error.message,
            tool=report.tool,
            digest=report.digest,
            code=error.code,
        )
        return error
