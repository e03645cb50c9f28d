"""A fingerprint of this machine's floating-point arithmetic.

Kernels sum in an order that depends on the processor's vector width, and training magnifies such last bits. So equal code on equal
inputs gives equal bytes on processors with one fingerprint, and figures within tolerances (`audiosae.pipeline.verify`) on others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch.nn import functional

from audiosae.files.determinism import THREADS, threads


def fingerprint() -> str:
    """Hash the results of small computations with the kernels that the stages use; on one machine the same in every process.

    Where torch sees a GPU, which then computes, its model and CUDA's version are hashed too.
    """
    digest = hashlib.sha256()
    with threads(THREADS), threadpool_limits(THREADS, user_api="blas"), torch.no_grad():
        for result in (*_torch(), *_numpy()):
            digest.update(np.ascontiguousarray(result).tobytes())
    if torch.cuda.is_available():
        digest.update(f"{torch.cuda.get_device_name()} {torch.version.cuda}".encode())
    return digest.hexdigest()[:16]


def _inputs(*shape: int) -> np.ndarray:
    """Float32 in [−0.5, 0.5), from integers alone, so that every machine starts from the same bits."""
    steps = np.arange(np.prod(shape), dtype=np.uint64) * np.uint64(2654435761) % np.uint64(2**24)
    return (steps.astype(np.float32) / np.float32(2**24) - np.float32(0.5)).reshape(shape)


def _torch() -> Iterator[np.ndarray]:
    latents, weights = torch.from_numpy(_inputs(1024, 128)), torch.from_numpy(_inputs(128, 1024))
    yield (latents @ weights).numpy()  # a batch through the SAE's encoder
    yield (latents[:37, :61] @ weights[:61, :53]).numpy()  # and sizes that fill no block
    wave, filters = torch.from_numpy(_inputs(1, 16, 4096)), torch.from_numpy(_inputs(32, 16, 7))
    yield functional.conv1d(wave, filters, stride=2).numpy()
    yield functional.conv_transpose1d(wave, filters.transpose(0, 1).contiguous(), stride=4).numpy()
    heads = torch.from_numpy(_inputs(1, 4, 72, 64))
    yield functional.scaled_dot_product_attention(heads, heads, heads).numpy()
    for function in (torch.exp, torch.tanh, torch.sin, functional.gelu, functional.elu):
        yield function(8 * latents).numpy()
    yield torch.log(latents + 1).numpy()
    yield torch.softmax(latents, dim=1).numpy()
    yield torch.stack([latents.sum(), latents.var(), latents.norm(), latents.sum(dim=0)[0]]).numpy()
    yield torch.view_as_real(torch.fft.rfft(wave[..., :2048])).numpy()
    read = torch.zeros(128, 20, requires_grad=True)
    with torch.enable_grad():
        functional.cross_entropy(latents @ read, torch.arange(1024) % 20).backward()
    yield read.grad.numpy()  # as a probe is fitted


def _numpy() -> Iterator[np.ndarray]:
    latents, weights = _inputs(512, 128), _inputs(128, 257)
    for kind in (np.float32, np.float64):
        rows, columns = latents.astype(kind), weights.astype(kind)
        yield rows @ columns
        yield np.array([rows.sum(), rows.mean(axis=0)[0], rows.std(), np.linalg.norm(rows)])
        for function in (np.exp, np.tanh, np.sin, np.sqrt):
            yield function(rows + kind(0.5))
        yield np.log(rows + kind(1))
    yield np.fft.rfft(latents.reshape(-1, 2048))
    yield np.linalg.solve(latents.T.astype(np.float64) @ latents + np.eye(128), weights.astype(np.float64))
