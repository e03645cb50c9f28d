"""Questions that a sceptic asks of the paper's claims: one module a question, each run by a frozen stage and shown on one page.

    python -m audiosae.evidence.QUESTION --codec CODEC …

with QUESTION grid, loss, baselines, features, steering or richer, reads what sections 1 to 3 made for a codec, and writes
results/evidence/QUESTION/CODEC.json. The notebooks from 06 on only draw these files. `material` holds what all questions start from;
`verdicts` decides what the figures mean for the claims in claims.yaml.
"""
