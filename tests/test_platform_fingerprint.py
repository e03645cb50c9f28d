"""The fingerprint of a machine's arithmetic: the same in every process here, another where a processor can do less."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from threadpoolctl import threadpool_limits

from audiosae.pipeline.platform_fingerprint import fingerprint


def elsewhere(**environment: str) -> str:
    """The fingerprint in a process of its own."""
    program = "from audiosae.pipeline.platform_fingerprint import fingerprint; print(fingerprint())"
    return subprocess.run(
        [sys.executable, "-c", program], env=os.environ | environment, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_one_machine_has_one_fingerprint_whatever_the_threads_and_modes() -> None:
    here = fingerprint()
    assert len(here) == 16 and int(here, 16) >= 0
    assert elsewhere(OMP_NUM_THREADS="1") == here
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.use_deterministic_algorithms(True)
    with threadpool_limits(1), torch.no_grad():
        assert fingerprint() == here
    assert torch.get_num_threads() == 1


@pytest.mark.slow
def test_a_processor_without_vectors_has_another() -> None:
    # torch then picks the kernels that it would on a processor with neither AVX2 nor AVX-512.
    assert elsewhere(ATEN_CPU_CAPABILITY="default") != fingerprint()
