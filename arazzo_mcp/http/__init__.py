"""The network: requests sent, and responses taken in within bounds."""
