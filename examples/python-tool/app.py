"""A tool in plain Python, compiled with its interpreter into one component.

componentize-py runs this module once while it builds, and keeps what is then in memory. So
every import stands at the top: a module that is imported later would not be there.
"""

import collections
import os
import pathlib
import re
import time

import wit_world
from wit_world import Surroundings, Word


class WitWorld(wit_world.WitWorld):
    """The functions of world.wit."""

    def common_words(self, text: str, most: int) -> list[Word]:
        """The most common words of a text."""
        counts = collections.Counter(re.findall(r"\w+", text.lower()))
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return [Word(word=word, count=count) for word, count in ranked[:most]]

    def look_around(self) -> Surroundings:
        """What a tool without grants finds around itself."""
        try:
            with pathlib.Path("/etc/passwd").open() as file:
                opened = file.readline()
        except OSError as error:
            opened = f"denied: {error.strerror}"
        return Surroundings(opened=opened, time=time.time(), environment=sorted(os.environ))
