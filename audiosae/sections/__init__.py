"""One module a section of the paper: `run` computes what its page shows, or reads what was computed with the same inputs, parameters and code."""
