"""MCP tools in WebAssembly sandboxes that start with nothing."""

__version__ = "0.1.0"
