"""A directory of the host that a tool was granted.

The kernel resolves every path, with `openat2` and `RESOLVE_BENEATH`: a name that leads out of
the directory, by dots, by an absolute name, through a link, or through one that is swapped
while we look, is refused where it happens, and no check of ours can be raced. What is found
is looked at before it is opened, and only regular files and directories are, so that nothing
blocks and no device is touched.

Read `directory` first, then `beneath`, which asks the kernel. `file` is what a guest reads and
writes, `usage` what a quota begins with. The rest are the parts of these: `answers`,
`descriptors`, `listing`, `place` and `times`.
"""
