"""The object graph of one process: each part is built once, when it is first needed."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import hatchway
from hatchway.compose.compiling import compiler_confinement
from hatchway.compose.granting import Granting
from hatchway.compose.isolating import IsolatingSandbox
from hatchway.compose.recorder import Recorder
from hatchway.compose.walls import walls_here, with_required_walls
from hatchway.core.errors import ConfigError, HatchwayError
from hatchway.egress.broker import Broker
from hatchway.engine.cache import CompiledCache
from hatchway.engine.files.host.beneath import is_available
from hatchway.engine.sandbox import EngineSandbox
from hatchway.registry.source import is_elsewhere
from hatchway.registry.store import ArtifactStore
from hatchway.runtime.admission import Admission
from hatchway.runtime.approvals import Approvals
from hatchway.runtime.auditing import Auditor
from hatchway.runtime.catalog import Catalog, build_catalog
from hatchway.runtime.environment import with_host_environment
from hatchway.runtime.generations import Generation
from hatchway.runtime.interpreters import ready, tell_terminal
from hatchway.runtime.keeping import Keeper
from hatchway.runtime.one_off import OneOff
from hatchway.runtime.overrides import lapsed
from hatchway.runtime.previous import PreviousPins
from hatchway.runtime.project import Found, Project, find_project
from hatchway.runtime.pruning import pinned_anywhere
from hatchway.runtime.reloading import Reloader, Sources
from hatchway.runtime.remembered import RememberedPins
from hatchway.runtime.runtime import Runtime
from hatchway.runtime.secrets import redactor_of, require_authorities, with_secrets
from hatchway.runtime.settings import Directories, directories, source_settings
from hatchway.runtime.trusting import Trusting
from hatchway.runtime.updating import Updater
from hatchway.runtime.witness import Witness
from hatchway.telemetry.log import EventLog

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from datetime import date

    from hatchway.compose.walls import FindWalls
    from hatchway.core.capability import Capability
    from hatchway.engine.settings import EngineSettings
    from hatchway.policy.document import Policy
    from hatchway.policy.workers import Workers
    from hatchway.registry.collecting import Removed
    from hatchway.runtime.project import Reading


@dataclass(frozen=True, kw_only=True)
class Application:
    """Everything one process of Hatchway works with. Parts are built when first needed.

    Attributes:
        directories: Where Hatchway keeps its own files.
        found: The policy in force, and those that were passed over.
        engine_settings: How guests are run; None for the defaults.
        engine: One that is there already; None has one made.
        walls: Finds out which kernel walls hold on this machine.
    """

    directories: Directories
    found: Found
    engine_settings: EngineSettings | None = None
    engine: EngineSandbox | None = None
    walls: FindWalls = walls_here

    @property
    def project(self) -> Project:
        """The policy in force."""
        return self.found.project

    @cached_property
    def events(self) -> EventLog:
        """The event log."""
        return EventLog(self.directories.events, version=hatchway.__version__)

    @cached_property
    def store(self) -> ArtifactStore:
        """The artifacts on this machine."""
        return ArtifactStore(self.directories.artifacts)

    @cached_property
    def sandbox(self) -> EngineSandbox:
        """The engine."""
        if self.engine is not None:
            return self.engine
        own = self.directories
        cache = CompiledCache(own.compiled, own.compiled_key)
        return EngineSandbox(
            artifacts=self.store.get,
            cache=cache,
            settings=self.engine_settings,
            confinement=lambda: compiler_confinement(self.walls),
        )

    @cached_property
    def guests(self) -> IsolatingSandbox:
        """Where guests run: in the engine of this process, or in workers."""
        return IsolatingSandbox(self.sandbox, self.broker, self.witness, self._workers)

    def _workers(self) -> Workers:
        return self.project.in_force().policy.workers

    @cached_property
    def broker(self) -> Broker:
        """What alone talks to the network. It listens from the first call on that may use it."""
        return Broker(self.witness)

    @cached_property
    def witness(self) -> Witness:
        """The event log, and whoever watches."""
        return Witness(self.events)

    @cached_property
    def record(self) -> Recorder:
        """Puts something other than a call on record."""
        return Recorder(self.events)

    @cached_property
    def admission(self) -> Admission:
        """The slow path."""
        return Admission(self.store, self.sandbox, source_settings(), self._built)

    def _built(self, language: str) -> bytes:
        return ready(language, directories=self.directories, tell=tell_terminal).read_bytes()

    def policy(self) -> Policy:
        """The policy in force, with the host's values of the variables it inherits.

        Raises:
            ConfigError: It is not in force, or cannot be read.
        """
        return with_host_environment(self.project.in_force().policy)

    def in_force(self) -> Policy:
        """The policy in force, on a machine with every kernel wall that it demands.

        Raises:
            ConfigError: It is not in force, or `config.missing_layer`.
        """
        return with_required_walls(self.project.in_force().policy, self.walls)

    def policy_of(self, name: str) -> Policy:
        """The policy in force, with all that a call of the entry `name` would bring with it."""
        policy, _ = self.with_directories(self.policy())
        with contextlib.suppress(ConfigError):  # then its secrets are missing, and that shows
            policy = with_secrets(policy, needed_by=(name,))
        return policy

    def with_directories(self, policy: Policy) -> tuple[Policy, Mapping[str, ConfigError]]:
        """`policy` with every directory it grants opened, and what is wrong with some, by tool.

        They stay open as long as the process: a call uses the directory that was checked.
        """
        policy, failures, _ = self.granting.opened(policy)
        return policy, failures

    @cached_property
    def granting(self) -> Granting:
        """What opens the directories that a policy grants."""
        return Granting(own=self.directories, project=self.project)

    @property
    def can_grant_directories(self) -> bool:
        """Whether this system can keep a guest inside a directory."""
        return is_available()

    def require_grantable(self, capabilities: Iterable[Capability]) -> None:
        """Refuse directories that may not be granted, with a ConfigError for the first."""
        self.granting.require_grantable(capabilities)

    def catalog(self) -> Catalog:
        """Everything that can be called under the policy in force.

        In the user's own configuration, a tool that the policy names and that was never
        admitted is admitted now: writing it there is the approval.
        """
        self._admit_new()
        return self.generation(self.project.in_force(), secrets_of=()).catalog

    def generation(
        self, reading: Reading, *, secrets_of: Collection[str] | None = None
    ) -> Generation:
        """Everything that can be called under `reading`, and what was opened for it.

        Args:
            reading: The policy and what it pins.
            secrets_of: The entries whose secrets are needed; None for all of them.

        Raises:
            HatchwayError: No catalog can be made of it, or a secret that is needed is missing.
        """
        lock = reading.lock
        require_authorities(reading.policy.route)
        brought = with_secrets(with_host_environment(reading.policy), needed_by=secrets_of)
        policy, failures, opened = self.granting.opened(brought, named=reading.policy)
        with contextlib.ExitStack() as stack:
            stack.callback(opened.close)
            judged = self.trusting.judged(policy, lock)
            found: dict[str, HatchwayError] = {
                **self.keeper.unapproved(policy, lock),
                **lapsed(policy, lock, today()),
                **failures,
                **judged.failures,
            }
            catalog = build_catalog(policy, lock, self.sandbox.surface, self.store.get, found)
            catalog = replace(catalog, notices=judged.notices, redactor=redactor_of(policy))
            stack.pop_all()
        return Generation(catalog, opened.close)

    def served(self, reading: Reading, *, secrets_of: Collection[str] | None = None) -> Generation:
        """`generation` for calls: it also needs every kernel wall that the policy demands.

        Raises:
            ConfigError: `config.missing_layer`.
        """
        with_required_walls(reading.policy, self.walls)
        return self.generation(reading, secrets_of=secrets_of)

    def runtime(
        self, owner: str | None = None, tell: Callable[[str], None] | None = None
    ) -> Runtime:
        """A runtime over the catalog as it is now.

        Args:
            owner: The only entry whose tools are going to be called; None for all of them.
                What no call needs is not asked for: a keyring may want a password.
            tell: Told in one line about every request that was allowed and failed.

        Raises:
            ConfigError: A secret is missing.
        """
        self.witness.on_failure = tell
        self._admit_new()
        generation = self.served(
            self.project.in_force(), secrets_of=None if owner is None else (owner,)
        )
        self.record.quarantined(generation.catalog)
        return Runtime(generation, self.guests, self.events, self.broker)

    def live(self, tell: Callable[[str], None]) -> tuple[Runtime, Reloader]:
        """A runtime over the catalog as it is now, and what keeps it in step with its files.

        Args:
            tell: Told in one line about every change, and about every one that fails.
        """
        self._admit_new()
        reading = self.project.in_force()
        self.witness.on_denial = self.witness.on_failure = tell
        runtime = Runtime(self.served(reading), self.guests, self.witness, self.broker)
        self.record.quarantined(runtime.catalog)
        self.guests.warm(reading.policy)
        sources = Sources(
            watched=self.project.watched,
            read=self.project.settled,
            build=self.served,
            today=today,
            admit_new=self._admit_new if self.project.is_own else None,
            events=self.events,
            report=self.record.quarantined,
            tell=tell,
        )
        return runtime, Reloader(runtime, sources, reading)

    def prune(self, *, dry_run: bool) -> tuple[Removed, ...]:
        """Remove every stored artifact that no lockfile of this user pins.

        Raises:
            ConfigError: A lockfile or the record of trusted projects cannot be read; then
                nobody knows what is needed, and nothing is removed.
            RegistryError: The store is damaged.
        """
        return self.store.collect(pinned_anywhere(self.directories, self.project), dry_run=dry_run)

    @property
    def one_off(self) -> OneOff:
        """What runs files that are admitted nowhere."""
        return OneOff(
            sandbox=self.guests,
            events=self.events,
            egress=self.broker,
            with_directories=self.granting.all_opened,
            policy=self.in_force,
        )

    def _admit_new(self) -> None:
        if not self.project.is_own:
            return
        locked = self.project.lock().tools
        for name, entry in self.project.policy().tools.items():
            # Neither a call nor a server waits for the network; that is for `add` to do.
            if name not in locked and not is_elsewhere(entry.source):
                # The catalog will say that it is not admitted, and the log why.
                with contextlib.suppress(HatchwayError):
                    self.keeper.admit(name, entry.source, [])

    @cached_property
    def trusting(self) -> Trusting:
        """Asks whether an artifact is signed as the policy wants it."""
        return Trusting(store=self.store, today=today)

    @cached_property
    def keeper(self) -> Keeper:
        """What takes artifacts into the policy in force."""
        return Keeper(
            project=self.project,
            admission=self.admission,
            store=self.store,
            previous=PreviousPins(self.directories.previous_pins, self.project.policy_file),
            remembered=RememberedPins(self.directories.remembered_pins, self.project.policy_file),
            approvals=Approvals(self.directories.approvals),
            trusting=self.trusting,
            refused=self.granting.refused,
            record=self.record,
            today=today,
        )

    @property
    def updater(self) -> Updater:
        """What proposes, applies and undoes updates."""
        return Updater(self.keeper)

    def auditor(self, root: Path) -> Auditor:
        """Audits what is on this machine; reports name files relative to `root`."""
        return Auditor(
            store=self.store,
            trusted=self.project.trusted,
            refused=self.granting.refused,
            trusting=self.trusting,
            today=today(),
            root=root,
        )


def open_application(
    *,
    config: Path | None = None,
    start: Path | None = None,
    own: Directories | None = None,
    engine_settings: EngineSettings | None = None,
) -> Application:
    """The application as it is found from a working directory.

    Args:
        config: A policy named on the command line.
        start: The working directory.
        own: Hatchway's own directories; by default those of the environment.
        engine_settings: How guests are run.

    Raises:
        ConfigError: There is no such policy, or no home for our own files.
    """
    own = own or directories()
    try:
        start = start or Path.cwd()
    except FileNotFoundError as error:
        message = "the working directory does not exist any more"
        raise ConfigError(message, code="config.unreadable") from error
    return Application(
        directories=own,
        found=find_project(start, own, config=config),
        engine_settings=engine_settings,
    )


def today() -> date:
    """The day on which overrides end, the same on every machine."""
    return datetime.now(tz=UTC).date()
