"""The only importer of wasmtime: compile, link, gate, run one call.

Read `sandbox.py` first. A run is a new store, a new instance and a new `Guest` (what one
call can see and has used); the host functions in `preview1` and `preview2/` act on that
guest alone, and nothing outlives the run.
"""
