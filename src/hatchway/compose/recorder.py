"""Puts on record what is not a call: what came into a catalog, what did not, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatchway.core.events import Event, Severity
from hatchway.core.untrusted import harmless
from hatchway.runtime.pinning import DRIFT_CODES
from hatchway.runtime.recording import now_ms

if TYPE_CHECKING:
    from hatchway.core.events import EventName
    from hatchway.core.surface import Compiler
    from hatchway.runtime.catalog import Catalog
    from hatchway.runtime.recording import EventSink
    from hatchway.runtime.trusting import Notice


class Recorder:
    """Puts something other than a call on record, when it is called.

    Args:
        sink: Where events go.
    """

    def __init__(self, sink: EventSink) -> None:
        self._sink = sink

    def __call__(
        self,
        name: EventName,
        severity: Severity,
        message: str,
        *,
        tool: str | None = None,
        digest: str | None = None,
        code: str | None = None,
        capability: str | None = None,
        compiler: Compiler | None = None,
    ) -> None:
        """Put something other than a call on record."""
        self._sink.emit(
            Event(
                name=name,
                time_ms=now_ms(),
                severity=severity,
                message=harmless(message, limit=500),
                tool=tool,
                digest=digest,
                code=code,
                capability=capability,
                compiler=compiler,
            )
        )

    def quarantined(self, catalog: Catalog) -> None:
        """Put on record what is not offered and why; what drifted is a finding besides.

        So is what is offered although nobody whom the policy trusts signed it.
        """
        for notice in catalog.notices:
            self.notice(notice)
        for item in catalog.quarantined:
            locked = catalog.lock.tools.get(item.owner)
            facts: dict[str, Any] = {
                "tool": item.name,
                "digest": None if locked is None else locked.digest,
                "code": item.error.code,
            }
            self("tool.quarantined", Severity.MEDIUM, item.error.message, **facts)
            if item.error.code in DRIFT_CODES:
                self("tool.drifted", Severity.HIGH, item.error.message, **facts)

    def notice(self, notice: Notice) -> None:
        """Put on record that something is used in spite of the trust policy."""
        self(
            notice.event,
            Severity.HIGH,
            notice.message,
            tool=notice.tool,
            digest=notice.digest,
            code="admission.untrusted",
        )
