"""Measure training steps per second beside a plain eager loop over the same model and batch.

    python bench/training_speed.py [--preset tiny] [--steps 12] [--threads 1] [--json FILE]
    python bench/training_speed.py --family samplernn --preset base --batch 128 --steps 1

The plain loop is the straightforward implementation: the model called as it is, fp32, the same
losses, an optimiser that is not fused. For the codec it computes mel spectrograms with torch.stft.
For the SampleRNN it holds every window of the samples in memory, sixteen times the audio, and
multiplies each with the whole input layer. The trainer's steps are those that `synth train` takes,
including losses, clipping and optimiser, at both precisions. The variants take turns, step by step,
and the script counts the CPU time of the process beside the clock, so that other programs on the
machine disturb all of them alike.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from synth.models.codec import PRESETS as CODEC_PRESETS
from synth.models.codec import Codec
from synth.models.samplernn import PRESETS as SAMPLERNN_PRESETS
from synth.models.samplernn import SampleRNN
from training.codec.config import CodecTrainConfig
from training.codec.fast import fast_codec
from training.codec.losses import codec_terms
from training.measures.mel import FLOOR, mel_filters
from training.samplernn.config import SampleRNNTrainConfig
from training.samplernn.task import SampleRNNTask
from training.samplernn.windows import Batch

Step = Callable[[], None]
WARM = 1


def plain_step(model: Codec, audio: Tensor, settings: CodecTrainConfig) -> Step:
    """One step of the plain loop."""
    rate, windows = model.config.sample_rate, settings.mel_windows
    tapers = {w: torch.hann_window(w) for w in windows}
    filters = {w: mel_filters(rate, w, min(settings.mel_bins, w // 4)) for w in windows}
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate)

    def mel(sound: Tensor, w: int) -> Tensor:
        flat = sound.reshape(-1, sound.shape[-1])
        spectrum = torch.stft(flat, w, w // 4, window=tapers[w], return_complex=True)
        return (spectrum.abs() * (2 / tapers[w].sum())).transpose(1, 2) @ filters[w]

    def step() -> None:
        optimizer.zero_grad()
        out = model(audio)
        loss = settings.waveform_weight * (out.audio - audio).abs().mean()
        loss = loss + settings.commitment_weight * out.commitment
        for w in windows:
            made, meant = mel(out.audio, w), mel(audio, w)
            difference = made.clamp(min=FLOOR).log() - meant.clamp(min=FLOOR).log()
            rms = (difference.square().mean(-1) + 1e-12).sqrt().mean()
            loss = loss + ((made - meant).abs().mean() + math.sqrt(w / 2) * rms) / 90
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
        optimizer.step()

    return step


def trainer_step(model: Codec, audio: Tensor, settings: CodecTrainConfig) -> Step:
    """One step as `training.run.task` takes it."""
    terms = codec_terms(model.config, settings)
    run = fast_codec(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, fused=True)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bf16-mixed"):
            out = run(audio)
            total = torch.stack([t.weight * t.measure(out, audio) for t in terms]).sum()
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
        optimizer.step()

    return step


def codec_kinds(given: argparse.Namespace) -> tuple[dict[str, Step], tuple[int, ...]]:
    """The steps to compare, and the shape of the batch."""
    config = CODEC_PRESETS[given.preset]
    frames = -(-round(given.seconds * config.sample_rate) // config.hop)
    shape = (given.batch, config.audio_channels, frames * config.hop)
    audio = 0.1 * torch.randn(shape, generator=torch.Generator().manual_seed(0))
    kinds = {
        "plain": plain_step(Codec(config), audio, CodecTrainConfig()),
        "trainer, 32": trainer_step(Codec(config), audio, CodecTrainConfig()),
        "trainer, bf16-mixed": trainer_step(
            Codec(config), audio, CodecTrainConfig(precision="bf16-mixed")
        ),
    }
    return kinds, shape


def plain_samplernn_step(model: SampleRNN, codes: Tensor) -> Step:
    """One step of the plain loop: the predictor on windows built in advance."""
    predictor, context = model.predictor, model.context
    assert predictor.embedding is not None
    embedding = predictor.embedding
    windows = codes[:, context - predictor.taps : -1].unfold(1, predictor.taps, 1).contiguous()
    targets = codes[:, context:].contiguous()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        conditioning, _ = model.condition(codes, model.init_state(len(codes)))
        x = predictor.input(embedding(windows).flatten(2)) + conditioning
        x = torch.relu(predictor.hidden2(torch.relu(predictor.hidden1(x))))
        logits = predictor.output(x)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


def trainer_samplernn_step(model: SampleRNN, batch: Batch, precision: str) -> Step:
    """One step as `training.samplernn` takes it, quantisation included."""
    task = SampleRNNTask(model, SampleRNNTrainConfig())
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16-mixed"):
            loss, _ = task.measure(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


def samplernn_kinds(given: argparse.Namespace) -> tuple[dict[str, Step], tuple[int, ...]]:
    """The steps to compare, and the shape of the batch."""
    config = SAMPLERNN_PRESETS[given.preset]
    shape = (given.batch, config.context + SampleRNNTrainConfig().num_frames * config.hop)
    audio = 0.1 * torch.randn(shape, generator=torch.Generator().manual_seed(0))
    batch = Batch(audio, None, torch.ones(given.batch, dtype=torch.bool))
    # All variants share one model: at full size, its gradients and two optimisers take a gigabyte.
    model = SampleRNN(config)
    kinds = {
        "plain": plain_samplernn_step(model, model.encode(audio)),
        "trainer, 32": trainer_samplernn_step(model, batch, "32"),
        "trainer, bf16-mixed": trainer_samplernn_step(model, batch, "bf16-mixed"),
    }
    return kinds, shape


def measure(kinds: dict[str, Step], steps: int) -> dict[str, dict[str, float]]:
    """Median seconds of a step, by clock and by CPU; the variants take turns."""
    wall: dict[str, list[float]] = {name: [] for name in kinds}
    cpu: dict[str, list[float]] = {name: [] for name in kinds}
    for number in range(steps + WARM):
        for name, step in kinds.items():
            begin, spent = time.perf_counter(), time.process_time()
            step()
            if number >= WARM:  # the first ones allocate and compile
                wall[name].append(time.perf_counter() - begin)
                cpu[name].append(time.process_time() - spent)
    return {
        name: {"wall_s": statistics.median(wall[name]), "cpu_s": statistics.median(cpu[name])}
        for name in kinds
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", choices=["codec", "samplernn"], default="codec")
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=0.5, help="of a crop, codec only")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    kinds, shape = codec_kinds(given) if given.family == "codec" else samplernn_kinds(given)
    found = measure(kinds, given.steps)
    cpu = platform.processor() or platform.machine()
    print(f"command: {' '.join(sys.argv)}")
    print(f"machine: {cpu}, {given.threads} thread(s), torch {torch.__version__}")
    print(f"model: {given.family} {given.preset}, batch {shape}")
    for name, figures in found.items():
        ratio = found["plain"]["cpu_s"] / figures["cpu_s"]
        clock = found["plain"]["wall_s"] / figures["wall_s"]
        print(
            f"{name:20s} {1 / figures['wall_s']:6.2f} steps/s  {figures['cpu_s'] * 1e3:6.0f} ms CPU"
            f"  {clock:.2f} times plain by the clock, {ratio:.2f} by CPU time"
        )
    if given.json:
        given.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
