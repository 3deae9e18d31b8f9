"""What a process does to itself before any code that is not ours runs in it.

`enter` comes first, at start: namespaces and limits that are the same for all. `confine` comes
when it is known what the process is for, and before its first thread: files, ports, system calls.
None of it can be undone.
"""
