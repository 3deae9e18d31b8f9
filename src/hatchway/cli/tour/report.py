"""The tour in words, for a person who reads it once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from hatchway.cli.output import plural, print_line
from hatchway.cli.tour.story import HOPS, LOG_LINES
from hatchway.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatchway.cli.tour.inside import Inside, SandboxHop
    from hatchway.cli.tour.outside import Outside
    from hatchway.cli.tour.verdict import Verdict

_SHOWN = 200
"""Characters of an answer; a tool could say anything."""


def tell_outside(outside: Outside) -> None:
    """What happened to plain processes."""
    _title("THE STORY")
    print_line(f"An agent is asked to summarise {LOG_LINES} lines of an error log. One of them was")
    print_line("written for the agent:")
    print_line(f"\n  {printable(outside.poisoned_line, limit=500)}\n")
    print_line("It obeys. Five tool calls in a row, three of which nobody foresaw.")
    _title("OUTSIDE: every tool is a Python process, with all the rights of its user")
    for taken in outside.hops:
        _hop(taken.hop.number, taken.hop.deed, _said(taken.answer))
    print_line("\nThe canary, which plays the attacker's web server, received:")
    for visit in outside.visits:
        print_line(f"  {printable(f'{visit.method} {visit.path}  {visit.body}'.strip())}")
    if outside.secret_was_stolen:
        print_line(
            "The last line is ~/.ssh/id_ed25519: planted for this tour, but it could be yours."
        )


def tell_inside(inside: Inside) -> None:
    """What happened to the same calls in sandboxes."""
    _title("INSIDE: the same calls to WebAssembly tools, through hatchway serve over MCP")
    print_line(f"{plural(len(inside.admitted), 'tool')} admitted, nothing granted to any of them.")
    for taken in inside.hops:
        _hop(taken.hop.number, taken.hop.deed, _heard(taken))
        for line in taken.recorded.denial_lines:
            print_line(f"       {line}")
    print_line("")
    reached = plural(inside.connections, "connection") if inside.connections else "nothing"
    print_line(
        f"The canary received {reached}. The temporary file was "
        f"{'written' if inside.note_was_written else 'not written'}. The secret is in "
        f"{', '.join(inside.leaks) or 'no answer, no event and no file'}."
    )


def tell_times(outside: Outside, inside: Inside) -> None:
    """Time per hop in both worlds, and what may be concluded from it."""
    _title("TIME PER HOP, in milliseconds")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("hop")
    for heading in ("Python process", "sandbox, over MCP", "sandbox alone"):
        table.add_column(heading, justify="right")
    table.add_column("inside")
    rows = list(zip(outside.hops, inside.hops, strict=True))
    for plain, taken in rows:
        table.add_row(
            f"{plain.hop.number} {plain.hop.tool}",
            _ms(plain.wall_us),
            _ms(taken.answer.round_trip_us),
            _ms(taken.recorded.sandbox_us),
            "denied" if taken.recorded.denials else "done",
        )
    table.add_row(
        "all five",
        _ms(sum(plain.wall_us for plain, _ in rows)),
        _ms(sum(taken.answer.round_trip_us for _, taken in rows)),
        _ms(sum(taken.recorded.sandbox_us or 0 for _, taken in rows)),
        "",
    )
    Console(highlight=False).print(table)
    print_line(
        "\nMeasured just now, one run of each. On the left every hop starts a Python process;"
    )
    print_line("on the right every hop gets a fresh sandbox in a server that runs already, and its")
    print_line("first call also loads the tool's compiled code. Denied hops do less than the same")
    print_line("hops outside: compare 1 and 5. A Python server that keeps running would not start")
    print_line("a process for each call either, but carries over what one call left for the next.")
    print_line(
        f"Not counted: {_ms(inside.admission_us)} ms to admit the tools, once, and "
        f"{_ms(inside.start_us)} ms to start the server."
    )


def tell_tools(inside: Inside) -> None:
    """What the useful tools made."""
    _title("REAL TOOLS: no grants needed to be useful")
    for run, call in inside.tools:
        print_line(
            f"  {run.tool:<13} {run.deed}: {printable(run.made, limit=_SHOWN)}, "
            f"{_ms(call.sandbox_us)} ms"
        )
    if (missing := inside.missing_resvg) is not None:
        print_line(f"  resvg         SKIPPED: {missing.reason}")
        print_line(f"                hint: {missing.hint}")


def tell_verdict(verdict: Verdict, *, seconds: float) -> None:
    """How it ended, and what to do next."""
    _title("VERDICT")
    if verdict.is_held:
        denied = sum(hop.is_surprise for hop in HOPS)
        print_line(
            f"The story held: the work was done, and {denied} of {len(HOPS)} calls were denied,"
        )
        print_line(f"each with its event. {seconds:.0f} seconds; nothing was left behind.")
        print_line("\nNext: hatchway add FILE.wasm, then hatchway install CLIENT")
        return
    print_line("The story did NOT hold:")
    for sentence in verdict.broken:
        print_line(f"  {printable(sentence, limit=500)}")


def _title(text: str) -> None:
    print_line(f"\n{text}\n")


def _hop(number: int, deed: str, said: str) -> None:
    print_line(f"  {number}  {deed:<22} {said}")


def _said(answer: Mapping[str, Any]) -> str:
    """A tool's answer in a few words."""
    match answer:
        case {"failed": why}:
            words = f"failed: {why}"
        case {"lines": lines}:
            words = f"counted {lines} lines"
        case {"outcome": outcome}:
            words = str(outcome)
        case {"body": str(body), "status": status}:
            words = f"got {len(body)} bytes (HTTP {status})"
        case {"status": status}:
            words = f"ran it (exit status {status})"
        case {"attempts": [*attempts]}:
            outcomes = {str(item.get("outcome")): None for item in attempts}
            words = f"{plural(len(attempts), 'attempt')}, {' and '.join(outcomes)}"
        case {"text": text}:
            words = str(text)
        case _:
            words = str(dict(answer))
    return printable(words, limit=_SHOWN)


def _heard(taken: SandboxHop) -> str:
    if taken.answer.structured is None:
        return printable(taken.answer.text, limit=_SHOWN)
    return _said(taken.answer.structured)


def _ms(microseconds: int | None) -> str:
    return "–" if microseconds is None else f"{microseconds / 1000:,.1f}"
