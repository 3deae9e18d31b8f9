"""What may be moved where, and what may take whose place."""

from __future__ import annotations

from hatchway.engine.files.nodes import Errno, FileFault
from hatchway.engine.files.workspace.inodes import AnyInode, Folder


def _is_inside(folder: Folder | None, other: AnyInode | None) -> bool:
    while folder is not None and isinstance(other, Folder):
        if folder is other:
            return True
        folder = folder.parent
    return False


def require_apart(
    folder: Folder, inode: AnyInode, new_folder: Folder, present: AnyInode | None
) -> None:
    """Nothing is moved into itself, nor put in the place of what it is in."""
    if _is_inside(new_folder, inode):
        raise FileFault(Errno.INVAL)
    if _is_inside(folder, present):
        raise FileFault(Errno.NOTEMPTY)


def require_replaceable(inode: AnyInode, present: AnyInode | None) -> None:
    """Only a directory takes the place of a directory, which must be empty, and of nothing else."""
    if not isinstance(inode, Folder):
        if isinstance(present, Folder):
            raise FileFault(Errno.ISDIR)
        return
    if present is None:
        return
    if not isinstance(present, Folder):
        raise FileFault(Errno.NOTDIR)
    if present.names:
        raise FileFault(Errno.NOTEMPTY)
