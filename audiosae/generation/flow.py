"""Rectified flow: straight paths from noise to music, and Euler steps along the velocities that were learnt.

    x_t = (1 − t) x_0 + t x_1          x_0 noise, x_1 music, dx/dt = x_1 − x_0        (Liu et al. 2023)

Sampling as in DiffRhythm: times evenly from 0 to 1, v = v_c + guidance_scale (v_c − v_u), where v_c knows the style and v_u
does not. Every state on the way is kept: section 5 reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from tqdm.auto import tqdm

from audiosae.errors import ParameterError

STATES = 32
"""States of a trajectory in DiffRhythm, noise and music among them: 31 Euler steps."""

GUIDANCE_SCALE = 4.0
"""DiffRhythm's."""

Velocity = Callable[[torch.Tensor, float], tuple[torch.Tensor, torch.Tensor]]
"""x [batch, frames, dim] and t -> v_c and v_u, each of the shape of x."""

Steer = Callable[[torch.Tensor, int], torch.Tensor]
"""The estimate of the clean latents and the number of the state -> a steered estimate of the same shape."""


class Trajectory(NamedTuple):
    """All states of some generations."""

    noisy: torch.Tensor  #: x_t [states, batch, frames, dim]; the last is the music
    clean: torch.Tensor  #: the estimate of the music at each state, x_t + (1 − t) v_c, of the same shape; the last is the music too


def times(states: int) -> list[float]:
    """From 0 to 1, evenly; `ParameterError` for fewer than two states, between which there is no step."""
    if states < 2:
        raise ParameterError(f"a generation needs at least 2 states, noise and music; asked for {states}.")
    return torch.linspace(0, 1, states).tolist()


def noise(seeds: Sequence[int], frames: int, dim: int) -> torch.Tensor:
    """x_0 [seeds, frames, dim], standard normal, each piece from its own seed whatever stands beside it."""
    return torch.stack([torch.randn(frames, dim, generator=torch.Generator().manual_seed(seed)) for seed in seeds])


@torch.no_grad()
def sample(
    velocity: Velocity, noise: torch.Tensor, states: int = STATES, guidance_scale: float = GUIDANCE_SCALE, steer: Steer | None = None,
    progress: str | None = None, first: int = 0,
) -> Trajectory:  # fmt: skip
    """Follow the velocities from noise x_0 [batch, frames, dim] to music, in steps between `states`, noise and music included.

    Parameters
    ----------
    guidance_scale
        0 follows v_c alone.
    steer
        Moves the clean estimate x̂ to x̂'; the step is then made with v + (x̂' − x̂) / (1 − t), with which the path,
        were it straight from here on, would end where the guided one ends, moved by as much.
    progress
        What to write beside a progress bar; None for no bar.
    first
        Number of the state that `noise` is: more than 0 goes on from a state of an earlier trajectory.

    Returns
    -------
    The states from `first` on. Latents that are no numbers any more are a `ParameterError`.
    """
    grid, x = times(states), noise
    noisy, clean = [], []
    for number in tqdm(range(first, states - 1), desc=progress, unit="step", disable=progress is None):
        now, then = grid[number : number + 2]
        with_style, without = velocity(x, now)
        estimate = x + (1 - now) * with_style
        noisy.append(x)
        clean.append(estimate)
        guided = with_style + guidance_scale * (with_style - without)
        if steer is not None:
            guided = guided + (steer(estimate, number) - estimate) / (1 - now)
        x = x + (then - now) * guided
        if not torch.isfinite(x).all():
            raise ParameterError(
                f"the latents are NaN or infinite after state {number + 1} of {states}; check the weights, and whether "
                f"a guidance scale of {guidance_scale} or the steering is too strong."
            )
    return Trajectory(torch.stack([*noisy, x]), torch.stack([*clean, x]))


def line(noise: torch.Tensor, music: torch.Tensor, states: int) -> torch.Tensor:
    """The straight path between two ends, which knows nothing of music on the way: [states, *shape]."""
    return torch.stack([(1 - t) * noise + t * music for t in times(states)])


def loss(
    predict: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], music: torch.Tensor, noise: torch.Tensor, time: torch.Tensor
) -> torch.Tensor:
    """Mean squared error of the velocity between noise x_0 and music x_1 at times t [batch].

    `predict` gives it for x_t [batch, frames, dim] and t. DiffRhythm draws t from a logit-normal distribution (Esser et al. 2024).
    """
    t = time[:, None, None]
    return (predict((1 - t) * noise + t * music, time) - (music - noise)).pow(2).mean()
