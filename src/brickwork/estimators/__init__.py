"""A score for a proposal: what stands between a strategy and the truth."""
