"""A torch module as an ONNX file for the page: time free, weights in half precision where that is exact, and equal to torch.

Weights are stored as float16 where this loses nothing, which holds for all that ships, and a Cast gives float32 back when the runtime loads them.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from audiosae.errors import AudiosaeError
from audiosae.live.graphs import OPSET

# It tells of operators of packages that are not installed, and that no codec here has.
logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)

SNR = 100.0
"""dB that what a model gives has to lie over its difference from torch."""

EXAMPLE = 24
"""Frames of the example that a model is exported with."""

SMALL = 64
"""Values of a tensor below which it is not worth a Cast."""


class LiveError(AudiosaeError):
    """A model for the page is not equal to torch."""


def snr(found: np.ndarray, wanted: np.ndarray) -> float:
    """dB of what torch gives over the difference of what a model gives from it."""
    return float(10 * np.log10(np.square(wanted).sum() / max(float(np.square(found - wanted).sum()), 1e-30)))


def export(
    module: nn.Module, example: Sequence[torch.Tensor], inputs: Sequence[str], output: str, free: Mapping[str, Mapping[int, Any]]
) -> onnx.ModelProto:
    """Export a module.

    Parameters
    ----------
    example
        Its inputs, of any length.
    inputs, output
        Their names in the graph.
    free
        By input, axes whose length is free, as `torch.export.Dim`.
    """
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module.eval(), tuple(example), dynamo=True, input_names=list(inputs), output_names=[output],
            dynamic_shapes=tuple(free.get(name) for name in inputs), opset_version=OPSET, external_data=False, verbose=False,
        )  # fmt: skip
    model = program.model_proto
    _free_time(model)
    _strip(model)
    _halve(model)
    onnx.checker.check_model(model)
    return model


def _free_time(model: onnx.ModelProto) -> None:
    """Free what the exporter fixed: the example's length in the Reshape behind an LSTM."""
    made = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        source = made.get(node.input[0]) if node.op_type == "Reshape" else None
        while source is not None and source.op_type == "Transpose":
            source = made.get(source.input[0])
        if source is not None and source.op_type == "LSTM":
            (stored,) = (each for each in model.graph.initializer if each.name == node.input[1])
            shape = numpy_helper.to_array(stored).copy()
            shape[0] = -1
            stored.CopyFrom(numpy_helper.from_array(shape, stored.name))


def _strip(model: onnx.ModelProto) -> None:
    """Leave out what the exporter tells people: names, stack traces, shapes between."""
    graph = model.graph
    kept = {each.name for each in (*graph.input, *graph.output)}
    names: dict[str, str] = {}

    def short(name: str) -> str:
        return name if name in kept or not name else names.setdefault(name, f"v{len(names)}")

    del graph.value_info[:], model.metadata_props[:], graph.metadata_props[:]
    for node in graph.node:
        del node.metadata_props[:]
        node.name = node.doc_string = ""
        node.input[:], node.output[:] = map(short, node.input), map(short, node.output)
    for tensor in graph.initializer:
        del tensor.metadata_props[:]
        tensor.name, tensor.doc_string = short(tensor.name), ""


def _halve(model: onnx.ModelProto) -> None:
    """Store float32 weights as float16 where that is exact."""
    graph = model.graph
    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        half = values.astype(np.float16) if values.dtype == np.float32 and values.size >= SMALL else None
        if half is not None and np.array_equal(half.astype(np.float32), values):
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(half, f"{name}h"))
            graph.node.insert(0, helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
