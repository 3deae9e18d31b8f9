"""Whether an artifact is signed as the policy asks: found out, enforced, and said aloud.

The same is asked at admission and at every load, of the stored bytes, with the signatures that
are stored beside them, on today's date. A signature that was good when a tool was admitted is no
reason to offer it today.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from hatchway.audit.evaluate import LONGEST_OVERRIDE
from hatchway.audit.reading import read_artifact
from hatchway.audit.signing import SIGNING_RULES, finding_of
from hatchway.core.errors import AdmissionError, ConfigError, HatchwayError
from hatchway.policy.manifest import manifest_values
from hatchway.policy.origins import origin_of
from hatchway.policy.public_keys import is_ed25519
from hatchway.policy.trust import (
    NOTHING_ASKED,
    IdentitySigner,
    KeySigner,
    Signatures,
    graded_as_asked,
    signed_as_asked,
)
from hatchway.provenance.bundle import FILE_SUFFIX, MAX_BUNDLE_BYTES
from hatchway.provenance.canonical import canonical_json
from hatchway.provenance.keyless import KeylessVerifier
from hatchway.provenance.keys import PublicKey
from hatchway.provenance.signers import verified_signers
from hatchway.registry.descriptors import BUNDLE, Attachment
from hatchway.registry.regular import read_regular
from hatchway.sdk.packing import SECTION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import date

    from hatchway.audit.artifact import Artifact
    from hatchway.audit.report import Report
    from hatchway.audit.subject import Subject
    from hatchway.policy.document import Policy
    from hatchway.policy.overrides import Override
    from hatchway.policy.trust import Signer, Verdict
    from hatchway.provenance.lockfile import LockedTool, Lockfile
    from hatchway.registry.store import ArtifactStore

NoticeKind: TypeAlias = Literal["trust.overridden", "trust.reported"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A tool that is used although it is not signed as the policy asks.

    Attributes:
        event: Why: somebody overrode it, or the policy only reports.
        message: One line that nobody should overlook.
    """

    event: NoticeKind
    tool: str
    digest: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the trust policy says about everything that was admitted.

    Attributes:
        failures: Why tools are not offered, by policy entry.
        notices: Tools that are offered although nobody trusted signed them.
    """

    failures: Mapping[str, HatchwayError] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()


def bundles_beside(file: Path) -> tuple[Attachment, ...]:
    """The signatures that lie beside a file: `NAME.wasm.sigstore.json`, `NAME.sigstore.json`.

    Raises:
        ConfigError: One is there and cannot be read.
    """
    found: list[Attachment] = []
    for name in dict.fromkeys((f"{file.name}{FILE_SUFFIX}", f"{file.stem}{FILE_SUFFIX}")):
        try:
            content = read_regular(file.parent / name, limit_bytes=MAX_BUNDLE_BYTES)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            message = f"cannot read the signature {name!r} beside {str(file)!r}: {error.strerror}"
            raise ConfigError(message, code="config.unreadable") from error
        found.append(Attachment(media_type=BUNDLE, content=content))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusting:
    """Asks the trust policy, and says what follows.

    Attributes:
        store: The artifacts on this machine, with the signatures that came with them.
        today: The day on which rules, signers and overrides end.
        keyless: What checks identities.
    """

    store: ArtifactStore
    today: Callable[[], date]
    keyless: KeylessVerifier = field(default_factory=KeylessVerifier)

    # Before something is admitted

    def looked_at(
        self, subject: Subject, policy: Policy, *, beside: Iterable[Attachment] = ()
    ) -> Subject:
        """`subject` with what the trust policy says about its signatures.

        Args:
            subject: An artifact under an entry of `policy`.
            policy: Whom to ask.
            beside: Signatures that are not in the store.
        """
        assert subject.entry is not None
        source = subject.entry.source
        covered = _covers(subject.artifact, subject.manifest_values)
        verdicts = [
            self._verdict(policy, source, origin, subject.artifact, subject.data, covered, beside)
            for origin in _origins(policy, source)
        ]
        # A link must not be a way around: what it is called and what it is are both asked.
        refused = (verdict for verdict in verdicts if not verdict.is_trusted)
        return replace(subject, trust=next(refused, verdicts[0]))

    def graded(self, report: Report, policy: Policy) -> Report:
        """`report` with the last word about its grade, if nothing else speaks against it."""
        verdict = report.trust
        if verdict is None or not (verdict.is_trusted or _accepted(report)):
            return report
        origin = _origin(policy, policy.tools[report.tool].source)
        graded = graded_as_asked(verdict, origin, report.grade, policy.trust)
        return replace(report, trust=graded)

    # At every load

    def judged(self, policy: Policy, lock: Lockfile) -> Judged:
        """What the trust policy says today about everything that `lock` pins."""
        if policy.trust == NOTHING_ASKED:
            return Judged()
        failures: dict[str, HatchwayError] = {}
        notices: list[Notice] = []
        for name, entry in policy.tools.items():
            locked = lock.tools.get(name)
            if locked is None or locked.source != entry.source:
                continue  # It is not offered anyway, and the catalog says why.
            try:
                notices += self._loaded(name, policy, locked)
            except HatchwayError as error:
                failures[name] = error
        return Judged(failures=failures, notices=tuple(notices))

    def _loaded(self, name: str, policy: Policy, locked: LockedTool) -> list[Notice]:
        """Nothing, or why a tool is offered all the same.

        Raises:
            AdmissionError: `admission.untrusted`.
            RegistryError: The artifact is not here, or was changed on disk.
        """
        entry, trust = policy.tools[name], policy.trust
        data = self.store.get(locked.digest)
        artifact = read_artifact(data)
        covered = _covers(artifact, locked.manifest)
        origin = _origin(policy, locked.source)
        verdict = self._verdict(policy, locked.source, origin, artifact, data, covered)
        notices: list[Notice] = []
        override = self._override(name, verdict, entry.overrides)
        if override is not None:
            notices.append(_overridden(name, locked.digest, f"It {verdict.message}.", override))
        if override is not None or verdict.is_trusted:
            verdict = graded_as_asked(verdict, origin, locked.grade, trust)
            if verdict.outcome != "grade":
                return notices
        if verdict.refuses:
            raise untrusted(name, verdict)
        return [*notices, _reported(name, verdict)]

    def _override(
        self, name: str, verdict: Verdict, overrides: Iterable[Override]
    ) -> Override | None:
        """The decision to live with what `verdict` says, if one counts today."""
        if not verdict.refuses or verdict.is_final:
            return None
        finding, today = finding_of(verdict, name), self.today()
        counting = (
            override
            for override in overrides
            if override.finding == finding
            and today <= override.until
            and override.until - today <= LONGEST_OVERRIDE
        )
        return next(counting, None)

    # The question itself

    def _verdict(
        self,
        policy: Policy,
        source: str,
        origin: str | None,
        artifact: Artifact,
        data: bytes,
        covered: bool,
        beside: Iterable[Attachment] = (),
    ) -> Verdict:
        signatures = Signatures(digest=artifact.digest, cover_manifest=covered)
        looked_for = policy.trust.looked_for(origin)
        if looked_for:
            attached = (*self.store.attachments(artifact.digest), *beside)
            bundles = [item.content for item in attached if item.media_type == BUNDLE]
            signatures = verified_signers(
                bundles,
                artifact=data,
                keys=_keys(looked_for),
                identities=[each for each in looked_for if isinstance(each, IdentitySigner)],
                keyless=self.keyless,
            ).for_policy(covers_manifest=covered)
        return signed_as_asked(source, origin, signatures, self.today(), policy.trust)


def require_trusted(report: Report) -> None:
    """Refuse what the trust policy refuses and nobody decided to live with.

    Raises:
        AdmissionError: `admission.untrusted`.
    """
    verdict = report.trust
    if verdict is not None and verdict.refuses and not _accepted(report):
        raise untrusted(report.tool, verdict)


def notices_in(report: Report) -> tuple[Notice, ...]:
    """What must not be overlooked about something that is admitted."""
    verdict = report.trust
    if verdict is None:
        return ()
    found = [
        _overridden(report.tool, report.digest, finding.message, finding.override)
        for finding in report.overridden
        if finding.rule.id in SIGNING_RULES and finding.override is not None
    ]
    if not verdict.is_trusted and not (found and _accepted(report)):
        found.append(_reported(report.tool, verdict))
    return tuple(found)


def untrusted(name: str, verdict: Verdict) -> AdmissionError:
    """The refusal of what is not signed as the policy asks, with the next step."""
    finding = finding_of(verdict, name)
    if verdict.is_final:
        hint = f"hatchway remove {name}; no override changes what [trust] revokes"
    elif finding is None:
        hint = f"hatchway audit {name} says what lowers the grade"
    else:
        first = (
            "put it inside with hatchway pack, have that signed, and add it again"
            if verdict.outcome == "manifest_beside"
            else "have it signed and add it again"
        )
        hint = (
            f"{first}; to use these very bytes for a while all the same, "
            f'[[tools.{name}.overrides]] with finding = "{finding}"'
        )
    message = f"{name!r} {verdict.message}"
    return AdmissionError(message, code="admission.untrusted", hint=hint)


def _accepted(report: Report) -> bool:
    """Whether somebody overrode what is found about the signatures."""
    verdict = report.trust
    wanted = None if verdict is None else finding_of(verdict, report.tool)
    return any(finding.id == wanted for finding in report.overridden)


def _overridden(name: str, digest: str, message: str, override: Override) -> Notice:
    words = f"{name!r} is used all the same until {override.until} ({override.reason}). {message}"
    return Notice(event="trust.overridden", tool=name, digest=digest, message=words)


def _reported(name: str, verdict: Verdict) -> Notice:
    message = (
        f'[trust] only reports, so {name!r} is used; mode = "enforce" would refuse it: '
        f"it {verdict.message}"
    )
    return Notice(event="trust.reported", tool=name, digest=verdict.digest, message=message)


# Where it comes from, and what its signatures can cover


def _origin(policy: Policy, source: str) -> str | None:
    return origin_of(source, base=str(Path(policy.file).parent))


def _origins(policy: Policy, source: str) -> tuple[str | None, ...]:
    """What a source is called, and for a file also what it is when links are followed."""
    named = _origin(policy, source)
    if named is None or not named.startswith("/"):
        return (named,)
    return tuple(dict.fromkeys((named, os.path.realpath(named))))


def _covers(artifact: Artifact, manifest: Mapping[str, Any] | None) -> bool:
    """Whether a signature over the artifact covers the manifest that goes with it.

    It may have come from beside the artifact, or from a lockfile that somebody else wrote.
    """
    inside = [section.payload for section in artifact.customs if section.name == SECTION]
    if manifest is None or len(inside) != 1:
        return manifest is None and not inside
    try:
        signed = manifest_values(inside[0], file="the manifest inside")
        return canonical_json(signed) == canonical_json(dict(manifest))
    except (ConfigError, ValueError, RecursionError):
        return False


def _keys(signers: Iterable[Signer]) -> list[PublicKey]:
    return [
        PublicKey(algorithm="ed25519" if is_ed25519(signer.spki) else "ecdsa-p256", der=signer.spki)
        for signer in signers
        if isinstance(signer, KeySigner)
    ]
