"""Where work that splits runs: beside other pieces on this machine, or on a cluster, through joblib.

The section `engine` of params.yaml names joblib's backend. Each piece computes on one thread, from its arguments and from files, so what
it makes has the same bytes wherever it runs, and beside however many others: no result depends on the engine, and no stage names it.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from joblib import Parallel, cpu_count, delayed, parallel_config
from joblib.externals.loky.process_executor import BrokenProcessPool
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from audiosae.errors import AudiosaeError
from audiosae.files import determinism, params
from audiosae.files.code import ROOT

TRIES = 3
"""How often in a row workers may be lost before any piece is done."""

T = TypeVar("T")


class EngineError(AudiosaeError):
    """The engine is not installed or cannot be reached, or loses its workers, or a GPU has too little memory."""


def each(work: Callable[..., T], pieces: Mapping[str, tuple[Any, ...]], label: str, unit: str) -> dict[str, T]:
    """Call a function once for each piece, on the workers of the engine.

    A piece whose worker is lost, killed for its memory for example, runs again; those that are done do not.

    Parameters
    ----------
    work
        A function of a module. What it changes elsewhere than in files is lost.
    pieces
        Its arguments, by the name of the piece.
    label, unit
        What the progress bar calls the work, and a piece.

    Returns
    -------
    What the calls return, by name, in the order of `pieces`.

    Raises
    ------
    EngineError
        If the engine is not installed or cannot be reached, workers are lost `TRIES` times in a row, or a GPU's memory runs out.
    Exception
        What a piece raises; the error says which piece it was, and no other starts.
    """
    found: dict[str, T] = {}
    tries = 0
    with _backend(len(pieces)) as (settings, lost), tqdm(total=len(pieces), desc=label, unit=unit) as bar, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "A worker stopped while|.*You could benefit from", UserWarning)  # joblib's, when a piece fails
        while len(found) < len(pieces):
            waiting = [delayed(_piece)(name, number, work, args) for number, (name, args) in enumerate(pieces.items()) if name not in found]
            try:
                for name, result, error in Parallel(**settings)(waiting):
                    if error is not None:
                        raise _named(error, f"{label}, {name}")
                    found[name] = result
                    tries = 0
                    bar.update()
            except lost as error:
                tries += 1
                print(f"{label}: a worker was lost ({type(error).__name__}); what it did is done again.", file=sys.stderr)
                if tries == TRIES:
                    raise EngineError(
                        f"{label}: workers were lost {TRIES} times before any piece was done: {str(error).splitlines()[0]} If memory ran out, set "
                        "engine.workers in params.yaml lower, and run it again: what is done stays."
                    ) from error
    return {name: found[name] for name in pieces}


def _piece(name: str, number: int, work: Callable[..., T], args: tuple[Any, ...]) -> tuple[str, T | None, Exception | None]:
    """One piece, on one thread, on a GPU of its own where there are several; what it raises is returned, so that a lost worker is told from it."""
    if torch.cuda.device_count() > 1:
        torch.cuda.set_device(number % torch.cuda.device_count())
    determinism.fix_arithmetic()
    with determinism.threads(1), threadpool_limits(1):  # torch would set threads of a new thread anew, as many as it was told to
        try:
            return name, work(*args), None
        except Exception as error:
            return name, None, error


@contextmanager
def _reached(address: str) -> Iterator[None]:
    """Tell that no cluster answers apart from errors of the disk, which are of the same kind."""
    try:
        yield
    except OSError as error:
        raise EngineError(
            f"engine.address in params.yaml is {address!r}, where no cluster answers ({str(error).splitlines()[0]}). Start it, correct the address, "
            "or leave it empty to use this machine."
        ) from error


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Have an error tell what in a piece it comes from, such as one clip of many."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in {what}")
        raise


def _named(error: Exception, place: str) -> Exception:
    """The same error with the piece in its message, if it is one for people; else with a note."""
    if isinstance(error, AudiosaeError):
        return type(error)(f"{place}: {error}")
    if isinstance(error, torch.OutOfMemoryError):
        return EngineError(
            f"{place}: the GPU's memory ran out. Set engine.workers in params.yaml lower, and run it again: what is done stays."
        )
    error.add_note(f"in {place}")
    return error


@contextmanager
def _backend(pieces: int) -> Iterator[tuple[dict[str, Any], tuple[type[Exception], ...]]]:
    """Joblib's backend as params.yaml has it, while it is in use: what `Parallel` is told, and what it raises when a worker is lost."""
    said = params.engine(ROOT / "params.yaml")
    backend, address = said["backend"], said["address"]
    workers = said["workers"] or torch.cuda.device_count() or -1
    try:
        if backend == "dask":
            from distributed import Client, KilledWorker

            local = {"n_workers": workers if workers > 0 else None, "threads_per_worker": 1, "dashboard_address": None}
            with _reached(address):
                client = Client(address) if address else Client(**local)
            with client, parallel_config("dask"):
                yield {"n_jobs": -1, "return_as": "generator_unordered"}, (KilledWorker,)
        elif backend == "ray":
            import ray
            from ray.util.joblib import register_ray

            with _reached(address):
                cpus = None if address or workers < 0 else workers
                ray.init(address=address or "local", num_cpus=cpus, include_dashboard=False, log_to_driver=False)
            try:
                register_ray()
                with parallel_config("ray"):
                    yield {"n_jobs": -1}, (ray.exceptions.RayError,)
            finally:
                ray.shutdown()
        else:
            # No more processes than pieces, and none for a single piece.
            count = min(workers if workers > 0 else cpu_count(), max(pieces, 1))
            with parallel_config("loky"):
                yield {"n_jobs": count, "return_as": "generator_unordered"}, (BrokenProcessPool,)
    except ImportError as error:
        raise EngineError(f"engine.backend in params.yaml is {backend}, which is not here ({error}); install it: make engines") from error
