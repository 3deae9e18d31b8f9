"""The files a guest may reach: granted host directories, and a workspace in memory.

`nodes` says what a file and a directory can do; `host`, `workspace` and `nothing` are the
three kinds there are. Both generations of WASI act on these and on nothing else, so every
operation of a guest on a file passes through here, where it is bounded, counted and, when it
reaches for more than was granted, refused under a name that ends up in the events.
"""
