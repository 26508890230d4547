"""Controls of the live SampleRNN, made from what the model was trained with."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from synth.contract import Control
from synth.dsp.features import RANGES
from synth.models.instrument import bend_control, note_controls, number, sound_control
from synth.models.samplernn.config import SampleRNNConfig

TRANSPOSITION = 24.0
SPREAD = 3.0  # standard deviations around the mean of the training data that a control reaches
QUIETEST_DB = -60.0
LARGEST_SEED = 1_000_000  # float32, as controls come, knows all whole numbers up to there


def controls_of(config: SampleRNNConfig, mean: Tensor, deviation: Tensor) -> tuple[Control, ...]:
    """All controls.

    Args:
        config: of the model; mean, deviation: `[feature_count]`, of the training data.
    """
    features = [
        _feature(name, float(mean[i]), float(deviation[i]))
        for i, name in enumerate(config.features)
    ]
    labels = []
    if len(config.labels) > 1:
        labels = [sound_control(len(config.labels) - 1, "class of sound; a note keeps its own")]
    bend = [bend_control()] if "pitch" in config.features else []
    n = number
    return (
        *note_controls("MIDI key: the pitch where the model knows pitch, else the place of the"
                       " prime bank"),
        *bend,
        *labels,
        n("temperature", 0, 2, 1, "0 always takes the most likely sample, 1 is as trained, above"
          " is wilder", smoothing_ms=20.0),
        n("top_k", 0, config.quantization, 0, "draw from so many of the most likely levels; 0 is"
          " all", curve="integer"),
        n("freeze", 0, 1, 0, "1 holds the memory of the recurrent layers", curve="toggle"),
        n("position", 0, 1, 0, "moves the place of the prime bank at which notes start, round its"
          " end"),
        n("reprime", 0, 1, 0, "every change starts the sound again from the prime bank",
          curve="toggle"),
        n("seed", 0, LARGEST_SEED, 0, "of the chance in a voice; a note or a change begins it"
          " anew", curve="integer", role="seed"),
        n("gain", QUIETEST_DB, 24, 0, "level of the output", unit="dB", smoothing_ms=20.0),
        n("attack", 0.001, 4, 0.005, "rise of a note", unit="s", curve="exponential"),
        n("release", 0.01, 8, 0.3, "fall of a released note by 60 dB", unit="s",
          curve="exponential"),
        *features,
    )  # fmt: skip


def _feature(name: str, mean: float, deviation: float) -> Control:
    known = RANGES[name]
    if name == "pitch":  # a note sets it
        return number("pitch", -TRANSPOSITION, TRANSPOSITION, 0, "added to the key of the note",
                      unit="semitones", smoothing_ms=20.0, role="transpose")  # fmt: skip
    low = max(known.minimum, mean - SPREAD * deviation)
    high = min(known.maximum, mean + SPREAD * deviation)
    if not low < high:  # never moved in the training data
        low, high = known.minimum, known.maximum
    usual = 1.0 if name == "voicing" else mean
    what = known.description
    if name == "loudness":
        what = "level that a note of velocity 0.8 asks for"
    control = number(name, low, high, min(max(usual, low), high), what, unit=known.unit)
    return replace(control, smoothing_ms=20.0, role="loudness" if name == "loudness" else "")
