"""arazzo_mcp: every workflow of an Arazzo description as one durable MCP tool."""

__version__ = "0.1.0"
