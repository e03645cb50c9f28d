"""What is kept on disk: checkpoints, results, parameters, states of long runs."""
