"""A call's private files, in memory: born empty with the call, gone with it.

No name on the host leads here, so there is nothing to escape from, nothing that another call
could find, and nothing to clean up after a server that was killed. The quota is exact: sizes
are counted as the guest sees them, so a file with holes costs what it claims to hold.

`workspace` is the whole. It is a `tree` of `inodes`, which a guest sees through an open
`directory` and an open `file`; `moves` says what may take whose place.
"""
