"""Held-out figures of a codec, and its reconstructions as audio and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from synth.contract import write_audio, write_bytes
from synth.models.codec import Codec
from training.codec.crops import even_pieces
from training.data.library import Array, Clip
from training.measures.metrics import make_metric_mel, mel_distance_db, si_sdr_db
from training.measures.pictures import draw

PIECE_SECONDS = 4.0
SHOWN = 4


@dataclass(frozen=True)
class Figures:
    """Means over the pieces.

    Attributes:
        mel_db: multi-scale mel distance in dB, lower is better.
        si_sdr_db: signal-to-distortion ratio in dB, higher is better.
        used_codes: share of the codes of level 0 that occur, 0 … 1.
    """

    mel_db: float
    si_sdr_db: float
    used_codes: float


@dataclass(frozen=True)
class Evaluation:
    """Figures over all pieces, and the first few pieces.

    Attributes:
        figures: over all pieces.
        pairs: (original, reconstruction), each `[channels, frames]`.
    """

    figures: Figures
    pairs: list[tuple[Array, Array]]


def evaluate(model: Codec, clips: Sequence[Clip], seconds: float) -> Evaluation:
    """Encode and decode held-out audio with all quantiser levels.

    Args:
        model: in eval mode.
        clips: held out, at least one.
        seconds: of audio, at most; in pieces spread evenly over the clips.
    """
    rate = model.config.sample_rate
    pieces = even_pieces(clips, round(PIECE_SECONDS * rate), max(1, round(seconds / PIECE_SECONDS)))
    device = next(model.parameters()).device
    mel = make_metric_mel(rate).to(device)
    distances: list[float] = []
    ratios: list[float] = []
    pairs: list[tuple[Array, Array]] = []
    used: set[int] = set()
    with torch.inference_mode():
        for piece in pieces:
            audio = torch.from_numpy(piece)[None].to(device)
            output = model(audio)
            made = output.audio[..., : audio.shape[2]]
            distances.append(mel_distance_db(mel(made), mel(audio)))
            ratios.append(si_sdr_db(made, audio))
            used.update(output.codes[:, 0].unique().tolist())
            if len(pairs) < SHOWN:
                pairs.append((piece, made[0].cpu().numpy()))
    heard = [r for r in ratios if np.isfinite(r)]
    figures = Figures(
        float(np.mean(distances)),
        float(np.mean(heard)) if heard else float("nan"),
        len(used) / model.config.codebook_size,
    )
    return Evaluation(figures, pairs)


def write_evidence(out: Path, step: int, evaluation: Evaluation, sample_rate: int) -> None:
    """Write the pieces of an evaluation into the folder of the run.

    `audio/<n>-input.wav` is written once, `audio/<n>-step-<s>.wav` and `plots/<n>-step-<s>.png` at
    each evaluation.

    Args:
        out: the run's folder; step: steps done.
        evaluation: whose pieces are written; sample_rate: Hz.
    """
    for number, (original, made) in enumerate(evaluation.pairs, 1):
        source = out / "audio" / f"{number}-input.wav"
        if not source.exists():
            write_audio(source, original, sample_rate)
        write_audio(
            out / "audio" / f"{number}-step-{step:07d}.wav", np.clip(made, -1, 1), sample_rate
        )
        picture = draw(original, made, sample_rate, f"step {step}")
        write_bytes(out / "plots" / f"{number}-step-{step:07d}.png", picture)
