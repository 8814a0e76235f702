"""Fake fal, Replicate and Windmill APIs on loopback: the demo and the tests run on them."""
