"""Tasks: data, loss and metrics of each kind of problem, and the training loop."""
