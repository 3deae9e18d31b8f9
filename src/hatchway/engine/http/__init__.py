"""The inside half of egress: what a guest can do with HTTP, and the way of it to the broker.

`exchange` is the way. `fields`, `messages`, `bodies` and `errors` are `wasi:http/types`, and
`handler` is `wasi:http/outgoing-handler`. Nothing here decides: without a ticket there is no
broker, and with one the broker decides about everything.
"""
