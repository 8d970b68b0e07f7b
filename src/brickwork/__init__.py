"""Brickwork."""
