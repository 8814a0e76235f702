"""Linking: the steps of a description joined to the operations that they call."""
