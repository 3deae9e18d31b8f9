"""`wasi:sockets` for guests that were granted a host and a port.

A guest's socket is a tunnel through the broker, and its look-ups are the broker's. Nothing here
opens a socket to anywhere else, binds one, or decides about anything.
"""
