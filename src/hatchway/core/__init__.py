"""The words Hatchway is written in: frozen values, errors, events.

Standard library only, and pure: nothing here opens a file or a socket, reads a clock or
the environment, or starts a thread. Every other package may import this one.
"""
