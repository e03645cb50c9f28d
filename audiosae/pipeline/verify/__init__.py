"""Are the published results what this working tree gives?

`ledger` holds the tree against dvc.lock, `regeneration` computes the results once more in a copy, `comparison` holds the
two sets of figures side by side, and `tolerances` says how far apart they may be on another processor.
"""
