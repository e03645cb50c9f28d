"""What `verify` calls a difference, with figures made up: none on one processor, and on another no more than the figures themselves allow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audiosae.pipeline.comparison import EQUAL, GATHERED, MEASURED, RULES, TRAINED, Comparison, Difference


def held(
    folder: Path, file: str, old: str | None, new: str | None, same: bool = True, gathered: bool = False, fixed: tuple[str, ...] = ()
) -> list[Difference]:
    for name, text in (("published", old), ("regenerated", new)):
        if text is not None:
            (folder / name / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / file).write_text(text)
    comparison = Comparison(folder / "published", folder / "regenerated", same, fixed)
    comparison.add(file, gathered)
    return comparison.differences[file]


@pytest.mark.parametrize(("name", "old", "new", "lines"), [
    ("a.json", '{"a": [1, {"b": 2.5}]}', '{"a": [1, {"b": 2.25}]}', ["a[1].b: published 2.5, regenerated 2.25"]),
    ("a.json", '{"a": 1, "b": 3}', '{"a": 1, "c": 3}', ["b: published 3, regenerated absent", "c: published absent, regenerated 3"]),
    ("a.json", '{"a": null}', '{"a": 0}', ["a: published None, regenerated 0"]),
    ("a.json", '{"a": []}', '{"a": [1]}', ["a: published [], regenerated absent", "a[0]: published absent, regenerated 1"]),
    ("a.json", '{"a": true}', '{"a": 1}', ["a: published True, regenerated 1"]),
    ("a.json", '{"a": 0.10000000001}', '{"a": 0.10000000002}', ["a: published 0.10000000001, regenerated 0.10000000002"]),
    ("a.json", '{"near": 100, "far": 1}', '{"near": 101, "far": 2}',  # the larger first, of its size
     ["far: published 1, regenerated 2", "near: published 100, regenerated 101"]),
    ("a.json", '{"a": 1}', '{"a":1}', ["the bytes: published other spacing or order, regenerated the same figures"]),
    ("a.json", '{"a": 1}', '{"a": 1}', []),
    ("a.json", '{"a": 1}', None, ["the whole: published a file, regenerated absent"]),
    ("a.json", "{", "{", []),
    ("a.json", "{", "{}", ["cannot be read (Expecting property name enclosed in double quotes: line 1 column 2 (char 1)): "
                           "published some bytes, regenerated others"]),
    ("a.csv", "x,y\na,1\n", "x,y\na,2\n", ["line 2, y: published 1, regenerated 2"]),
    ("a.csv", "x,y\na,nan\n", "x,y\na,nan\n", []),
    ("a.csv", "x,y\na,1\n", "x,z\na,1\n", ["header: published x,y, regenerated x,z", "line 2, y: published 1, regenerated absent",
                                           "line 2, z: published absent, regenerated 1"]),
    ("a.csv", "x\n1\n", "x\n1\n2\n", ["line 3, x: published absent, regenerated 2"]),
])  # fmt: skip
def test_every_difference_has_a_place(tmp_path: Path, name: str, old: str, new: str | None, lines: list[str]) -> None:
    assert [str(difference) for difference in held(tmp_path, f"results/{name}", old, new)] == [f"results/{name}: {line}" for line in lines]


def test_a_folder_is_compared_by_file(tmp_path: Path) -> None:
    for root, names in (("published", ("one", "two")), ("regenerated", ("two", "three"))):
        for name in names:
            (tmp_path / root / "all").mkdir(parents=True, exist_ok=True)
            (tmp_path / root / f"all/{name}.json").write_text("{}")
    comparison = Comparison(tmp_path / "published", tmp_path / "regenerated", same_processor=True)
    comparison.add("all")
    counts = [(file, len(found)) for file, found in comparison.differences.items()]
    assert counts == [("all/one.json", 1), ("all/three.json", 1), ("all/two.json", 0)]


def test_parameters_and_code_are_equal_on_every_processor(tmp_path: Path) -> None:
    made = {"inputs": {"data/frames": "a", "weights/codec": "b"}, "code": "c", "parameters": {"l1": 0.05}}
    after = {"inputs": {"data/frames": "x", "weights/codec": "y"}, "code": "z", "parameters": {"l1": 0.0500001}}
    old, new = (json.dumps({"provenance": each}) for each in (made, after))
    differences = held(tmp_path, "results/sae_training/a.json", old, new, same=False, fixed=("y",))
    places = {"provenance.inputs.weights/codec", "provenance.code", "provenance.parameters.l1"}
    assert {difference.place for difference in differences} == places


@pytest.mark.parametrize(("new", "gathered", "number"), [("0.500000000001", True, 0), ("0.5001", False, 0), ("0.5001", True, 1)])
def test_what_is_gathered_hardly_differs_on_any_processor(tmp_path: Path, new: str, gathered: bool, number: int) -> None:
    old = '{"properties": {"accuracy": 0.5}}'
    assert len(held(tmp_path, "results/probing/a.json", old, old.replace("0.5", new), same=False, gathered=gathered)) == number


# --- another processor: how far each kind of figure may go -------------------------------------------------------------

RESPONSE = {
    "unit": "semitones", "slope": 2.0, "slope_ci95": [1.0, 3.0], "valid_share": 0.8, "clips": 36, "seeds": 1,
    "response": {"low": [{"r": -0.5, "moved": 1.0, "moved_ci95": [0.5, 0.9], "valid_share": 0.9}], "high": []},
    "leakage_ratio": {"timbre": {"value": 0.3, "ci95": [0.1, 0.5]}, "amplitude": {"value": None, "ci95": None}},
    "paper": {"20": {"r": 1.7, "pitch_lost": 0.25}},
}  # fmt: skip
PROVENANCE = {"inputs": {}, "parameters": {"l1": 0.05, "clips": 36}, "code": "c"}
FILES: dict[str, Any] = {
    "steering/a.json": {"properties": {"pitch": RESPONSE}, "provenance": PROVENANCE},
    "sae_training/a.json": {
        "chosen": {"fvu": 0.02, "l0": 180.0, "dead": 0.0, "hidden": 1000, "l1": 0.05},
        "seeds": {"fvu": [0.019, 0.020, 0.021], "l0": [178.0, 180.0, 182.0], "dead": [0.0, 0.0, 0.0]},
        "grid": [{"fvu": 0.04, "l0": 90.0, "dead": 0.003, "hidden": 1000, "l1": 0.15}],
        "k_sparse": {"chosen": {"fvu": 0.02, "hidden": 1000}, "seeds": {"fvu": [0.02], "dead": [0.1]}},
        "distinct_frames": 10_000, "frames": 12_000, "provenance": PROVENANCE,
    },
    "probing/a.json": {
        "properties": {"pitch": {"accuracy": 0.5, "ci95": [0.4, 0.6], "frames": 900, "within_one": 0.7, "seeds": [0.49, 0.50, 0.51]}},
        "directions": {"pitch": {"cosine": 0.9}, "timbre": {"cosine": 0.8, "ci95": [0.7, 0.85]}},
        "provenance": PROVENANCE,
    },
    "generation/a.json": {
        "order": [{"difference": 2.0, "low": 1.0, "high": 3.0, "p": 0.01, "first": "pitch"}],
        "areas": {"noisy": {"pitch": {"area": 9.0, "ci95": [8.0, 10.0], "seeds": 5, "progress": [0.0, -0.01, 0.5, 1.0]}}},
        "properties": {"pitch": {"progress": [0.0, -0.0001, 0.5, 1.0], "area": 9.0, "area_ci95": [8.0, 10.0], "settles_at": 20}},
        "judgement": {"heard first": 0.5, "pieces": 64}, "provenance": PROVENANCE,
    },
    "bins.json": {"edges": {"timbre": [100.0, 200.0]}, "provenance": PROVENANCE},
    "extraction/a.json": {"reconstruction": {"log_mel_db": 7.0}, "codebooks": {"size": 1024}, "provenance": PROVENANCE},
}  # fmt: skip


def at(figures: Any, path: tuple[str | int, ...], value: object) -> Any:
    """The same figures with another at one place."""
    first, *rest = path
    copy = figures.copy()
    copy[first] = at(copy[first], tuple(rest), value) if rest else value
    return copy


PITCH = ("properties", "pitch")


@pytest.mark.parametrize(("file", "path", "allowed", "too_far"), [
    # A quarter of the interval's width, either way, whatever the interval is called; its ends as well.
    ("steering/a.json", (*PITCH, "slope"), (1.5, 2.5), (1.49, 2.51)),
    ("steering/a.json", (*PITCH, "slope_ci95", 0), (0.5, 1.5), (0.49, 1.51)),
    ("steering/a.json", (*PITCH, "response", "low", 0, "moved"), (0.9, 1.1), (0.89, 1.11)),
    ("steering/a.json", (*PITCH, "response", "low", 0, "moved_ci95", 1), (0.8, 1.0), (0.79, 1.01)),
    ("steering/a.json", (*PITCH, "leakage_ratio", "timbre", "value"), (0.2, 0.4), (0.19, 0.41, None)),
    ("steering/a.json", (*PITCH, "leakage_ratio", "amplitude", "value"), (None,), (0.3,)),
    ("probing/a.json", (*PITCH, "accuracy"), (0.45, 0.55), (0.449, 0.551)),
    ("generation/a.json", ("order", 0, "difference"), (1.5, 2.5), (1.4, 2.6)),
    ("generation/a.json", ("order", 0, "high"), (2.5, 3.5), (2.4, 3.6)),
    ("generation/a.json", (*PITCH, "area"), (8.5, 9.5), (8.4, 9.6)),
    # One clip of 36, one piece of 64.
    ("steering/a.json", (*PITCH, "valid_share"), (0.8 - 1 / 36, 0.82), (0.77, 0.83)),
    ("steering/a.json", (*PITCH, "paper", "20", "pitch_lost"), (0.25 + 1 / 36,), (0.25 + 2 / 36,)),
    ("generation/a.json", ("judgement", "heard first"), (0.5 - 1 / 64,), (0.5 - 2 / 64,)),
    # Five features of 1000.
    ("sae_training/a.json", ("chosen", "dead"), (0.005,), (0.0051,)),
    # The prediction interval of 99 %: 0.02 ± 9.925 · 0.001 · √(4/3); of a grid point 0.04 ± 9.925 · 0.002 · √2.
    ("sae_training/a.json", ("seeds", "fvu", 0), (0.0086, 0.0314), (0.0085, 0.0315)),
    ("sae_training/a.json", ("grid", 0, "fvu"), (0.0120, 0.0680), (0.0119, 0.0681)),
    ("sae_training/a.json", ("grid", 0, "l0"), (76.1, 103.9), (75.9, 104.1)),
    ("sae_training/a.json", ("grid", 0, "dead"), (0.0, 0.008), (0.009,)),
    ("probing/a.json", (*PITCH, "seeds", 2), (0.386, 0.614), (0.385, 0.615)),
    ("sae_training/a.json", ("seeds", "dead", 1), (0.005,), (0.006,)),
    ("sae_training/a.json", ("k_sparse", "seeds", "fvu", 0), (0.0060, 0.0340), (0.0059, 0.0341)),
    ("sae_training/a.json", ("k_sparse", "seeds", "dead", 0), (0.105,), (0.106,)),
    # What rests on seeds that were trained again must lie in its interval; without one, within a tenth.
    ("probing/a.json", ("directions", "pitch", "cosine"), (0.82, 0.98), (0.8,)),
    ("generation/a.json", ("areas", "noisy", "pitch", "area"), (8.0, 10.0), (7.9, 10.1)),
    ("generation/a.json", ("areas", "noisy", "pitch", "ci95", 0), (6.0, 10.0), (5.9, 10.1)),
    ("generation/a.json", ("areas", "noisy", "pitch", "progress", 1), (0.09,), (0.1,)),
    ("generation/a.json", ("areas", "noisy", "pitch", "seeds"), (5,), (4,)),
    ("probing/a.json", ("directions", "timbre", "cosine"), (0.701, 0.849), (0.69, 0.86)),
    ("probing/a.json", ("directions", "timbre", "ci95", 0), (0.6, 0.8), (0.5, 0.86)),
    # What ships and has no interval: a little. In a list, of its largest.
    ("sae_training/a.json", ("chosen", "fvu"), (0.02001,), (0.0201,)),
    ("probing/a.json", (*PITCH, "within_one"), (0.7005,), (0.701,)),
    ("generation/a.json", (*PITCH, "progress", 1), (-0.0005,), (0.0015,)),
    ("generation/a.json", ("order", 0, "p"), (0.0109,), (0.0112,)),
    ("steering/a.json", (*PITCH, "paper", "20", "r"), (1.701,), (1.71,)),
    ("bins.json", ("edges", "timbre", 1), (200.0001,), (200.001,)),
    ("extraction/a.json", ("reconstruction", "log_mel_db"), (7.001,), (7.002,)),
    # Choices, names, classes and counts are equal.
    ("sae_training/a.json", ("grid", 0, "l1"), (0.15,), (0.1500001,)),
    ("sae_training/a.json", ("distinct_frames",), (10_040,), (10_041,)),
    ("sae_training/a.json", ("frames",), (12_000,), (12_001, None, "12000")),
    ("steering/a.json", (*PITCH, "clips"), (36,), (35,)),
    ("steering/a.json", (*PITCH, "seeds"), (1,), (2,)),
    ("steering/a.json", (*PITCH, "unit"), ("semitones",), ("dB",)),
    ("generation/a.json", (*PITCH, "settles_at"), (20,), (21,)),
    ("generation/a.json", ("order", 0, "first"), ("pitch",), ("timbre",)),
    ("extraction/a.json", ("codebooks", "size"), (1024,), (1025,)),
    ("bins.json", ("provenance", "parameters", "l1"), (0.05,), (0.0500001,)),
    ("bins.json", ("provenance", "code"), ("c",), ("d",)),
])  # fmt: skip
def test_a_figure_goes_as_far_as_what_stands_beside_it_says(
    tmp_path: Path, file: str, path: tuple[str | int, ...], allowed: tuple[object, ...], too_far: tuple[object, ...]
) -> None:
    published = json.dumps(FILES[file])
    for values, number in ((allowed, 0), (too_far, 1)):
        for value in values:
            found = held(tmp_path, f"results/{file}", published, json.dumps(at(FILES[file], path, value)), same=False)
            assert len(found) == number, f"{value}: {found}"


@pytest.mark.parametrize("file", FILES)
def test_the_same_processor_allows_none_of_it(tmp_path: Path, file: str) -> None:
    published = json.dumps(FILES[file])
    assert held(tmp_path, f"results/{file}", published, published) == []
    assert held(tmp_path, f"results/{file}", published, published.replace("0.05,", "0.0500000001,"))


@pytest.mark.parametrize(("line", "number"), [
    ("3,0.21,0.1,0.3", 0), ("3,0.25,0.1,0.3", 0), ("3,0.26,0.1,0.3", 1), ("3,0.2,0.04,0.36", 2), ("4,0.2,0.1,0.3", 1), ("3,,0.1,0.3", 1),
])  # fmt: skip
def test_a_row_of_a_table_has_its_interval_in_the_columns_low_and_high(tmp_path: Path, line: str, number: int) -> None:
    found = held(tmp_path, "results/curves.csv", "state,mean,low,high\n3,0.2,0.1,0.3\n", f"state,mean,low,high\n{line}\n", same=False)
    assert len(found) == number


def test_differences_are_counted_in_widths_of_the_interval(tmp_path: Path) -> None:
    published = FILES["steering/a.json"]
    regenerated = at(at(published, (*PITCH, "slope"), 2.2), (*PITCH, "leakage_ratio", "timbre", "value"), 0.42)
    for name, figures in (("published", published), ("regenerated", regenerated)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.json").write_text(json.dumps(figures))
    comparison = Comparison(tmp_path / "published", tmp_path / "regenerated", same_processor=False)
    comparison.add("a.json")
    assert max(comparison.shares[MEASURED]) == pytest.approx(0.3)
    assert sorted(filter(None, comparison.shares[MEASURED])) == pytest.approx([0.1, 0.3])
    assert sum(map(len, comparison.shares.values())) == 18
    assert comparison.within == pytest.approx(17 / 18)


def test_weights_that_ship_are_known_by_their_hash_on_every_processor(tmp_path: Path) -> None:
    def inputs(of: str) -> str:
        return json.dumps({"provenance": {"inputs": {"weights/sae": of}}})

    for old, new, number in (("shipped", "trained", 1), ("trained", "shipped", 1), ("trained", "again", 0)):
        found = held(tmp_path, "results/a.json", inputs(old), inputs(new), same=False, fixed=("shipped",))
        assert len(found) == number


def test_every_rule_says_what_it_is_of_what_it_allows_and_why() -> None:
    assert all(rule.what and rule.allowed and rule.reason for rule in (*RULES, GATHERED))
    assert TRAINED in RULES and EQUAL not in RULES


@pytest.mark.parametrize(("line", "number"), [
    ("5,3,0.29,0.1,0.3", 0), ("5,3,0.31,0.1,0.3", 1), ("5,3,0.2,-0.09,0.49", 0), ("5,3,0.2,-0.11,0.51", 2), ("4,3,0.2,0.1,0.3", 1),
])  # fmt: skip
def test_a_row_that_rests_on_seeds_lies_in_its_interval_whose_ends_go_as_far_as_it_is_wide(tmp_path: Path, line: str, number: int) -> None:
    header, published = "seeds,state,mean,low,high", "5,3,0.2,0.1,0.3"
    found = held(tmp_path, "results/curves.csv", f"{header}\n{published}\n", f"{header}\n{line}\n", same=False)
    assert len(found) == number
