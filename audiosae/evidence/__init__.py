"""Questions that a sceptic asks of the paper's claims: one module a question, each run by a frozen stage and shown on one page.

    python -m audiosae.evidence.QUESTION --codec CODEC …

reads what sections 1 to 3 made for a codec (`material`), and writes results/evidence/QUESTION/CODEC.json (`subject.QUESTIONS`), which the
notebooks from 06 on only draw. `verdicts` decides what the figures mean for the claims in claims.yaml.
"""
