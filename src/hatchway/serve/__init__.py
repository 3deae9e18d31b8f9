"""The MCP door: the only importer of the MCP SDK and of the web server."""
