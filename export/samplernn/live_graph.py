"""The graph of a live SampleRNN: loops over frames within loops over longer frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor

from export.manifest import state_name
from export.onnx.int8 import integer_weights
from export.onnx.shared_tables import share_tables
from export.onnx.subgraph import Body, element_type, part
from export.onnx.tracing import OPSET
from synth import __version__
from synth.models.samplernn.instrument import NOISE, SampleRNNInstrument
from synth.nn import State

HELD = ("hold", "sharpness", "top_k")  # what stays the same during a run


def live_graph(instrument: SampleRNNInstrument) -> Any:
    """The model as one ONNX graph, without a manifest.

    Args:
        instrument: in eval mode.
    """
    return _LiveGraph(instrument).build()


class _LiveGraph:
    def __init__(self, instrument: SampleRNNInstrument) -> None:
        self.instrument = instrument
        self.tiers = instrument.live.tiers
        self.state = instrument.init_state(2)
        self.controls = {
            c.name: torch.from_numpy(c.default_array).repeat(2, 1) for c in instrument.controls
        }
        noise = torch.zeros(2, 3, instrument.hop)
        with torch.inference_mode():
            self.given = {**self.controls, NOISE: noise, **self.state}
            self.begun = instrument.begin(self.given)

    def build(self) -> Any:
        """Beginning, loops, end."""
        names = {key: key for key in (*self.controls, NOISE)}
        names |= {key: state_name(key) for key in self.state}
        main = Body()
        begun = {key: f"begun_{key}" for key in self.begun}
        axes = {NOISE: {0: "voices", 1: "frames"}}
        main.include(part("begin/", self.instrument.begin, self.given, names, begun, axes))
        main.constant("first", [0])
        main.add("Shape", ["begun_uniform"], ["uniform_shape"])
        main.add("Gather", ["uniform_shape", "first"], ["run_frames_1"])
        main.constant("scalar", torch.zeros(0, dtype=torch.int64).numpy())
        main.add("Reshape", ["run_frames_1", "scalar"], ["run_frames"])
        top = len(self.tiers) - 1
        steering = "begun_given" if "given" in begun else None
        loops = _Loops(self.instrument, self.state, self.begun)
        main.include(loops.over_frames(top, "run_frames", "begun_uniform", steering, begun, "run"))
        ended = {"audio": "audio_out"}
        ended |= {k: f"{state_name(k)}_out" for k in ("envelope", "started", "reprimed")}
        given = {**self.given, "codes": torch.zeros(6, *self._sizes(), 2, 1, dtype=torch.int64)}
        codes_axes = {0: "frames", len(self._sizes()) + 1: "voices"}
        taken = {k: v for k, v in names.items() if k != NOISE and k in self._end_needs()}
        main.include(part("end/", self.instrument.end, given, {**taken, "codes": "run_codes"},
                          ended, {"codes": codes_axes}))  # fmt: skip
        for key in (*self.instrument.tier_keys, "history"):
            main.add("Identity", [f"run_{key}"], [f"{state_name(key)}_out"])
        return self._model(main)

    def _sizes(self) -> tuple[int, ...]:
        return self.instrument.config.frame_sizes[::-1]

    def _end_needs(self) -> set[str]:
        needs = {"gate", "attack", "release", "gain", "velocity", "loudness"}
        return needs | {"reprime", "envelope", "started"}

    def _model(self, main: Body) -> Any:
        value = helper.make_tensor_value_info
        inputs = [value("frames", TensorProto.INT64, [1])]
        inputs += [
            value(n, TensorProto.FLOAT, ["voices", c.shape[1]]) for n, c in self.controls.items()
        ]
        hop = self.instrument.hop
        inputs.append(value(NOISE, TensorProto.FLOAT, ["voices", "hops", hop]))
        outputs = [value("audio_out", TensorProto.FLOAT, ["voices", 1, "samples"])]
        for key, tensor in self.state.items():
            shape, kind = ["voices", *tensor.shape[1:]], element_type(tensor)
            inputs.append(value(state_name(key), kind, shape))
            outputs.append(value(f"{state_name(key)}_out", kind, shape))
        graph = helper.make_graph(main.nodes, "samplernn", inputs, outputs, main.weights)
        share_tables(graph)
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=9)
        model.producer_name, model.producer_version = "synth", __version__
        onnx.checker.check_model(model)
        return model


class _Loops:
    """The loops over frames and samples."""

    def __init__(self, instrument: SampleRNNInstrument, state: State, begun: State) -> None:
        self.instrument, self.state, self.begun = instrument, state, begun
        self.tiers = instrument.live.tiers

    def over_frames(
        self,
        k: int,
        count: str,
        uniform: str,
        given: str | None,
        before: Mapping[str, str],
        name: str,
    ) -> Body:
        """The loop over frames of tier `k`.

        Args:
            k: index of the tier, 0 being that of the shortest frames.
            count: name of the number of frames.
            uniform: name of the numbers that draw the samples of all of them.
            given: name of what steers all frames (top tier), or of `[voices, frames, hidden]`.
            before: names of history and states before the loop; after it they are `<name>_<key>`.
            name: of the loop, with which all names inside begin.
        """
        body, keys = Body(), self._keys(k)
        now = {key: f"{name}_now_{key}" for key in keys}
        body.add("Gather", [uniform, f"{name}_i"], [f"{name}_uniform"], axis=0)
        steering = given
        if given is not None and k < len(self.tiers) - 1:
            steering = f"{name}_given"
            body.add("Gather", [given, f"{name}_i"], [steering], axis=1)
        after = self._tier(body, k, now, steering, name)
        after |= self._inside(body, k, now, name)
        body.add("Identity", [f"{name}_in_codes"], [f"{name}_round_codes"])
        outer = Body()
        types = {f"{name}_{key}": element_type(self.state[key]) for key in keys}
        carried = {f"{name}_{key}": (before[key], now[key], after[key]) for key in keys}
        outer.loop(name, count, _finished(body), carried, types,
                   (f"{name}_round_codes", f"{name}_codes"))  # fmt: skip
        return outer

    def _inside(self, body: Body, k: int, now: Mapping[str, str], name: str) -> dict[str, str]:
        """The shorter frames, or the samples, of a frame of tier `k`: makes `<name>_in_codes`;
        returns the names of the next history and of the states below."""
        known, inner = f"{name}_known", f"{name}_in"
        if k:
            size = body.constant(f"{inner}_count", self.instrument.config.frame_sizes[k])
            lower = {key: now[key] for key in self._keys(k - 1)}
            body.include(self.over_frames(k - 1, size, f"{name}_uniform", known, lower, inner))
            return {key: f"{inner}_{key}" for key in lower}
        body.include(self._samples(f"{name}_uniform", known, now["history"], inner))
        slid = {"history": f"{inner}_history"}
        taken = {"history": now["history"], "window": f"{inner}_window"}
        example = {"history": self.state["history"], "window": self._window()}
        body.include(part(f"{name}/slide/", self.instrument.slide, example, taken, slid, {}))
        return slid

    def _keys(self, k: int) -> list[str]:
        """State that a loop over frames of tier `k` changes."""
        states = [f"tier{i + 1}.{n}" for i in range(k + 1) for n in self.tiers[i].state_names]
        return [*states, "history"]

    def _tier(
        self, body: Body, k: int, now: Mapping[str, str], given: str | None, name: str
    ) -> dict[str, str]:
        """One frame of tier `k`: makes `<name>_known`; returns the names of its next state."""
        own = [f"tier{k + 1}.{n}" for n in self.tiers[k].state_names]
        taken = {"history": now["history"], "hold": "begun_hold"} | {key: now[key] for key in own}
        example: State = {key: self.state[key] for key in ("history", *own)}
        example["hold"] = self.begun["hold"]
        if given is not None:
            taken["given"] = given
            example["given"] = torch.zeros(2, self.instrument.config.hidden_size)
        after = {key: f"{name}_after_{key}" for key in own}
        made = {"known": f"{name}_known", **after}

        def function(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return self.instrument.tier(k, tensors)

        body.include(part(f"{name}/tier/", function, example, taken, made, {}))
        return dict(after)

    def _window(self) -> Tensor:
        return self.state["history"][:, -self.instrument.live.taps :]

    def _samples(self, uniform: str, known: str, history: str, name: str) -> Body:
        """The samples of a frame, from `history`: makes `<name>_window` and `<name>_codes`."""
        body, start, taps = Body(), f"{name}_start", self.instrument.live.taps
        axis = body.constant(f"{name}_axis", [1])
        first = body.constant(f"{name}_from", [-taps])
        last = body.constant(f"{name}_to", [2**62])
        body.add("Slice", [history, first, last, axis], [start])
        made = [f"{name}_window", f"{name}_codes"]
        # Chosen once a frame, so that nothing is ranked where nothing is left out.
        branches = [
            (self._loop_over_samples(uniform, known, start, branch, narrow),
             [f"{branch}_window", f"{branch}_codes"])
            for branch, narrow in ((f"{name}_top", True), (f"{name}_all", False))
        ]  # fmt: skip
        kinds = dict.fromkeys(made, TensorProto.INT64)
        body.either("begun_any_top_k", branches[0], branches[1], kinds)
        return body

    def _loop_over_samples(
        self, uniform: str, known: str, start: str, name: str, narrow: bool
    ) -> Body:
        """The loop itself; with `narrow`, only the `top_k` likeliest codes are drawn."""
        voices, config = 2, self.instrument.config
        body, now, taps = Body(), f"{name}_now", self.instrument.live.taps
        example = {"window": self._window(), "known": torch.zeros(voices, config.hidden_size)}
        taken, made = {"window": now, "known": f"{name}_known"}, {"logits": f"{name}_logits"}
        body.include(part(f"{name}/logits/", self.instrument.sample, example, taken, made, {}))
        drawn_from = f"{name}_logits"
        if narrow:
            body.include(_narrow(drawn_from, f"{name}_narrowed"))
            drawn_from = f"{name}_narrowed"
        example = {
            "narrowed": torch.zeros(voices, config.quantization),
            "sharpness": self.begun["sharpness"],
            "uniform": torch.zeros(voices, 1),
            "window": self._window(),
        }
        taken = {"narrowed": drawn_from, "sharpness": "begun_sharpness",
                 "uniform": f"{name}_uniform", "window": now}  # fmt: skip
        made = {"code": f"{name}_code", "window": f"{name}_next"}
        body.include(part(f"{name}/draw/", self.instrument.draw, example, taken, made, {}))
        slices = [(uniform, f"{name}_uniform", 0), (known, f"{name}_known", 1)]
        carried, codes = (start, now, f"{name}_next", f"{name}_window"), f"{name}_codes"
        outer = Body()
        outer.scan(_finished(body), carried, slices, (f"{name}_code", codes), (taps, 1))
        return outer


def _narrow(logits: str, narrowed: str) -> Body:
    """`SampleRNNInstrument.narrow`, but only as many values are ranked as are kept: torch would
    rank them all, which takes longer than everything else that a sample needs."""
    body = Body()
    zero, one = body.constant(f"{narrowed}_0", [0]), body.constant(f"{narrowed}_1", [1])
    never = body.constant(f"{narrowed}_never", np.float32(-1e9))
    ranked, last = f"{narrowed}_ranked", f"{narrowed}_last"
    body.add("TopK", [logits, "begun_most_kept"], [ranked, f"{narrowed}_places"])
    body.add("Sub", ["begun_top_k", one], [f"{last}_or_less"])
    body.add("Max", [f"{last}_or_less", zero], [last])
    body.add("GatherElements", [ranked, last], [f"{narrowed}_least"], axis=1)
    body.add("Less", [logits, f"{narrowed}_least"], [f"{narrowed}_less"])
    body.add("Greater", ["begun_top_k", zero], [f"{narrowed}_asked"])
    body.add("And", [f"{narrowed}_less", f"{narrowed}_asked"], [f"{narrowed}_out"])
    body.add("Where", [f"{narrowed}_out", never, logits], [narrowed])
    return body


def _finished(body: Body) -> Body:
    return Body(*integer_weights(body.nodes, body.weights))
