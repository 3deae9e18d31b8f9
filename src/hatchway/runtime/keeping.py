"""Taking artifacts into one project: examined, audited, and written into policy and lock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hatchway.audit.evaluate import audit
from hatchway.core.errors import AdmissionError, HatchwayError, RegistryError
from hatchway.core.events import Severity
from hatchway.runtime.auditing import neighbours_of, under

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from hatchway.audit.report import Report
    from hatchway.core.capability import FileAccess
    from hatchway.core.surface import Compiler
    from hatchway.policy.document import Policy
    from hatchway.provenance.lockfile import LockedTool
    from hatchway.registry.store import ArtifactStore
    from hatchway.runtime.admission import Admission, Candidate
    from hatchway.runtime.project import PolicyEdit, Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """Decides which candidates become tools of a project, and writes that down.

    Attributes:
        project: Whose policy and lock.
        admission: Reads, compiles and describes.
        store: The artifacts on this machine.
        refused: Which directories of a policy the host would not grant, and why.
        record: Puts something on record.
        today: The day on which overrides end.
    """

    project: Project
    admission: Admission
    store: ArtifactStore
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
        """
        candidate = self.examine(name, source)
        present = self.project.policy().tools.get(name)
        held = [str(capability) for capability in present.allow] if present else []
        self.keep(candidate, [*held, *allow])
        return candidate

    def restore(self, name: str, locked: LockedTool) -> None:
        """Bring an artifact that the lockfile pins to this machine, if it is not here.

        Raises:
            HatchwayError: Its source cannot be read, or has other bytes than were pinned.
        """
        if locked.digest in self.store:
            return
        candidate = self.examine(name, locked.source)
        found = candidate.lock.digest
        if found != locked.digest:
            message = f"the lockfile pins {name!r} as {locked.digest}, but its source is {found}"
            hint = f"find out who changed it; to accept it: hatchway add {locked.source}"
            raise RegistryError(message, code="registry.changed", hint=f"{hint} --name {name}")
        self.require_unblocked(self._report(candidate, self.project.policy()))
        self.record(
            "tool.admitted",
            Severity.INFORMATIONAL,
            f"{name} was fetched as it is pinned",
            tool=name,
            digest=found,
            compiler=candidate.compilation.compiler,
        )

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
        compiler: Compiler | None = None,
    ) -> Report:
        """Audit an artifact, and write it into policy and lock unless that is blocked.

        Args:
            candidate: The artifact.
            allow: All that it may use from now on.
            limits: Limits to write, as they are spelled; others stay as they are.
            compiler: The compiler to pin; by default it stays as it is.

        Raises:
            ConfigError: The files cannot be written.
            AdmissionError: `admission.blocked`: the audit found something critical.
        """
        with self.project.editing() as edit:
            _change(edit, candidate, allow, limits, compiler)
            report = self._report(candidate, self.project.understood(edit))
            self.require_unblocked(report)
            edit.pin(candidate.name, _graded(candidate.lock, report))
        self.record(
            "tool.admitted",
            Severity.INFORMATIONAL,
            f"{candidate.name} was admitted, compiled by {candidate.compilation}",
            tool=candidate.name,
            digest=candidate.lock.digest,
            compiler=candidate.compilation.compiler,
        )
        return report

    def audited(
        self,
        candidate: Candidate,
        allow: list[str],
        limits: Mapping[str, str | int] | None = None,
        compiler: Compiler | None = None,
    ) -> Report:
        """What the audit says of an artifact if it were kept like this. Nothing is written."""
        edit = self.project.proposal()
        _change(edit, candidate, allow, limits, compiler)
        return self._report(candidate, self.project.understood(edit))

    def _report(self, candidate: Candidate, policy: Policy) -> Report:
        refused = self.refused(self.project, policy)
        return audit(
            under(policy, candidate.subject, refused),
            overrides=policy.tools[candidate.name].overrides,
            today=self.today(),
        )

    def require_unblocked(self, report: Report) -> None:
        """Refuse what has a critical finding that nobody overrode; the refusal is on record.

        Raises:
            AdmissionError: `admission.blocked`, with the first of them.
        """
        if not report.blocked:
            return
        worst = next(item for item in report.standing if item.severity == "critical")
        message = f"{report.tool!r} has a critical finding: {worst.id} {worst.message}"
        hint = f"hatchway audit --explain {worst.rule.id}; to live with it, override {worst.id}"
        error = AdmissionError(message, code="admission.blocked", hint=hint)
        self.record(
            "tool.refused",
            Severity.HIGH,
            error.message,
            tool=report.tool,
            digest=report.digest,
            code=error.code,
        )
        raise error


def _change(
    edit: PolicyEdit,
    candidate: Candidate,
    allow: list[str],
    limits: Mapping[str, str | int] | None,
    compiler: Compiler | None,
) -> None:
    edit.set_tool(candidate.name, candidate.lock.source, allow)
    edit.set_limits(candidate.name, limits or {})
    if compiler is not None:
        edit.set_compiler(candidate.name, compiler)


def _graded(lock: LockedTool, report: Report) -> LockedTool:
    relied_on = (item.id for item in report.overridden if item.severity == "critical")
    return replace(lock, grade=report.grade, rules=report.rules, overrides=tuple(relied_on))
