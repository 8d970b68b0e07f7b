"""Tables of trained networks: a search that takes hours takes seconds, with a simulated clock."""
