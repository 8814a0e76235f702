"""The binding: OpenAPI operations, and calls made into plain requests. Pure, and nothing of it knows a run."""
