"""An open file of a workspace, which grows as far as the quota leaves room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchway.engine.files.nodes import File, Status, Wish, require_offset

if TYPE_CHECKING:
    from hatchway.engine.files.workspace.inodes import Content
    from hatchway.engine.files.workspace.tree import Tree


class WorkspaceFile(File):
    """An open file of a workspace."""

    def __init__(self, space: Tree, content: Content, wish: Wish) -> None:
        super().__init__(reads=wish.reads, writes=wish.writes)
        self._space = space
        self._content = content
        self._wish = wish
        self._is_open = True
        content.handles += 1

    def again(self) -> WorkspaceFile:
        """The same open file once more."""
        return WorkspaceFile(self._space, self._content, self._wish)

    def status(self) -> Status:
        """What is known of it."""
        return self._content.status()

    def set_times(self, accessed_ns: int | None, modified_ns: int | None) -> None:
        """Set its times."""
        self._content.set_times(accessed_ns, modified_ns, self._space.now_ns())

    def close(self) -> None:
        """Give it back."""
        if self._is_open:
            self._is_open = False
            self._content.handles -= 1
            self._space.forget(self._content)

    def size(self) -> int:
        """Its size in bytes."""
        return len(self._content.data)

    def read(self, at: int, count: int) -> bytes:
        """Up to `count` bytes from offset `at`."""
        require_offset(at + count)
        return bytes(self._content.data[at : at + count])

    def write(self, at: int, data: bytes) -> int:
        """Put `data` at offset `at`, as much of it as the quota leaves room for."""
        require_offset(at + len(data))
        if not data:
            return 0
        present = self._content.data
        gap = max(0, at - len(present))
        fresh = max(0, at + len(data) - len(present)) - gap
        # At least one byte must fit behind a gap, or the gap is not made either.
        taken = self._space.quota.take_up_to(gap + fresh, at_least=gap + 1) if fresh else 0
        fits = len(data) - gap - fresh + taken
        present.extend(bytes(gap))
        present[at : at + fits] = data[:fits]
        self._content.modified_ns = self._content.changed_ns = self._space.now_ns()
        return fits

    def set_size(self, size: int) -> None:
        """Cut it off, or fill it with zeroes."""
        require_offset(size)
        present = self._content.data
        self._space.quota.take(size - len(present))
        if size < len(present):
            del present[size:]
        else:
            present.extend(bytes(size - len(present)))
        self._content.modified_ns = self._content.changed_ns = self._space.now_ns()
