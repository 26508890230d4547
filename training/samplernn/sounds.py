"""The audio that a run writes: recordings as the model has them, and what it generates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from synth.contract import write_audio, write_bytes
from synth.models.samplernn import Drawing, Generator, SampleRNN
from training.data.library import Array, Clip
from training.measures.pictures import draw

GROUND_TRUTH_SECONDS = 600.0
SHOWN_SECONDS = 10.0


def ground_truth(model: SampleRNN, clips: Sequence[Clip]) -> Array:
    """The recordings in a row after quantisation, `[1, samples]`, at most ten minutes of them.

    Args:
        model: whose quantisation it is; clips: mono.
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
    """Audio of any shape, quantised by the model and decoded again."""
    device = model.scale.device
    codes = model.encode(torch.from_numpy(audio).to(device))
    return model.decode(codes).cpu().numpy()


def write_examples(folder: Path, model: SampleRNN, window: Array) -> None:
    """Write the three parts of a training window as the model has them.

    `input_example.wav` is what the tiers hear, `target_example.wav` what is predicted, and
    `overlap_example.wav` the samples before each target that the predictor looks back on.

    Args:
        folder: that the files are written to.
        model: whose quantisation they went through.
        window: `[1, context + span]`.
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
    """Audio that the model generates after the end of a recording, `[rows, samples]`.

    Args:
        model: in eval mode.
        prime: `[samples]`, at least `context` samples of a recording.
        steering: from a number of frames to features `[frames, feature_count]`; None: their mean.
        seconds: of audio.
        rows: number of sounds.
        temperature: of the drawing, at least 0; seed: of the drawing.
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
    """Write `audio/<name>_<n>.wav` for each row, and `plots/<name>.png`.

    Args:
        out: folder of the run; name: of the files.
        audio: `[rows, samples]`, generated.
        example: `[samples]`, a recording that is drawn above the first row.
        sample_rate: Hz.
    """
    for number, row in enumerate(audio, 1):
        write_audio(out / "audio" / f"{name}_{number}.wav", np.clip(row[None], -1, 1), sample_rate)
    shown = min(audio.shape[1], len(example), round(SHOWN_SECONDS * sample_rate))
    picture = draw(example[None, :shown], audio[:1, :shown], sample_rate, name)
    write_bytes(out / "plots" / f"{name}.png", picture)
