"""Docstrings taken apart."""

from __future__ import annotations

from hatchway.sdk.authoring.docstrings import words_of


def test_the_description_ends_where_the_first_section_begins() -> None:
    found = words_of("""Count words.

    Whatever
    their case.

    Args:
        text: The text,
            all of it.
        at_least (int): The fewest.

    Returns:
        The counts: by word.
    """)

    assert found.description == "Count words.\n\nWhatever their case."
    assert found.parameters == {"text": "The text, all of it.", "at_least": "The fewest."}


def test_a_function_without_a_docstring_says_nothing() -> None:
    assert words_of(None).description == ""
    assert words_of(None).parameters == {}
