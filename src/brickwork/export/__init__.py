"""Trained networks as files that work without Brickwork, and the proof that they do."""
