"""What the names of a workspace stand for: files, links and directories."""

from __future__ import annotations

from typing import TypeAlias

from hatchway.engine.files.nodes import NOW, Kind, Status


class _Inode:
    """What names stand for."""

    __slots__ = ("accessed_ns", "changed_ns", "links", "modified_ns", "number")

    kind = Kind.UNKNOWN

    def __init__(self, number: int, now_ns: int) -> None:
        self.number = number
        self.links = 1
        self.accessed_ns = self.modified_ns = self.changed_ns = now_ns

    @property
    def size(self) -> int:
        return 0

    def status(self) -> Status:
        return Status(
            self.number, self.kind, self.links, self.size,
            self.accessed_ns, self.modified_ns, self.changed_ns,
        )  # fmt: skip

    def set_times(self, accessed_ns: int | None, modified_ns: int | None, now_ns: int) -> None:
        if accessed_ns is not None:
            self.accessed_ns = now_ns if accessed_ns == NOW else accessed_ns
        if modified_ns is not None:
            self.modified_ns = now_ns if modified_ns == NOW else modified_ns
        self.changed_ns = now_ns


class Content(_Inode):
    """A file: its bytes, and how many have it open."""

    __slots__ = ("data", "handles")

    kind = Kind.REGULAR_FILE

    def __init__(self, number: int, now_ns: int) -> None:
        super().__init__(number, now_ns)
        self.data = bytearray()
        self.handles = 0

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return len(self.data)


class Link(_Inode):
    """A symbolic link."""

    __slots__ = ("target",)

    kind = Kind.SYMBOLIC_LINK

    def __init__(self, number: int, now_ns: int, target: bytes) -> None:
        super().__init__(number, now_ns)
        self.target = target

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return len(self.target)


class Folder(_Inode):
    """A directory, and what the names in it stand for."""

    __slots__ = ("is_removed", "names", "parent")

    kind = Kind.DIRECTORY

    def __init__(self, number: int, now_ns: int, parent: Folder | None) -> None:
        super().__init__(number, now_ns)
        self.names: dict[bytes, AnyInode] = {}
        self.parent = parent
        self.is_removed = False


AnyInode: TypeAlias = Content | Link | Folder
"""Whatever a name can stand for."""
