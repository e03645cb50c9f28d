"""What a sceptic asks of the paper's claims: one module a question, each run by a frozen stage and shown by a notebook.

    python -m audiosae.evidence.<question> CODEC [options]

reads the frames, the SAE and the probes that sections 1 to 3 made for a codec, and writes results/evidence/<question>/CODEC.json.
The notebooks from 06 on draw what stands there and compute nothing, so that a reader without an hour to spare has the figures, and
`make evidence` makes them anew. What is shared by the questions stands in `material`.
"""
