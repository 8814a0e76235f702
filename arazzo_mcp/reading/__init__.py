"""Documents as files: found, read, and pinned. Knows no operation and no run."""
