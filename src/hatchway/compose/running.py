"""Runs code of any language with what a program asked for: the same path as every other call."""

from __future__ import annotations

import base64
import contextlib
import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import hatchway
from hatchway.compose.application import open_application
from hatchway.compose.functions import HostFunctions
from hatchway.compose.isolating import IsolatingSandbox
from hatchway.compose.shared import shared
from hatchway.core.call import Principal, ToolCall
from hatchway.core.capability import HttpAccess, ToolUse
from hatchway.core.errors import ConfigError, InvalidArgumentsError, UnknownToolError
from hatchway.core.json_text import encoder
from hatchway.core.ocsf import to_ocsf
from hatchway.core.untrusted import printable
from hatchway.egress.broker import Broker
from hatchway.policy.decide import isolation_of
from hatchway.policy.document import LOCAL_TENANT
from hatchway.runtime.catalog import Catalog, catalog_of
from hatchway.runtime.environment import with_host_environment
from hatchway.runtime.generations import Generation
from hatchway.runtime.runtime import Runtime
from hatchway.runtime.secrets import redactor_of, require_authorities, with_secrets
from hatchway.runtime.settings import directories
from hatchway.runtime.toolset import tools_of
from hatchway.runtime.witness import Witness

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hatchway.compose.asked import Asked
    from hatchway.core.call import Cancellation, Door, Outcome
    from hatchway.core.events import Event
    from hatchway.core.tool import Tool
    from hatchway.policy.document import Policy
    from hatchway.runtime.recording import EventSink

_INPUT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "code": {"type": "string"},
        "inputs": {"type": "string"},
        "files": {"type": "object"},
    },
    "required": ["code"],
    "additionalProperties": False,
}
"""The arguments as a program gives them: inputs are spelled as JSON already."""


class Watcher:
    """Hands events to a function of the program, as the event log would write them."""

    def __init__(self, watch: Callable[[Mapping[str, Any]], object] | None) -> None:
        self._watch = watch

    def emit(self, event: Event) -> None:
        """Tell of `event`; nobody, when nobody wants to know."""
        if self._watch is not None:
            self._watch(to_ocsf(event, version=hatchway.__version__))


class Workplace:
    """Where code runs that a program asked for. Each language gets its runtime at first use.

    Args:
        asked: What the code may touch and use.
        config: The policy whose tools the code may call; None for the nearest.
        sink: Where events go; None for the event log.
        door: The way the requests come in.
        functions: The program's own functions that the code may call, by name.
        tell: Told in one line what is happening, when something is that takes long.

    Raises:
        ConfigError: What was asked for could never be granted.
    """

    def __init__(
        self,
        asked: Asked,
        *,
        config: Path | None = None,
        sink: EventSink | None = None,
        door: Door = "library",
        functions: Mapping[str, Callable[..., Any]] | None = None,
        tell: Callable[[str], None],
    ) -> None:
        asked.policy("python")  # what is misspelt is complained about now
        own = directories()
        self._asked = asked
        self._shared = shared(own)
        self._application = replace(
            open_application(config=config, own=own), engine=self._shared.engine
        )
        self._principal = Principal(tenant=LOCAL_TENANT, subject="operator", door=door)
        self._tell = tell
        self._functions = functions or {}
        self.witness = Witness(self._shared.events if sink is None else sink)
        self._broker = Broker(self.witness)
        self._guests = IsolatingSandbox(
            self._shared.engine,
            self._broker,
            self.witness,
            lambda: self._application.in_force().workers,
        )
        self._lock = threading.Lock()
        self._runtimes: dict[str, Runtime] = {}
        self._generations: list[Generation] = []
        self._is_closed = False

    def prepare(self, language: str) -> Runtime:
        """The runtime for code in `language`; made, with all that it needs, at first use.

        Raises:
            HatchwayError: Something of it cannot be had.
        """
        with self._lock:
            if self._is_closed:
                message = "the sandbox is closed"
                raise ConfigError(message)
            runtime = self._runtimes.get(language)
            if runtime is None:
                runtime = self._runtimes[language] = self._runtime(language)
            return runtime

    def run(
        self,
        language: str,
        code: str,
        inputs: Mapping[str, Any],
        files: Mapping[str, bytes | str],
        cancellation: Cancellation | None = None,
    ) -> Outcome:
        """Run `code` once, in a fresh instance.

        Raises:
            HatchwayError: It cannot be run at all.
        """
        runtime = self.prepare(language)
        arguments = {
            "code": code,
            "inputs": spelled_inputs(inputs),
            "files": {name: _base64(data) for name, data in files.items()},
        }
        call = ToolCall(
            call_id=runtime.new_call_id(),
            principal=self._principal,
            tool=own_entry(language),
            arguments=arguments,
        )
        return runtime.call(call, cancellation)

    def close(self) -> None:
        """Begin no more runs; what was opened is closed when the last of them has ended."""
        with self._lock:
            self._is_closed = True
            self._runtimes.clear()
            generations, self._generations = self._generations, []
        for generation in generations:
            generation.retire()
        self._guests.close()
        self._broker.close()

    # One language

    def _runtime(self, language: str) -> Runtime:
        policy = self._asked.policy(language)
        found = self._shared.interpreter(language, self._asked.compiler, self._tell)
        (tool,) = tools_of(language, found.digest, found.surface, None).tools
        with contextlib.ExitStack() as stack:
            # Only the entry has another name: people, and events, know it as the language.
            own = replace(tool, owner=own_entry(language), input_schema=_INPUT)
            catalog = self._catalog(policy, own, stack)
            generation = Generation(catalog, stack.pop_all().close)
        self._generations.append(generation)
        functions = partial(HostFunctions, self._functions) if self._functions else None
        return Runtime(generation, self._guests, self.witness, self._broker, functions)

    def _catalog(self, asked: Policy, tool: Tool, stack: contextlib.ExitStack) -> Catalog:
        """What the code may use: its own tool, and those of the policy in force it asked for."""
        (entry,) = asked.tools.values()
        asked = replace(asked, tools={tool.owner: replace(entry, name=tool.owner)})
        uses = [item for item in entry.allow if isinstance(item, ToolUse)]
        others = self._others(uses, stack)
        in_worker = isolation_of(entry, asked) == "worker"
        if uses or in_worker or any(isinstance(item, HttpAccess) for item in entry.allow):
            # Walls that must stand, a proxy that everything goes through, and a rule about
            # flows hold here too.
            in_force = self._application.in_force()
            asked = replace(
                asked, route=in_force.route, flow=in_force.flow, workers=in_force.workers
            )
            require_authorities(asked.route)
        policy, failures, opened = self._application.granting.opened(
            with_secrets(with_host_environment(asked))
        )
        stack.callback(opened.close)
        for failure in failures.values():
            raise failure
        if others is not None:
            policy = _joined(policy, others.policy)
        mine = catalog_of(policy, {tool.owner: tool})
        known = {} if others is None else others.entries
        return replace(mine, entries={**known, **mine.entries}, redactor=redactor_of(policy))

    def _others(self, uses: list[ToolUse], stack: contextlib.ExitStack) -> Catalog | None:
        """The catalog of the policy in force, in which every one of `uses` must be.

        Raises:
            UnknownToolError: One is not.
        """
        if not uses:
            return None
        project = self._application.project
        generation = self._application.served(project.in_force())
        stack.callback(generation.retire)
        catalog = generation.catalog
        for use in uses:
            _require_known(use, catalog)
        return catalog


def own_entry(language: str) -> str:
    """What the entry of a program's own code is called: like no entry of any policy.

    Whatever the policy's tools may call, they find the policy's entries, and never this one: no
    grant can name it.
    """
    return f"{language} (sandbox)"


def spelled_inputs(inputs: Mapping[Any, Any]) -> str:
    """The variables of the code as JSON.

    Raises:
        InvalidArgumentsError: One of them has no such form.
    """
    for name in inputs:
        if not isinstance(name, str):
            message = f"inputs has {printable(repr(name), limit=60)} for a name"
            raise InvalidArgumentsError(message, hint="names of variables are strings")
    try:
        return _encode(dict(inputs))
    except (TypeError, ValueError, RecursionError) as error:
        message = f"inputs cannot be JSON: {printable(str(error), limit=120)}"
        hint = "strings, numbers, booleans, None, lists and dictionaries with string keys"
        raise InvalidArgumentsError(message, hint=hint) from error


_encode = encoder(compact=True)


def _base64(data: bytes | str) -> dict[str, str]:
    encoded = base64.b64encode(data.encode() if isinstance(data, str) else data)
    return {"base64": encoded.decode("ascii")}


def _require_known(use: ToolUse, catalog: Catalog) -> None:
    for name, entry in catalog.entries.items():
        if use.tool == entry.tool.owner and use.function in (None, name[len(use.tool) + 1 :]):
            return
    catalog.find(use.tool if use.function is None else f"{use.tool}.{use.function}")
    message = f"no tool of the policy in force is called {printable(str(use), limit=128)}"
    raise UnknownToolError(message, hint="hatchway list")


def _joined(mine: Policy, others: Policy) -> Policy:
    """`others` and what the code itself may have, whose entry no policy has a name for."""
    return replace(
        others,
        tools={**others.tools, **mine.tools},
        host_environment={**others.host_environment, **mine.host_environment},
        directories={**others.directories, **mine.directories},
        secrets={**others.secrets, **mine.secrets},
    )
