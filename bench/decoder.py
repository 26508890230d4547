"""Measure decoders frame by frame (320 samples) on one core, beside EnCodec's released decoder.

    pip install -c constraints.txt -e '.[train,bench]'
    python bench/decoder.py [--seconds 4]

Each row decodes 24 kHz audio frame by frame and carries its state on: `base` and `tiny`, exported
to ONNX and run by onnxruntime, and the eager decoder of EnCodec 24 kHz (random weights; it carries
no state between frames, which would only add to its work). The rows take turns, so that a machine
that slows down slows all of them; the ratio is that of the medians.
"""

from __future__ import annotations

import argparse
import io
import itertools
import math
import platform
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from export.manifest import state_name
from export.onnx.instrument_graph import make_session
from export.onnx.tracing import OPSET
from synth.models.codec import PRESETS, Codec, CodecConfig
from synth.nn.convolution import fold_weight_norm
from training.measures.torchaudio_loader import load_torchaudio

RATE, FRAME, ROUNDS = 24_000, 320, 8


class _Decoder(nn.Module):
    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        torch.manual_seed(0)
        codec = Codec(config)
        fold_weight_norm(codec)
        self.decoder = codec.decoder.eval()
        self.keys = list(self.decoder.init_state(1))

    def forward(self, latent: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        audio, new = self.decoder.step(latent, dict(zip(self.keys, state, strict=True)))
        return audio, *(new[k] for k in self.keys)


def ours(name: str) -> tuple[Callable[[], object], int]:
    """A call that decodes one frame, and the number of samples in a frame.

    Where a frame is not a whole number of hops, a call decodes the hops that no earlier frame has
    needed; the average is one frame.
    """
    config = PRESETS[name]
    module = _Decoder(config)
    state = module.decoder.init_state(1)
    names = [state_name(k) for k in module.keys]
    target = io.BytesIO()
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (torch.zeros(1, config.latent_dim, 2), *state.values()),
            target,
            dynamo=False,
            opset_version=OPSET,
            input_names=["latent", *names],
            output_names=["audio", *(f"{n}_out" for n in names)],
            dynamic_axes={"latent": {2: "hops"}, "audio": {2: "samples"}},
        )
    session = make_session(target.getvalue())
    latent = np.random.default_rng(0).normal(0, 1, (1, config.latent_dim, FRAME))
    feed = {n: v.numpy() for n, v in zip(names, state.values(), strict=True)}
    frames = itertools.count(1)
    made = 0

    def call() -> None:
        nonlocal made
        hops = math.ceil(next(frames) * FRAME / config.hop) - made
        made += hops
        feed["latent"] = latent[:, :, :hops].astype(np.float32)
        _, *new = session.run(None, feed)
        feed.update(zip(names, new, strict=True))

    return call, FRAME


def encodec() -> tuple[Callable[[], object], int]:
    """EnCodec's eager decoder on one latent frame."""
    load_torchaudio()  # encodec imports it
    from encodec import EncodecModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it uses torch's old weight norm
        decoder = EncodecModel.encodec_model_24khz(pretrained=False).decoder.eval()
    latent = torch.randn(1, 128, 1)

    def call() -> None:
        with torch.inference_mode():
            decoder(latent)

    return call, FRAME


def main() -> None:
    """Measure in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="of audio per row and round")
    seconds = parser.parse_args().seconds
    torch.set_num_threads(1)
    rows = {"base": ours("base"), "tiny": ours("tiny"), "encodec": encodec()}
    times: dict[str, list[float]] = {name: [] for name in rows}
    for turn in range(ROUNDS + 1):
        for name, (call, samples) in rows.items():
            for _ in range(round(seconds / ROUNDS * RATE / samples)):
                started = time.perf_counter()
                call()
                if turn:  # the first round warms up
                    times[name].append((time.perf_counter() - started) / samples * RATE)
    print(f"{_processor()}, Python {platform.python_version()}, torch {torch.__version__}")
    medians = {name: float(np.median(t)) for name, t in times.items()}
    for name, t in times.items():
        low, high = np.percentile(t, (5, 95))
        print(
            f"  {name:8} {1 / medians[name]:6.1f} times real time (5 to 95 %: {1 / high:.1f} to"
            f" {1 / low:.1f}), {medians['encodec'] / medians[name]:5.1f} times EnCodec"
        )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((x.split(":")[1].strip() for x in lines if "model name" in x), platform.machine())


if __name__ == "__main__":
    main()
