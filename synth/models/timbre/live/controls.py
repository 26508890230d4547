"""Controls of the live timbre space."""

from __future__ import annotations

from synth.contract import Control
from synth.models.instrument import bend_control, note_controls, number, sound_control
from synth.models.latent_axes import LatentAxes

PITCH_SEMITONES = 24.0
QUIETEST_DB = -60.0
SMOOTH_MS = 20.0
PATHS = ("linear", "spherical", "expressive")
TARGETS = ("brightness", "bandwidth", "noisiness", "loudness")


def controls_of(sounds: int, axes: LatentAxes) -> tuple[Control, ...]:
    """All controls.

    Args:
        sounds: how many; axes: of the latent space.
    """
    n = number
    last = max(sounds - 1, 1)
    return (
        *note_controls(),
        bend_control(),
        sound_control(last, "which instrument; a note keeps its own"),
        n("morph", 0, 1, 0, "0 is `sound`, 1 is `morph_sound`, a path between them",
          smoothing_ms=SMOOTH_MS),
        n("morph_sound", 0, last, min(1, sounds - 1), "the instrument that `morph` goes to",
          curve="integer"),
        n("path", 0, len(PATHS) - 1, 0, "from one to the other: 0 in a straight line, 1 round the"
          " centre of the space, 2 round it while each keeps its own movement", curve="integer"),
        axes.control("offset along the axes of the space, first those that tell instruments"
                     " apart, from their 1st to their 99th percentile; no sound leaves what all"
                     " reach",
                     SMOOTH_MS),
        n("place", 0, 1, 0, "0: `latent` is an offset from the sound, 1: it is the place where the"
          " sound is", smoothing_ms=SMOOTH_MS, role="place"),
        n("trajectory", 0, 1, 1, "1 follows the course of the note, 0 stands at `sustain_point`",
          smoothing_ms=SMOOTH_MS),
        n("sustain_point", 0, 1, 0.5, "a point in the course of a note, where it stands",
          smoothing_ms=SMOOTH_MS),
        _target("brightness", "centre of the spectrum", role="brightness"),
        _target("bandwidth", "width of the spectrum"),
        _target("noisiness", "flatness of the spectrum"),
        _target("loudness", "level", role="loudness"),
        n("noise", QUIETEST_DB, 24, 0, "level of the noise between partials; 0 is as found, the"
          " lowest is none", unit="dB", smoothing_ms=SMOOTH_MS),
        n("pitch", -PITCH_SEMITONES, PITCH_SEMITONES, 0, "transposition of all notes",
          unit="semitones", smoothing_ms=SMOOTH_MS, role="transpose"),
        n("gain", QUIETEST_DB, 24, 0, "level of the output", unit="dB", smoothing_ms=SMOOTH_MS),
        n("attack", 0.001, 4, 0.003, "rise of a note on top of its own", unit="s",
          curve="exponential"),
        n("release", 0.01, 8, 0.3, "fall of a released note by 60 dB", unit="s",
          curve="exponential"),
    )  # fmt: skip


def _target(name: str, what: str, role: str = "") -> Control:
    description = f"moves the sound to another {what}: 0 is its own, 1 the most the space reaches"
    return number(name, -1, 1, 0, description, smoothing_ms=SMOOTH_MS, role=role)
