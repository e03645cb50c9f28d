"""How long each stage of `dvc repro` takes, and how much memory it and its children hold at once.

    .venv/bin/python benchmarks/stages.py

Run it in a fresh clone after `make setup` and `.venv/bin/dvc pull train_codec`, on a machine that does nothing else.
"""

from __future__ import annotations

import re
import subprocess
import threading
import time
from pathlib import Path

import psutil


def resident(process: psutil.Process) -> int:
    """Bytes in memory of a process and all its children; pages that they share count for each."""
    total = 0
    for member in [process, *process.children(recursive=True)]:
        try:
            total += member.memory_info().rss
        except psutil.NoSuchProcess:  # ended between the listing and the look
            continue
    return total


def main() -> None:
    """Run the pipeline and print a table."""
    dvc = Path(".venv/bin/dvc")
    run = subprocess.Popen([dvc, "repro"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    process = psutil.Process(run.pid)
    stages: list[list] = [["(dvc)", time.perf_counter(), 0]]

    def watch() -> None:
        while run.poll() is None:
            try:
                stages[-1][2] = max(stages[-1][2], resident(process))
            except psutil.NoSuchProcess:
                return
            time.sleep(0.2)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for line in run.stdout:
        if found := re.match(r"Running stage '(.+)':", line):
            stages.append([found[1], time.perf_counter(), 0])
    run.wait()
    watcher.join()
    end = time.perf_counter()
    ends = [start for _, start, _ in stages[1:]] + [end]
    print(f"{'stage':24} {'s':>7} {'GB':>6}")
    for (name, start, peak), stop in zip(stages, ends):
        print(f"{name:24} {stop - start:7.1f} {peak / 1e9:6.2f}")
    print(f"{'all':24} {end - stages[0][1]:7.1f} {max(peak for *_, peak in stages) / 1e9:6.2f}")
    raise SystemExit(run.returncode)


if __name__ == "__main__":
    main()
