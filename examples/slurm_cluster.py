"""Dask's workers as jobs of SLURM, for `engine.address` in params.yaml; they end with this program.

    make engines
    .venv/bin/python examples/slurm_cluster.py --jobs 64 --partition cpu

Run it on a node that the others reach, in a folder that they share, and write what it prints into params.yaml. A piece of work takes one thread and
the memory of one autoencoder, so each job is one worker; where jobs get GPUs, say so with `--directives=--gres=gpu:1`.
"""

from __future__ import annotations

import sys
import time

import tyro
from dask_jobqueue import SLURMCluster


def main(
    jobs: int, partition: str | None = None, memory: str = "6GB", walltime: str = "24:00:00", directives: tuple[str, ...] = ()
) -> None:  # fmt: skip
    """Start workers, print their scheduler's address, and wait to be interrupted.

    Parameters
    ----------
    jobs
        How many; SLURM starts them as there is room, and work begins with the first.
    partition, memory, walltime
        Of each job.
    directives
        More lines for `#SBATCH`.
    """
    cluster = SLURMCluster(
        queue=partition, cores=1, processes=1, memory=memory, walltime=walltime, python=sys.executable, job_extra_directives=list(directives),
        scheduler_options={"dashboard_address": None},
    )  # fmt: skip
    cluster.scale(jobs=jobs)
    print(f'engine: {{backend: dask, workers: 0, address: "{cluster.scheduler_address}"}}', flush=True)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    tyro.cli(main)
