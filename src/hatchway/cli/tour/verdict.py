"""Whether the story held, and the measured facts of both worlds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hatchway.cli.tour.story import LOG_LINES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatchway.cli.tour.inside import Inside, SandboxHop
    from hatchway.cli.tour.outside import Outside, PlainHop


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What did not happen as the story says; nothing when it held."""

    broken: tuple[str, ...]

    @property
    def is_held(self) -> bool:
        """Everything was seen to happen: the work, the theft outside, the denials inside."""
        return not self.broken


def verdict_on(outside: Outside, inside: Inside) -> Verdict:
    """The verdict on one tour, from what the demo itself saw of both worlds."""
    return Verdict(broken=(*_broken_outside(outside), *_broken_inside(outside, inside)))


def _broken_outside(outside: Outside) -> Iterator[str]:
    for taken in outside.hops:
        if "failed" in taken.answer:
            yield f"outside, {taken.hop.tool} failed: {taken.answer['failed']}"
    if not outside.note_was_written:
        yield "outside, the temporary file was not written"
    if not outside.secret_was_stolen:
        yield "outside, the secret did not reach the canary"


def _broken_inside(outside: Outside, inside: Inside) -> Iterator[str]:
    for plain, sandboxed in zip(outside.hops, inside.hops, strict=True):
        if not _went_as_told(plain, sandboxed):
            expected = "was not denied anything" if plain.hop.is_surprise else "did other work"
            yield f"inside, {plain.hop.tool} {expected}"
    if inside.note_was_written:
        yield "inside, the temporary file was written"
    if inside.connections:
        yield f"inside, the canary was connected to {inside.connections} times"
    if inside.leaks:
        yield f"inside, the secret's marker showed up in {', '.join(inside.leaks)}"
    yield from (f"inside, {run.tool} failed: {run.made}" for run, _ in inside.tools if run.failed)


def _went_as_told(plain: PlainHop, sandboxed: SandboxHop) -> bool:
    """A surprise is denied; anything else answers exactly what it answers outside."""
    if plain.hop.is_surprise:
        return bool(sandboxed.recorded.denials)
    return not sandboxed.answer.is_error and sandboxed.answer.structured == plain.answer


def facts_of(outside: Outside, inside: Inside, *, seconds: float) -> dict[str, Any]:
    """Everything that was measured, as `hatchway demo --json` prints it."""
    verdict = verdict_on(outside, inside)
    return {
        "held": verdict.is_held,
        "broken": list(verdict.broken),
        "log_lines": LOG_LINES,
        "outside": {
            "hops": [
                {
                    "hop": taken.hop.number,
                    "tool": taken.hop.tool,
                    "answered": "failed" not in taken.answer,
                    "wall_us": taken.wall_us,
                }
                for taken in outside.hops
            ],
            "file_written": outside.note_was_written,
            "secret_stolen": outside.secret_was_stolen,
            "canary": [
                {"method": visit.method, "path": visit.path, "body": visit.body}
                for visit in outside.visits
            ],
        },
        "inside": {
            "hops": [_sandbox_hop(taken) for taken in inside.hops],
            "file_written": inside.note_was_written,
            "secret_stolen": bool(inside.leaks),
            "canary_connections": inside.connections,
            "leaks": list(inside.leaks),
            "tools_admitted": dict(inside.admitted),
            "tools_offered": list(inside.offered),
            "admission_us": inside.admission_us,
            "server_start_us": inside.start_us,
        },
        "tools": _tools(inside),
        "seconds": round(seconds, 3),
    }


def _sandbox_hop(taken: SandboxHop) -> dict[str, Any]:
    return {
        "hop": taken.hop.number,
        "tool": taken.hop.tool,
        "answered": bool(taken.answer.content),
        "denied": bool(taken.recorded.denials),
        "answer": taken.answer.structured or taken.answer.text,
        "round_trip_us": taken.answer.round_trip_us,
        "sandbox_us": taken.recorded.sandbox_us,
        "events": [dict(record) for record in taken.recorded.denials],
    }


def _tools(inside: Inside) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "tool": run.tool,
            "done": not run.failed,
            **run.facts,
            "round_trip_us": run.answer.round_trip_us,
            "sandbox_us": call.sandbox_us,
        }
        for run, call in inside.tools
    ]
    if (missing := inside.missing_resvg) is not None:
        found.append({"tool": "resvg", "skipped": missing.reason, "hint": missing.hint})
    return found
