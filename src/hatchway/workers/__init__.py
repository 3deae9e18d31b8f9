"""Processes that run guests and have given up everything those were not granted.

`confinement` is what a process does to itself. `channel`, `orders`, `answers`, `shapes` and
`conversation` are how it talks to the server. `process` starts one, `keys` says whom it is for,
`pool` keeps them, `watching` hears what the kernel refuses them, and `sandbox` answers calls.
"""
