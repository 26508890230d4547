"""What a run lets one hear: what goes in, and what the model makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from synth.contract import write_audio, write_bytes
from synth.models.samplernn import SampleRNN
from synth.models.samplernn.generation import Drawing, Generator
from training.data.library import Array, Clip
from training.measures.pictures import draw

GROUND_TRUTH_SECONDS = 600.0
SHOWN_SECONDS = 10.0


def ground_truth(model: SampleRNN, clips: Sequence[Clip]) -> Array:
    """The recordings one after the other as they are after quantisation, `[1, samples]`.

    Of long ones the first ten minutes, so that memory doesn't grow with them.
    """
    left = round(GROUND_TRUTH_SECONDS * model.config.sample_rate)
    parts = []
    for clip in clips:
        audio = np.array(clip.open()[:, :left])
        parts.append(quantised(model, audio))
        left -= audio.shape[1]
        if left <= 0:
            break
    return np.concatenate(parts, axis=1)


def quantised(model: SampleRNN, audio: Array) -> Array:
    """Audio of any shape after quantisation and back."""
    device = model.scale.device
    codes = model.encode(torch.from_numpy(audio).to(device))
    return model.decode(codes).cpu().numpy()


def write_examples(folder: Path, model: SampleRNN, window: Array) -> None:
    """The three parts of a training window `[1, context + span]`, as the model has them.

    `input_example.wav` is what the tiers hear, `target_example.wav` what is predicted, and
    `overlap_example.wav` what the predictor looks back on: each sample's last few.
    """
    audio, rate = quantised(model, window), model.config.sample_rate
    taps = model.predictor.taps
    parts = {
        "input": audio[:, : -model.context],
        "target": audio[:, model.context :],
        "overlap": audio[:, model.context - taps : -1],
    }
    for name, part in parts.items():
        write_audio(folder / f"{name}_example.wav", part, rate)


def generated(
    model: SampleRNN,
    prime: Array,
    steering: Callable[[int], Array] | None,
    *,
    seconds: float,
    rows: int,
    temperature: float,
    seed: int,
) -> Array:
    """New audio `[rows, samples]`, going on after `prime` `[samples]`.

    Args:
        model: in eval mode; prime: at least `context` samples of a recording.
        steering: gives `[frames, feature_count]` for a number of frames; None: the mean.
        seconds: of audio; temperature, seed: of the drawing.
    """
    rate, hop = model.config.sample_rate, model.hop
    samples = max(1, round(seconds * rate))
    frames = -(-samples // hop)
    stream = Generator(model, model.scale.device).stream(
        rows,
        seed=seed,
        drawing=Drawing((temperature,)),
        prime=model.encode(torch.from_numpy(prime).to(model.scale.device)),
    )
    features = None if steering is None else torch.from_numpy(steering(frames))
    codes: Tensor = stream.read(frames * hop, features)[:, :samples]
    return model.decode(codes.to(model.scale.device)).cpu().numpy()


def write_generated(out: Path, name: str, audio: Array, example: Array, sample_rate: int) -> None:
    """`audio/<name>_<n>.wav` for each row, and `plots/<name>.png`: a recording over the first row.

    Args:
        audio: `[rows, samples]`; example: `[samples]`.
    """
    for number, row in enumerate(audio, 1):
        write_audio(out / "audio" / f"{name}_{number}.wav", np.clip(row[None], -1, 1), sample_rate)
    shown = min(audio.shape[1], len(example), round(SHOWN_SECONDS * sample_rate))
    picture = draw(example[None, :shown], audio[:1, :shown], sample_rate, name)
    write_bytes(out / "plots" / f"{name}.png", picture)
