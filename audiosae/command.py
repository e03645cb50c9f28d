"""Functions as commands: a command line is read from the signature of the function that it runs."""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Callable
from typing import Any

import tyro

from audiosae.errors import report


def run(function: Callable[..., Any]) -> None:
    """Run a function with what was typed; an `AudiosaeError` ends as one message on stderr and exit status 1.

    A module that runs as a program is imported by its name first, under which the engine's workers find its functions.

    Parameters become options, such as ``--alphas 1 20`` or ``--shape.filters 16``, and what the docstring says of each is its help.
    """
    if function.__module__ == "__main__" and (program := sys.modules["__main__"].__spec__) is not None:
        function = pkgutil.resolve_name(f"{program.name}:{function.__name__}")
    report(lambda: tyro.cli(function))
