"""The catalogue: each entry is a function that returns a ``Space``."""
