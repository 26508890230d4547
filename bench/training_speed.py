"""Steps per second of training beside a plain eager loop over the same model and batch.

    python bench/training_speed.py [--preset tiny] [--steps 12] [--threads 1] [--json FILE]

The plain loop is what one writes first: the model called as it is, fp32, the same losses with
torch.stft, the optimiser not fused. The trainer's steps are those that `synth train` takes, losses,
clipping and optimiser included, at both precisions. The kinds take turns, step by step, and CPU
time of the process is counted beside the clock, so that other programs on the machine disturb all
of them alike.
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

from synth.models.codec import PRESETS, Codec
from training.codec import CodecTrainConfig
from training.fast import fast_codec
from training.losses import codec_terms
from training.mel import FLOOR, mel_filters

Step = Callable[[], None]


def plain_step(model: Codec, audio: Tensor, settings: CodecTrainConfig) -> Step:
    """One step of the loop that one writes first."""
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
    """One step as `training.task` takes it."""
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


def measure(kinds: dict[str, Step], steps: int) -> dict[str, dict[str, float]]:
    """Median seconds of a step, by clock and by CPU, the kinds taking turns."""
    wall: dict[str, list[float]] = {name: [] for name in kinds}
    cpu: dict[str, list[float]] = {name: [] for name in kinds}
    for number in range(steps + 2):
        for name, step in kinds.items():
            begin, spent = time.perf_counter(), time.process_time()
            step()
            if number >= 2:  # the first ones allocate and compile
                wall[name].append(time.perf_counter() - begin)
                cpu[name].append(time.process_time() - spent)
    return {
        name: {"wall_s": statistics.median(wall[name]), "cpu_s": statistics.median(cpu[name])}
        for name in kinds
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=list(PRESETS), default="tiny")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    config = PRESETS[given.preset]
    frames = -(-round(given.seconds * config.sample_rate) // config.hop)
    generator = torch.Generator().manual_seed(0)
    shape = (given.batch, config.audio_channels, frames * config.hop)
    audio = 0.1 * torch.randn(shape, generator=generator)
    kinds = {
        "plain": plain_step(Codec(config), audio, CodecTrainConfig()),
        "trainer, 32": trainer_step(Codec(config), audio, CodecTrainConfig()),
        "trainer, bf16-mixed": trainer_step(
            Codec(config), audio, CodecTrainConfig(precision="bf16-mixed")
        ),
    }
    found = measure(kinds, given.steps)
    cpu = platform.processor() or platform.machine()
    print(f"command: {' '.join(sys.argv)}")
    print(f"machine: {cpu}, {given.threads} thread(s), torch {torch.__version__}")
    print(f"model: {given.preset}, batch {shape}")
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
