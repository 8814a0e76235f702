"""`python -m arazzo_mcp`: the same as the `arazzo-mcp` command."""

from arazzo_mcp.cli import main

if __name__ == "__main__":
    main()
