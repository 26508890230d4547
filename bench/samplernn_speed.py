"""Measure the samples per second of a SampleRNN on one core, generated in several ways.

    pip install -c constraints.txt -e '.[train]'
    python bench/samplernn_speed.py [--seconds 3] [--sizes base,512,256] [--numba]

Random weights, 16 kHz, frames of 16, 256 levels. The rows of a size take turns, so that a machine
that slows down slows all of them; the script prints the median and the best of the turns. Time is
the processor time of the program, so other programs disturb it only through the caches.

- eager: the plain loop of torch over the same weights: one step of the recurrent layers per frame;
  per sample an embedding, four linear layers, softmax and multinomial.
- take: `synth generate`'s loop in torch, with 1 and 8 takes side by side.
- call: one run of a graph per sample.
- fp32, int8: the exported graph, with 1, 4 and 8 voices.
- `--numba` (pip install numba): only the two products per sample of one voice, as a compiled
  kernel with float32, bfloat16 and int8 weights, to see what a compiled kernel could gain over the
  graph.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch.nn import functional as F

from export.manifest import state_name
from export.onnx.instrument_graph import make_session
from export.onnx.int8 import integer_weights
from export.onnx.subgraph import part
from export.samplernn.live_graph import live_graph
from synth.models.samplernn import Generator, SampleRNN, SampleRNNConfig
from synth.models.samplernn.instrument import NOISE, PrimeBank, SampleRNNInstrument
from synth.models.samplernn.live import make_int8

RATE, ROUNDS = 16_000, 6
SIZES = {
    "base": SampleRNNConfig(),
    "512": SampleRNNConfig(hidden_size=512, rnn_layers=3),
    "256": SampleRNNConfig(hidden_size=256, rnn_layers=2),
}
Way = Callable[[], int]  # makes some samples of every voice and returns their number


def eager(model: SampleRNN) -> Way:
    """The plain loop."""
    config, predictor = model.config, model.predictor
    state = model.init_state(1)

    def call() -> int:
        nonlocal state
        taps = config.frame_sizes[0]
        history = state["history"]
        values = 2.0 * model.quantizer.companded[history]
        with torch.inference_mode():
            own = {n: state[f"tier1.{n}"] for n in model.tiers[0].state_names}
            known, new = model.tiers[0].step(values[:, None], None, own)
            for i in range(taps):
                embedded = predictor.embedding(history).flatten(1)
                x = predictor.input(embedded) + known[:, i]
                x = F.relu(predictor.hidden2(F.relu(predictor.hidden1(x))))
                chances = torch.softmax(predictor.output(x), 1)
                history = torch.cat([history[:, 1:], torch.multinomial(chances, 1)], 1)
        state = {"history": history, **{f"tier1.{n}": t for n, t in new.items()}}
        return taps

    return call


def takes(model: SampleRNN, rows: int) -> Way:
    """Generation as `synth generate` does it."""
    stream, samples = Generator(model).stream(rows), 4 * model.hop

    def call() -> int:
        stream.read(samples)
        return samples

    return call


def instrument_of(model: SampleRNN, int8: bool) -> SampleRNNInstrument:
    """The instrument, with notes that begin in silence."""
    bank = PrimeBank(model.init_state(1), torch.zeros(128, dtype=torch.int64))
    instrument = SampleRNNInstrument(model, bank).eval()
    if int8:
        controls = {c.name: torch.from_numpy(c.default_array)[None] for c in instrument.controls}
        noise = torch.randn(1, 1, instrument.hop, generator=torch.Generator().manual_seed(0))
        state = instrument.init_state(1)

        def run() -> None:
            with torch.inference_mode():
                instrument.step(torch.tensor([1]), {**controls, NOISE: noise}, state)

        make_int8(instrument.live, run)
    return instrument


def graph(instrument: SampleRNNInstrument, session: Any, voices: int) -> Way:
    """The exported graph, one hop per run, as the engine plays it."""
    feed = {c.name: np.tile(c.default_array, (voices, 1)) for c in instrument.controls}
    feed |= {state_name(k): v.numpy() for k, v in instrument.init_state(voices).items()}
    feed |= {"frames": np.ones(1, np.int64), "gate": np.ones((voices, 1), np.float32)}
    names = [state_name(k) for k in instrument.init_state(1)]
    noise = np.random.default_rng(0)

    def call() -> int:
        feed[NOISE] = noise.standard_normal((voices, 1, instrument.hop), np.float32)
        _, *new = session.run(None, feed)
        feed.update(zip(names, new, strict=True))
        return instrument.hop

    return call


def one_run_per_sample(instrument: SampleRNNInstrument) -> Way:
    """The predictor and the draw as a separate graph, without the cost of a frame."""
    live, config = instrument.live, instrument.config
    example = {"window": torch.zeros(1, live.taps, dtype=torch.int64),
               "known": torch.zeros(1, config.hidden_size), "uniform": torch.zeros(1, 1),
               "sharpness": torch.ones(1, 1)}  # fmt: skip

    def function(given: Any) -> dict[str, torch.Tensor]:
        return instrument.draw({**given, "narrowed": instrument.sample(given)["logits"]})

    names = {key: key for key in example}
    body = part("p/", function, example, names, {"code": "code", "window": "next"}, {})
    nodes, weights = integer_weights(body.nodes, body.weights)
    value, types = onnx.helper.make_tensor_value_info, onnx.TensorProto
    inputs = [
        value(k, types.INT64 if k == "window" else types.FLOAT, list(t.shape))
        for k, t in example.items()
    ]
    outputs = [value("next", types.INT64, None)]
    made = onnx.helper.make_graph(nodes, "sample", inputs, outputs, weights)
    opset = [onnx.helper.make_opsetid("", 18)]
    session = make_session(
        onnx.helper.make_model(made, opset_imports=opset, ir_version=9).SerializeToString()
    )
    feed = {key: t.numpy() for key, t in example.items()}

    def call() -> int:
        for _ in range(16):
            feed["window"] = session.run(["next"], feed)[0]
        return 16

    return call


def numba_products(config: SampleRNNConfig) -> dict[str, Way]:
    """The two products of a sample as compiled loops, one per type of weights."""
    import numba
    from llvmlite import ir
    from numba.extending import intrinsic

    @intrinsic
    def wide(_: Any, narrow: Any) -> Any:
        def generate(__: Any, builder: Any, ___: Any, given: Any) -> Any:
            bits = ir.IntType(32)
            moved = builder.shl(builder.zext(given[0], bits), ir.Constant(bits, 16))
            return builder.bitcast(moved, ir.FloatType())

        return numba.types.float32(numba.types.uint16), generate

    @numba.njit(fastmath=True)
    def plain(w: Any, x: Any, y: Any) -> None:
        for j in range(w.shape[0]):
            total = np.float32(0)
            for i in range(w.shape[1]):
                total += np.float32(w[j, i]) * x[i]
            y[j] = total

    @numba.njit(fastmath=True)
    def half(w: Any, x: Any, y: Any) -> None:
        for j in range(w.shape[0]):
            total = np.float32(0)
            for i in range(w.shape[1]):
                total += wide(w[j, i]) * x[i]
            y[j] = total

    rng, hidden = np.random.default_rng(0), config.hidden_size
    sizes = (hidden, config.quantization)
    float32 = [rng.standard_normal((n, hidden)).astype(np.float32) for n in sizes]
    kinds = {
        "numba fp32": (plain, float32),
        "numba bf16": (half, [(w.view(np.uint32) >> 16).astype(np.uint16) for w in float32]),
        "numba int8": (plain, [np.clip(w * 30, -127, 127).astype(np.int8) for w in float32]),
    }
    x, out = np.ones(hidden, np.float32), [np.zeros(n, np.float32) for n in sizes]

    def way(kernel: Any, weights: Any) -> Way:
        def call() -> int:
            for _ in range(64):
                for w, y in zip(weights, out, strict=True):
                    kernel(w, x, y)
            return 64

        return call

    return {name: way(*kind) for name, kind in kinds.items()}


def ways(config: SampleRNNConfig, numba: bool) -> tuple[dict[str, tuple[Way, int]], dict[str, Any]]:
    """Every row with its voices, and the sizes of the files in MB."""
    torch.manual_seed(0)
    model = SampleRNN(config).eval()
    rows: dict[str, tuple[Way, int]] = {"eager": (eager(model), 1)}
    rows |= {f"take x{count}": (takes(model, count), count) for count in (1, 8)}
    sizes = {}
    for kind in ("fp32", "int8"):
        instrument = instrument_of(model, kind == "int8")
        data = live_graph(instrument).SerializeToString()
        sizes[kind] = len(data) / 1e6
        session = make_session(data)
        for voices in (1, 4, 8):
            rows[f"{kind} x{voices}"] = (graph(instrument, session, voices), voices)
        rows[f"{kind} call"] = (one_run_per_sample(instrument), 1)
    if numba:
        rows |= {name: (way, 1) for name, way in numba_products(config).items()}
    return rows, sizes


def main() -> None:
    """Measure in turns and print a table per size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="per row")
    parser.add_argument("--sizes", default=",".join(SIZES))
    parser.add_argument("--numba", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(_processor())
    for size in given.sizes.split(","):
        rows, files = ways(SIZES[size], given.numba)
        rates: dict[str, list[float]] = {name: [] for name in rows}
        for turn in range(ROUNDS + 1):
            for name, (call, _) in rows.items():
                made, started = 0, time.process_time()
                while time.process_time() < started + given.seconds / ROUNDS:
                    made += call()
                if turn:  # the first round warms up
                    rates[name].append(made / (time.process_time() - started))
        print(f"{size}: fp32 {files['fp32']:.1f} MB, int8 {files['int8']:.1f} MB")
        base = float(np.median(rates["eager"]))
        for name, rate in rates.items():
            middle = float(np.median(rate))
            print(
                f"  {name:11} {middle:9.0f} samples/s a voice ({max(rate):.0f} at best),"
                f" {middle / RATE:6.2f} times real time, {middle / base:6.1f} times eager"
            )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((x.split(":")[1].strip() for x in lines if "model name" in x), "unknown processor")


if __name__ == "__main__":
    main()
