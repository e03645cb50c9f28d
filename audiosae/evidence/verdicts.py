"""The stage `verdicts`: the paper's claims one by one, each with our test, its figures, and what they decide.

A verdict is one of four. A rule that claims.yaml names gives it from figures that stand in results/; nobody writes one by hand. Where a
figure has an interval, the rule looks at the interval. Nothing is measured here.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from audiosae.audio.labels import PROPERTIES
from audiosae.evidence.verdict_rules import JUDGES, OPEN, RULES, Figure, Finding, Sources, together
from audiosae.files import results
from audiosae.files.params import codecs, generators

CLAIMS = Path(__file__).with_name("claims.yaml")


def read_claims() -> list[dict[str, Any]]:
    """The claims of claims.yaml, which says what its fields mean, with the caveats written out."""
    found = yaml.safe_load(CLAIMS.read_text(encoding="utf-8"))
    return [{**claim, "bears": [found["caveats"].get(each, each) for each in claim["bears"]]} for claim in found["claims"]]


def figures_of(claim: dict[str, Any], sources: Sources, subject: str) -> list[list[Figure]]:
    """The figures that a claim lists, a list for each property, or one list where they are of no property."""
    name = claim["files"][0].format(subject=subject)
    of_property = any("{prop}" in path for path in claim["figures"].values())
    groups = []
    for prop in claim.get("over", PROPERTIES) if of_property else [""]:
        group = []
        for label, path in claim["figures"].items():
            path = path.format(subject=subject, prop=prop)
            if not claim.get("optional") or sources.defined(name, path):
                group.append(sources.figure(label.format(prop=prop), name, path, claim.get("digits", 2)))
        groups.append(group)
    return [group for group in groups if group]


def judge_claim(claim: dict[str, Any], sources: Sources, subject: str) -> Finding:
    """What the figures of one codec or generator decide; it cannot be told where a file is missing."""
    files = [name.format(subject=subject) for name in claim["files"]]
    if not all(map(sources.has, files)):
        return Finding(OPEN)
    rule, *bounds = (float(word) if word[0].isdigit() else word for word in claim["rule"].split())
    if rule in JUDGES:
        return JUDGES[rule](sources, subject, files, *bounds)
    groups = figures_of(claim, sources, subject)
    listed = [figure for group in groups for figure in group]
    judged = [[listed[number] for number in claim["judged"]]] if "judged" in claim else groups
    return Finding(RULES[rule](judged, *bounds), listed)


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
    for claim in read_claims():
        by = {subject: judge_claim(claim, sources, subject) for subject in subjects[claim["about"]]}
        words = {name: claim[name] for name in ("key", "kind", "claim", "section", "test", "page", "bears")}
        verdict = together(finding.verdict for finding in by.values())
        judged.append({**words, "verdict": verdict, "by": {subject: asdict(finding) for subject, finding in by.items()}})
    return judged


def run(folder: Path, params: Path) -> None:
    """Judge, and write verdicts.json.

    Parameters
    ----------
    folder
        results/.
    params
        params.yaml, which names codecs and generators.
    """
    sources = Sources(folder)
    judged = judge(sources, {"codec": list(codecs(params)), "generator": list(generators(params)), "all": ["all codecs"]})
    read = {"claims": CLAIMS} | {f"data/{name}": folder / name for name in sorted(sources.read)}
    results.write(folder / "verdicts.json", {"claims": judged, "provenance": results.provenance(read, {}, "audiosae.evidence.verdicts")})


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
