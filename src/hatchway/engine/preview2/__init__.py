"""WASI 0.2 for components without file or network grants: default-deny by construction.

Nothing of wasmtime's own WASI is linked. Every function a component can import is one of
ours, acting on the run's `Guest`; a function we do not know fails when the component is
linked, before any of it runs. There is therefore no ungated implementation underneath that
a differently versioned import could reach.

What a component says of the types of these functions is compared, before it is linked, with
those of wasmtime's own, on a linker on which nothing ever runs (`reference`).

One module per WASI package: `cli`, `io`, `clocks`, `random`, `filesystem`, `sockets`.
What `filesystem` is given and answers is in `file_arguments` and `file_answers`.
"""
