"""The search loop: proposals out, results in, and every event on disk first."""
