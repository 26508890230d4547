"""`proposing_graph`: `Inverse.propose` as an ONNX graph, in which the flow's steps are a loop."""

from __future__ import annotations

import copy
from typing import Any

import torch
from onnx import TensorProto, helper
from torch import Tensor

from export.onnx.subgraph import Body, Function, part
from export.onnx.tracing import OPSET
from synth.contract.matcher import MATCHER_INPUTS, MATCHER_OUTPUTS
from synth.models.inverse import Inverse
from synth.models.inverse.flow import units_of
from synth.models.inverse.model import CALM, HIGHEST_KEY, STEPS

ROWS = {0: "drawn"}  # patches that the flow draws
IR_VERSION = 8  # of opset 18


def proposing_graph(model: Inverse) -> Any:
    """The graph, with the inputs and outputs of a matching model.

    Args:
        model: is left as it is.
    """
    model = copy.deepcopy(model).eval().requires_grad_(False)
    audio, noise = torch.zeros(1, model.voice.samples), torch.randn(3, len(model.voice.names))
    with torch.inference_mode():
        known = _listen(model)({"audio": audio, "noise": noise})
    first = {"audio": {}, "noise": {0: "patches"}}
    one: dict[str, dict[int, str]] = {"embedding": {}, "told": {}, "first": {}}
    whole = Body()
    whole.include(_part("listen/", _listen(model), {"audio": audio, "noise": noise}, first, known))
    start = {**known, "x": known["drawn"], "i": torch.tensor(0)}
    inside = {key: start[key] for key in ("x", "i", "embedding", "told")}
    names = {"i": "flow_i", "x": "flow_x"}
    step = _part("step/", _step(model), inside, {"x": ROWS, **one}, {"x": "flow_next"}, names)
    step.share_weights()
    rounds = whole.constant("flow_rounds", STEPS)
    carried = {"flow_end": ("drawn", "flow_x", "flow_next")}
    whole.loop("flow", rounds, step, carried, {"flow_end": TensorProto.FLOAT})
    last = {"x": known["drawn"], "first": known["first"], "told": known["told"]}
    end = dict.fromkeys(MATCHER_OUTPUTS, "")
    names = {"x": "flow_end"}
    whole.include(_part("end/", _finish(model), last, {"x": ROWS, **one}, end, names))
    return _assembled(whole, audio, noise)


def values_of(model: Inverse, units: Tensor, told: Tensor) -> Tensor:
    """Values `[patches, names]` of proposals, see `Inverse.written`."""
    written = model.written(units, told)
    return torch.cat([written[name] for name in model.voice.names], 1)


def _listen(model: Inverse) -> Function:
    """From a sound and noise to what the flow has to know, and the head's own patch."""

    def listen(given: Any) -> dict[str, Tensor]:
        told, embedding = model.told(given["audio"]), model.embed(given["audio"])
        first = model.head(embedding, told)
        return {
            "embedding": embedding, "told": told, "first": first, "drawn": CALM * given["noise"][1:]
        }  # fmt: skip

    return listen


def _step(model: Inverse) -> Function:
    """One step of the flow."""

    def step(given: Any) -> dict[str, Tensor]:
        x = given["x"]
        time = torch.zeros_like(x[:, :1]) + given["i"].float() / STEPS
        rows = torch.zeros_like(x[:, :1])
        embedding, told = given["embedding"] + rows, given["told"] + rows
        return {"x": model.flow.advance(x, time, 1 / STEPS, embedding, told)}

    return step


def _finish(model: Inverse) -> Function:
    """From the end of the flow to values in the units of the parameters."""

    def finish(given: Any) -> dict[str, Tensor]:
        told = given["told"]
        units = model.keyed(torch.cat([given["first"], units_of(given["x"])]), told)
        scale = torch.tensor([[HIGHEST_KEY, 1.0, model.voice.seconds]])
        return {"values": values_of(model, units, told), "heard": told * scale}

    return finish


def _part(
    prefix: str,
    function: Function,
    example: dict[str, Tensor],
    axes: dict[str, dict[int, str]],
    made: dict[str, Any],
    names: dict[str, str] | None = None,
) -> Body:
    """A traced function whose tensors have their own names in the graph, unless others are given.

    Args:
        prefix, function, example, axes: as of `part`.
        made: what it makes, by key; a text is its name in the graph.
        names: of what it takes, where they differ.
    """
    taken = {key: (names or {}).get(key, key) for key in example}
    given = {key: name if isinstance(name, str) and name else key for key, name in made.items()}
    return part(prefix, function, example, taken, given, axes)


def _assembled(whole: Body, audio: Tensor, noise: Tensor) -> Any:
    value, kind, n = helper.make_tensor_value_info, TensorProto.FLOAT, noise.shape[1]
    patches: list[str | int | None] = ["patches", n]
    shapes: Any = ([1, audio.shape[1]], patches), (patches, [1, 3])
    inputs, outputs = (
        [value(name, kind, shape) for name, shape in zip(names, of, strict=True)]
        for names, of in zip((MATCHER_INPUTS, MATCHER_OUTPUTS), shapes, strict=True)
    )
    graph = helper.make_graph(whole.nodes, "matcher", inputs, outputs, whole.weights)
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
