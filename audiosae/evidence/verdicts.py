"""The stage `verdicts`: the paper's claims one by one, each with our test, its figures, and what they decide.

    python -m audiosae.evidence.verdicts results params.yaml

A verdict is one of four, and a rule in `claims` gives it from figures that stand in results/; nobody writes one by hand. Where
a figure has an interval, the rule looks at the interval. Nothing is measured here.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from audiosae import results
from audiosae.errors import report
from audiosae.evidence.claims import CLAIMS
from audiosae.evidence.rules import OPEN, Finding, Sources, together
from audiosae.params import codecs, generators


def judge(sources: Sources, subjects: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Go through the claims.

    Parameters
    ----------
    sources
        The results.
    subjects
        By what a claim can be about, "codec" and "generator", their names, and "all" for one that compares codecs.

    Returns
    -------
    For each claim its words, test, page and caveats, `by` subject the verdict and figures, and one `verdict` of them.
    """
    judged = []
    for claim in CLAIMS:
        by = {}
        for subject in subjects[claim.about]:
            by[subject] = claim.judge(sources, subject) if all(sources.has(name.format(subject)) for name in claim.needs) else Finding(OPEN)
        judged.append({
            "key": claim.key, "kind": claim.kind, "claim": claim.claim, "section": claim.section, "test": claim.test,
            "page": claim.page, "bears": claim.bears,
            "verdict": together(finding.verdict for finding in by.values()),
            "by": {subject: asdict(finding) for subject, finding in by.items()},
        })
    return judged


def main() -> None:
    """Read the arguments, judge, and write results/verdicts.json."""
    parser = argparse.ArgumentParser(prog="audiosae.evidence.verdicts", description=__doc__, allow_abbrev=False)
    parser.add_argument("results", type=Path)
    parser.add_argument("params", type=Path)
    given = parser.parse_args()
    sources = Sources(given.results)
    named = {"codec": list(codecs(given.params)), "generator": list(generators(given.params)), "all": ["all codecs"]}
    judged = judge(sources, named)
    read = {f"data/{name}": given.results / name for name in sorted(sources.read)}
    results.write(given.results / "verdicts.json", {"claims": judged, "provenance": results.provenance(read, {})})


if __name__ == "__main__":
    report(main)
