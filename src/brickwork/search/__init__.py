"""The search loop: proposals out, results in, every event on disk before anything follows from it."""
