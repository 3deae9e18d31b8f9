"""A drafted manifest can be read as it is, whatever the program says about itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from strategies import patient

from hatchway.core.surface import Surface
from hatchway.policy.manifest import parse_manifest_toml
from hatchway.runtime.drafting import MAX_HELP_LINES, MAX_OPTIONS, draft, options_in

PROGRAM = Surface(kind="module", imports=("wasi_snapshot_preview1.fd_write",), is_command=True)
WITH_FILES = Surface(kind="module", imports=("wasi_snapshot_preview1.path_open",), is_command=True)
HELP = """
Usage: render [OPTIONS] <in-svg> <out-png>

Options:
      --help              Print help
  -w, --width LENGTH      Sets the width in pixels
      --quiet             Says nothing
      --dpi <DPI>         Sets the resolution
  -V, --version           Print version
"""


def test_options_are_found_in_a_help_text() -> None:
    assert [(option.name, option.takes_value) for option in options_in(HELP)] == [
        ("width", True), ("quiet", False), ("dpi", True),
    ]  # fmt: skip


def test_options_become_parameters_and_arguments() -> None:
    (tool,) = parse_manifest_toml(draft("render", PROGRAM, HELP), file="draft").tools

    assert [item.template for item in tool.argv] == ["--width={width}", "--quiet", "--dpi={dpi}"]
    assert [item.when for item in tool.argv] == [None, "quiet", None]
    assert tool.input is not None
    assert tool.input["properties"]["width"] == {
        "type": "string", "description": "Sets the width in pixels",
    }  # fmt: skip


def test_files_are_suggested_to_programs_that_can_open_some() -> None:
    assert "files =" not in draft("render", PROGRAM, HELP)
    assert "# files =" in draft("render", WITH_FILES, HELP)


def test_a_program_without_words_gets_a_draft_too() -> None:
    (tool,) = parse_manifest_toml(draft("render", PROGRAM, ""), file="draft").tools

    assert tool.argv == ()


def test_a_talkative_program_is_cut_short() -> None:
    text = draft("render", PROGRAM, "".join(f"  --o{number}  x\n" for number in range(1000)))

    assert text.count("description =") <= MAX_OPTIONS + 1
    assert len(text.splitlines()) < MAX_HELP_LINES + 2 * MAX_OPTIONS + 30


option_lines = st.builds(
    "  --{}{}  {}".format,
    st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True),
    st.sampled_from(("", " NAME", "=<x>", " [X]")),
    st.text(max_size=30),
)


@patient
@given(st.text(max_size=20), st.lists(option_lines | st.text(max_size=60), max_size=12))
def test_whatever_a_program_says_the_draft_is_a_manifest(stem: str, lines: list[str]) -> None:
    text = draft(stem, WITH_FILES, "\n".join(lines))

    assert len(parse_manifest_toml(text, file="draft").tools) == 1
