"""The MCP face: workflows as tools, runs as their results. Types are those of `mcp.types`, never declared again."""
