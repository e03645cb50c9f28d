"""Work that splits: the same results in whatever process, workers that are killed, pieces that fail, and engines that are not there."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import types
import warnings
from pathlib import Path
from typing import Any

import pieces_of_work
import pytest
import tiny_project
import torch

from audiosae import engine
from audiosae.errors import AudioError
from audiosae.files import determinism, params
from audiosae.sections import probing, sae_training

ENGINES = ["loky", pytest.param("dask", marks=pytest.mark.slow), pytest.param("ray", marks=pytest.mark.slow)]


def use(monkeypatch: pytest.MonkeyPatch, backend: str, workers: int) -> None:
    monkeypatch.setattr(params, "engine", lambda path: {"backend": backend, "workers": workers, "address": ""})
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))  # where Ray's workers find the functions of this module


@pytest.mark.parametrize("backend", ENGINES)
def test_a_piece_gives_the_same_bytes_wherever_it_runs(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = {f"seed {seed}": (seed,) for seed in range(6)}
    determinism.prepare(0)  # as every section does before its work splits
    torch.set_num_threads(2)
    use(monkeypatch, "loky", 1)
    here = engine.each(pieces_of_work.compute, pieces, "sums", "piece")
    assert torch.get_num_threads() == 2 and {one[3] for one in here.values()} == {os.getpid()}
    use(monkeypatch, backend, 2)
    there = engine.each(pieces_of_work.compute, pieces, "sums", "piece")
    assert list(here) == list(there) == list(pieces) and os.getpid() not in {one[3] for one in there.values()}
    for one, other in zip(here.values(), there.values()):
        assert one[0].tobytes() == other[0].tobytes()
        assert one[1] == other[1] == 1 and set(one[2] + other[2]) == {1}


def test_a_piece_computes_on_one_thread_in_a_new_thread_too() -> None:
    """Where torch would begin with as many threads as the process was told to use."""
    torch.set_num_threads(2)
    found: list[Any] = []
    worker = threading.Thread(target=lambda: found.append(engine._piece("a", 0, pieces_of_work.compute, (0,))))
    worker.start()
    worker.join()
    [(_, (_, torch_threads, threads, _), error)] = found
    assert error is None and torch_threads == 1 and set(threads) == {1}


@pytest.mark.parametrize(("words", "told"), [(["-m", "program"], "program"), (["program.py"], "__main__")])
def test_workers_find_functions_of_a_module_that_runs_as_a_program(words: list[str], told: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        "from audiosae import command\n\ndef main(): print(main.__module__)\n\nif __name__ == '__main__': command.run(main)\n"
    )
    done = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == told


@pytest.mark.parametrize("backend", ENGINES)
def test_a_worker_that_is_killed_costs_no_more_than_what_was_in_hand(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, backend, 2)
    names = list("abcdefgh")
    found = engine.each(pieces_of_work.write_or_die, {name: (tmp_path, name, int(name == "g")) for name in names}, "pieces", "piece")
    assert found == {name: name.upper() for name in names}
    runs = {name: len(list(tmp_path.glob(f"{name}-*"))) for name in names}
    assert runs["g"] >= 2
    if backend == "loky":  # Dask does again what it had not handed over yet, Ray all
        assert runs["a"] == 1 and sum(runs.values()) <= len(names) + 2 + 1
        assert "pieces: a worker was lost" in capfd.readouterr().err


def test_workers_that_are_always_lost_end_the_work_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "loky", 2)
    with pytest.raises(
        engine.EngineError,
        match=r"pieces: workers were lost 3 times before any piece was done: A worker.*engine.workers in params.yaml lower",
    ):
        engine.each(pieces_of_work.write_or_die, {name: (tmp_path, name, 9) for name in "ab"}, "pieces", "piece")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_piece_that_fails_is_named(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "loky", workers)
    with pytest.raises(AudioError, match=r"^labelling, clips from 32: a.wav: it is silent$"):
        engine.each(pieces_of_work.fail, {"clips from 0": ("none",), "clips from 32": ("audio",)}, "labelling", "part")
    with pytest.raises(OSError, match="No space left") as raised:
        engine.each(pieces_of_work.fail, {"clips from 0": ("disk",), "others": ("none",)}, "labelling", "part")
    assert raised.value.__notes__ == ["in labelling, clips from 0"]
    with pytest.raises(ZeroDivisionError) as raised:
        engine.each(pieces_of_work.divide, {"clips from 0": ("b.wav",)}, "labelling", "part")
    assert raised.value.__notes__ == ["in b.wav", "in labelling, clips from 0"]


def test_an_engine_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for backend, module in (("dask", "distributed"), ("ray", "ray")):
        use(monkeypatch, backend, 2)
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(engine.EngineError, match=f"engine.backend in params.yaml is {backend}.*make engines"):
            engine.each(pieces_of_work.fail, {"one": ("none",)}, "nothing", "piece")


def test_a_cluster_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(address: str) -> None:
        raise TimeoutError("timed out\nand more")

    module = types.ModuleType("distributed")
    module.Client, module.KilledWorker = refuse, RuntimeError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "distributed", module)
    monkeypatch.setattr(params, "engine", lambda path: {"backend": "dask", "workers": 0, "address": "tcp://nobody:1"})
    with pytest.raises(engine.EngineError, match=r"engine.address in params.yaml is 'tcp://nobody:1'.*\(timed out\)\. Start it"):
        engine.each(pieces_of_work.fail, {"one": ("none",)}, "nothing", "piece")


def test_a_gpu_that_is_too_small_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "loky", 1)
    with pytest.raises(engine.EngineError, match=r"^grid, wide: the GPU's memory ran out\. Set engine.workers in params.yaml lower"):
        engine.each(pieces_of_work.fail, {"wide": ("gpu",)}, "grid", "point")


def test_a_piece_that_fails_ends_the_work_without_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "loky", 2)
    with warnings.catch_warnings(record=True) as told, pytest.raises(AudioError):
        warnings.simplefilter("always")
        engine.each(pieces_of_work.fail, {"bad": ("audio",), **{f"slow {n}": ("slow",) for n in range(8)}}, "labelling", "part")
    assert [str(one.message) for one in told] == []


def test_pieces_are_spread_over_the_gpus_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "loky", 1)
    chosen: list[Any] = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    engine.each(pieces_of_work.fail, {str(number): ("none",) for number in range(5)}, "pieces", "piece")
    assert chosen == [0, 1, 2, 0, 1]
    use(monkeypatch, "loky", 0)
    with engine._backend(5) as (settings, _):
        assert settings["n_jobs"] == 3


@pytest.mark.parametrize("backend", ENGINES)
def test_sections_write_the_same_bytes_with_any_number_of_workers(backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training and probing of a tiny project; what is compared is every file that they write."""
    written = []
    for name, engine_of in (("alone", ("loky", 1)), ("beside", (backend, 2))):
        root = tiny_project.make(tmp_path / name)
        use(monkeypatch, *engine_of)
        sae_training.run(tiny_project.CODEC, "small", 2, 0.05, 3, 2, 1, 64, 0.001, 0, "float32", root)
        probing.run(tiny_project.CODEC, 0.001, 5, 100000, 0, root)
        files = [path for path in root.rglob("*") if path.is_file() and "corpus" not in path.parts]
        written.append({str(path.relative_to(root)): path.read_bytes() for path in files})
    alone, beside = written
    assert alone.keys() == beside.keys() and f"results/probing/{tiny_project.CODEC}.json" in alone
    assert [name for name in alone if alone[name] != beside[name]] == []
