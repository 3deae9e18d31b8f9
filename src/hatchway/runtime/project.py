"""The policy that is in force here, the lockfile beside it, and changing both.

Policy and lock are two files of one generation. They are written in an order in which a
crash between them denies: a lock entry without a policy entry is never used, and a policy
that is newer than its trust record is out of force.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hatchway.core.errors import ConfigError
from hatchway.policy.document import FILE_NAME, VERSION, Policy, parse_policy
from hatchway.provenance.lockfile import FILE_NAME as LOCK_NAME
from hatchway.provenance.lockfile import Lockfile, parse_lockfile
from hatchway.registry.files import write_atomically
from hatchway.registry.regular import read_regular
from hatchway.registry.spelling import place_of
from hatchway.runtime.policy_edit import PolicyEdit
from hatchway.runtime.trust import MAX_FILE_BYTES, KeptTexts, TrustedProjects, identity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.runtime.settings import Directories

_EMPTY = f"version = {VERSION}\n"


def sidecar_of(artifact: Path) -> Path:
    """The manifest that describes a binary somebody else built."""
    return artifact.with_name(f"{artifact.stem}.tool.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What policy and lock said when both were read.

    Attributes:
        digest: Of both texts; the same for what says the same.
    """

    policy: Policy
    lock: Lockfile
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One policy file and what belongs to it.

    Attributes:
        policy_file: Absolute.
        is_own: It is the user's own, and always in force.
        trusted: The record of trusted projects.
    """

    policy_file: Path
    is_own: bool
    trusted: TrustedProjects

    @property
    def base(self) -> Path:
        """The directory that relative paths of the policy start from."""
        return self.policy_file.parent

    @property
    def lock_file(self) -> Path:
        """The lockfile of this policy."""
        return self.policy_file.with_name(LOCK_NAME)

    @property
    def is_in_force(self) -> bool:
        """Whether its policy applies as it stands."""
        return self.is_own or self.trusted.is_trusted(self.policy_file)

    def require_in_force(self) -> None:
        """Refuse to go on with a policy that is not in force.

        Raises:
            ConfigError: `config.untrusted`.
        """
        if not self.is_in_force:
            raise untrusted(self)

    def in_force(self) -> Reading:
        """Policy and lock of one generation, each read once.

        In a project the record of trust says which two belong together: what is understood
        here are the very bytes that were compared with it.

        Raises:
            ConfigError: `config.untrusted`, or one of them says what is not understood.
        """
        if self.is_own:
            policy, lock = _read(self.policy_file, _EMPTY), _read(self.lock_file, "")
        else:
            contents = self.trusted.contents(self.policy_file)
            if contents is None:
                raise untrusted(self)
            policy = _text(self.policy_file, contents.get(identity(self.policy_file)), _EMPTY)
            lock = _text(self.lock_file, contents.get(identity(self.lock_file)), "")
        return Reading(
            policy=self._policy_of(policy),
            lock=self._lock_of(lock),
            digest=hashlib.sha256(f"{len(policy)} {policy}{lock}".encode()).hexdigest(),
        )

    def settled(self) -> Reading:
        """The same, and never between the two halves of a change that Hatchway makes.

        Raises:
            BlockingIOError: A command is changing them now.
            ConfigError: As for `in_force`.
        """
        if not self.is_own:
            return self.in_force()
        with self._undisturbed():
            return self.in_force()

    def watched(self) -> tuple[Path, ...]:
        """Every file that `in_force` depends on.

        Raises:
            ConfigError: The record of trusted projects is damaged.
        """
        trust = () if self.is_own else self.trusted.watched(self.policy_file)
        return tuple(dict.fromkeys((self.policy_file, self.lock_file, *trust)))

    def policy(self) -> Policy:
        """The policy as it stands on disk; an empty one where there is no file.

        Raises:
            ConfigError: It cannot be read, or says something that is not understood.
        """
        return self._policy_of(_read(self.policy_file, _EMPTY))

    def lock(self) -> Lockfile:
        """The lockfile as it stands on disk; an empty one where there is no file.

        Raises:
            ConfigError: It is damaged.
        """
        return self._lock_of(_read(self.lock_file, ""))

    def _policy_of(self, text: str) -> Policy:
        return parse_policy(
            text,
            file=str(self.policy_file),
            base=str(self.base),
            commands="run" if self.is_own else "refuse",
        )

    def _lock_of(self, text: str) -> Lockfile:
        return parse_lockfile(text, file=str(self.lock_file)) if text else Lockfile()

    def texts(self) -> KeptTexts:
        """What policy and lockfile say on disk, as text.

        Raises:
            ConfigError: One of them cannot be read.
        """
        return KeptTexts(policy=_read(self.policy_file, ""), lock=_read(self.lock_file, ""))

    def named(self) -> tuple[Path, ...]:
        """What the policy means depends on these files too: sidecars, and whom TLS believes."""
        policy = self.policy()
        sources = [self.base / place_of(entry.source) for entry in policy.tools.values()]
        authorities = policy.route.authorities
        believed = () if authorities is None else (Path(authorities),)
        return tuple(sorted({*map(sidecar_of, sources), *believed}))

    # Changing

    def proposal(self) -> PolicyEdit:
        """The policy as a document to try a change on; nothing of it is written."""
        return PolicyEdit(_read(self.policy_file, _EMPTY), self.lock())

    def understood(self, edit: PolicyEdit) -> Policy:
        """What the policy would say after `edit`.

        Raises:
            ConfigError: It would not be a policy.
        """
        return self._policy_of(edit.text())

    @contextlib.contextmanager
    def editing(self) -> Iterator[PolicyEdit]:
        """Change policy and lock together; nothing is written if the block raises.

        Raises:
            ConfigError: The files cannot be written, or the result would not be a policy.
        """
        with self._exclusively():
            self.require_in_force()
            self.policy()  # what is broken is for its owner to mend
            edit = self.proposal()
            yield edit
            # What is written must be readable again, and mean what was meant.
            self.understood(edit)
            self._write(edit.text(), edit.lock.to_text())

    def _write(self, policy: str, lock: str) -> None:
        try:
            if lock != _read(self.lock_file, ""):
                write_atomically(self.lock_file, lock.encode(), mode=0o644)
            if policy != _read(self.policy_file, ""):
                write_atomically(self.policy_file, policy.encode())
        except OSError as error:
            raise _unwritable(self.base, error) from error
        if not self.is_own:
            self.trusted.record(self.policy_file, self.named())

    @contextlib.contextmanager
    def _exclusively(self) -> Iterator[None]:
        """Only one process changes this policy at a time."""
        try:
            self.base.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.base, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise _unwritable(self.base, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """Nobody of ours changes this policy meanwhile; raises if somebody does now."""
        try:
            descriptor = os.open(self.base, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:  # there is no directory, and so nothing to change
            yield
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            yield
        finally:
            os.close(descriptor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The project in force, and those that would be if they were trusted."""

    project: Project
    passed_over: tuple[Project, ...] = ()


def find_project(start: Path, own: Directories, *, config: Path | None = None) -> Found:
    """The policy that applies in the directory `start`.

    It is the nearest trusted one upward, else the user's own. `config` names one instead;
    naming is not trusting, so a project's file must still be trusted.

    Raises:
        ConfigError: `config` does not exist.
    """
    trusted = TrustedProjects(own.trusted_projects)
    own_file = own.config / FILE_NAME
    if config is not None:
        file = (start / config).absolute()
        if file.is_dir():
            file /= FILE_NAME
        if not file.exists():
            message = f"there is no policy {str(file)!r}"
            raise ConfigError(message, code="config.unreadable")
        is_own = file.name == own_file.name and file.parent.resolve() == own_file.parent.resolve()
        return Found(project=Project(policy_file=file, is_own=is_own, trusted=trusted))
    passed_over: list[Project] = []
    for directory in (start, *start.parents):
        file = directory / FILE_NAME
        if file != own_file and file.is_file():
            project = Project(policy_file=file, is_own=False, trusted=trusted)
            if project.is_in_force:
                return Found(project=project, passed_over=tuple(passed_over))
            passed_over.append(project)
    return Found(project=find_own(own, trusted), passed_over=tuple(passed_over))


def find_own(own: Directories, trusted: TrustedProjects) -> Project:
    """The user's own policy, whichever applies here."""
    return Project(policy_file=own.config / FILE_NAME, is_own=True, trusted=trusted)


def untrusted(project: Project) -> ConfigError:
    """The complaint about a policy that is not in force."""
    known = project.trusted.is_known(project.policy_file)
    why = "was changed since it was trusted" if known else "is not trusted"
    return ConfigError(
        f"{str(project.policy_file)!r} {why}",
        code="config.untrusted",
        hint=f"read it, then run: hatchway trust {project.base}",
    )


def _read(file: Path, default: str) -> str:
    try:
        content = read_regular(file, limit_bytes=MAX_FILE_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return default
    except OSError as error:
        raise _unreadable(file, error) from error
    return _text(file, content, default)


def _text(file: Path, content: bytes | None, default: str) -> str:
    try:
        return default if content is None else content.decode()
    except UnicodeDecodeError as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: Exception) -> ConfigError:
    return ConfigError(f"cannot read {str(file)!r}: {error}", code="config.unreadable")


def _unwritable(directory: Path, error: OSError) -> ConfigError:
    message = f"cannot write to {str(directory)!r}: {error.strerror}"
    hint = "point XDG_CONFIG_HOME at a directory you may write to"
    return ConfigError(message, code="config.unwritable", hint=hint)
