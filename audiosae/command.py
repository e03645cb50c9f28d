"""Functions as commands: a command line is read from the signature of the function that it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tyro

from audiosae.errors import report


def run(function: Callable[..., Any]) -> None:
    """Run a function with what was typed; an `AudiosaeError` ends as one message on stderr and exit status 1.

    Parameters become options, such as ``--alphas 1 20`` or ``--shape.filters 16``, and what the docstring says of each is its help.
    """
    report(lambda: tyro.cli(function))
