"""Where the mixes of a supernet come from: an algorithm is only a rule that makes mixes."""
