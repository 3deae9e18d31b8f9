"""Taking imports out of a finished component.

A linker that knows all of WASI or nothing leaves a component with imports that it never uses.
Each interface that is named here is no longer imported: a small component inside takes its
place, made from the type of the import, whose functions trap.
"""

from __future__ import annotations

from hatchway.sdk.stripping.lifting import NOTHING
from hatchway.sdk.stripping.rewriting import Answers, Stripped, stripped

__all__ = ["NOTHING", "Answers", "Stripped", "stripped"]
