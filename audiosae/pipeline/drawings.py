"""The stage `drawings`: figures that stand in prose, for light and dark pages.

    python -m audiosae.pipeline.drawings --quantiles 0.1 0.9

A stage of its own, because training and evidence are frozen, and a change to a figure's look must not ask for them again.
"""

from __future__ import annotations

import json
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from audiosae.figures import evidence, theme
from audiosae.figures.evidence import Found
from audiosae.figures.findings import FINDINGS
from audiosae.figures.strip import strip
from audiosae.figures.training import codec_training
from audiosae.files import results as files
from audiosae.files import whole

SUFFIX = "_training.csv"


def draw(quantiles: list[float], project: Path = Path(".")) -> None:
    """Draw how each shipped codec was trained, a clip on its way, and one figure a finding, as NAME.png and NAME-dark.png; what they show as told.json.

    Of evidence, only what is of what is here. `quantiles` are those of section 4.
    """
    theme.style()
    results, folder = project / "results", project / "book/_static/drawings"

    def read(place: str) -> Found:
        if place.startswith("evidence/"):
            return evidence.read(results / place)
        return {path.stem: files.read(path) for path in sorted((results / place).glob("*.json"), key=lambda path: theme.place(path.stem))}

    for table in sorted((results / "codec").glob(f"*{SUFFIX}")):
        save(codec_training(pd.read_csv(table)), folder / f"training-{table.name.removesuffix(SUFFIX)}")
    steered = [path.parts[-4] for path in project.glob("book/_static/sounds/*/04_steering/steering/index.json")]
    if steered:
        save(strip(min(steered, key=theme.place), quantiles, project), folder / "strip")
    told = {}
    for name, figure in FINDINGS.items():
        if found := figure(read):
            save(found[0], folder / name)
            told[name] = found[1]
    whole.write(folder / "told.json", json.dumps(told, ensure_ascii=False, indent=1) + "\n")


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PATH.png and PATH-dark.png, and close it."""
    drawn, _ = theme.both(figure)
    for end, kind in ((".png", "image/png"), ("-dark.png", theme.DARK)):
        data = BytesIO()
        # 256 colours: no difference that one could see, and a third of the bytes.
        Image.open(BytesIO(b64decode(drawn[kind]))).convert("RGB").quantize(256).save(data, "PNG", optimize=True)
        whole.write(path.with_name(path.name + end), data.getvalue())
    plt.close(figure)
    print("drew", path)


if __name__ == "__main__":
    from audiosae import command

    command.run(draw)
