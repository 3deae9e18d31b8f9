"""A name in a directory of the host."""

from __future__ import annotations

import os
from typing import NamedTuple


class Place(NamedTuple):
    """A name in a directory that is held, whatever the way to it stands for now."""

    parent: int
    name: bytes
    slash: bytes

    @property
    def spelled(self) -> bytes:
        """The name with the slash it was given, which says that it is a directory."""
        return self.name + self.slash

    def status(self) -> os.stat_result:
        """What the name stands for; never what is behind a link."""
        return os.stat(self.name, dir_fd=self.parent, follow_symlinks=False)

    def is_taken(self) -> bool:
        """Whether there is anything of that name."""
        try:
            self.status()
        except FileNotFoundError:
            return False
        return True
