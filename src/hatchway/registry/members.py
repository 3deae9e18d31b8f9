"""One file of a package, read in memory. Nothing is ever unpacked onto a disk."""

from __future__ import annotations

from hatchway.core.errors import RegistryError
from hatchway.core.untrusted import printable

MAX_PACKAGE_BYTES = 256 << 20
MAX_MEMBERS = 100_000


def archive_error(why: str) -> RegistryError:
    """The complaint about a package that nobody should open."""
    return RegistryError(f"the package cannot be used: {why}", code="registry.archive")


def problem_with_member(text: str) -> str | None:
    """What is wrong with the path of a file in an archive; None when nothing is."""
    shown = printable(text, limit=80)
    if not text.isprintable() or "\\" in text:
        return f"{shown!r} has a character that no path in a package has"
    if text.startswith("/") or any(part in ("", ".", "..") for part in text.split("/")):
        return f"{shown!r} does not stay in the package"
    return None


def check_name(name: str) -> None:
    """Refuse a path that would leave the package, or that no honest package has.

    Raises:
        RegistryError: `registry.archive`.
    """
    problem = problem_with_member(name)
    if problem is not None:
        raise archive_error(f"its member {problem}")


def require_one(found: list[str], wanted: str) -> None:
    """Refuse a package that has no such member, or several.

    Args:
        found: The names that are the wanted one, whatever case they are written in.
        wanted: The name.

    Raises:
        RegistryError: `registry.not_found` or `registry.archive`.
    """
    if not found:
        message = f"the package has no file {printable(wanted, limit=120)!r}"
        raise RegistryError(message, code="registry.not_found")
    if found != [wanted]:
        names = ", ".join(repr(printable(name, limit=120)) for name in found[:3])
        raise archive_error(f"it has {names}, where one file is wanted")
