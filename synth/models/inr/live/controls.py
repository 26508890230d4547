"""Controls of the live coordinate network."""

from __future__ import annotations

from synth.contract import Control
from synth.models.instrument import bend_control, note_controls, number, sound_control
from synth.models.latent_axes import LatentAxes

PITCH_SEMITONES = 24.0
FASTEST = 4.0
QUIETEST_DB = -60.0
SMOOTH_MS = 20.0


def controls_of(timbres: int, axes: LatentAxes) -> tuple[Control, ...]:
    """All controls.

    Args:
        timbres: how many; axes: of the trained latents, may be none.
    """
    n = number
    last = max(timbres - 1, 1)
    return (
        *note_controls("MIDI key; the nearest sound of the timbre is transposed to it"),
        bend_control(),
        sound_control(last, "which timbre; a note keeps its own"),
        n("morph", 0, 1, 0, "0 is `sound`, 1 is `morph_sound`, the latents between them",
          smoothing_ms=SMOOTH_MS),
        n("morph_sound", 0, last, min(1, timbres - 1), "the timbre that `morph` goes to",
          curve="integer"),
        *_latent(axes),
        n("position", 0, 1, 0, "where in the sound notes start; moved while they sound, it moves"
          " them: a little at a time as a hand on a tape, further away as a jump",
          smoothing_ms=SMOOTH_MS),
        n("speed", -FASTEST, FASTEST, 1, "rate of the tape, and of its pitch: negative is"
          " backwards, 0 stands still and is silent", smoothing_ms=5.0),
        n("loop", 0, 2, 0, "0 plays through, 1 goes round, 2 goes to and fro", curve="integer",
          role="loop"),
        n("loop_start", 0, 1, 0.25, "one end of the loop, as a share of the sound",
          smoothing_ms=SMOOTH_MS),
        n("loop_end", 0, 1, 0.75, "the other end; they may be swapped, and stay 2 ms apart",
          smoothing_ms=SMOOTH_MS),
        n("freeze", 0, 1, 0, "1 holds the tone that sounds: a few periods are gone round",
          curve="toggle"),
        n("scan", -FASTEST, FASTEST, 0, "pace at which what is frozen moves through the sound, at"
          " the pitch of the key: 1 as recorded, 0.5 stretched to twice", smoothing_ms=SMOOTH_MS),
        n("pitch", -PITCH_SEMITONES, PITCH_SEMITONES, 0, "transposition of all notes",
          unit="semitones", smoothing_ms=SMOOTH_MS, role="transpose"),
        n("gain", QUIETEST_DB, 24, 0, "level of the output", unit="dB", smoothing_ms=SMOOTH_MS),
        n("attack", 0.001, 4, 0.003, "rise of a note, in a straight line", unit="s",
          curve="exponential"),
        n("decay", 0.01, 8, 0.5, "fall by 60 dB towards `sustain`", unit="s",
          curve="exponential"),
        n("sustain", 0, 1, 1, "level that a held note falls to", smoothing_ms=SMOOTH_MS),
        n("release", 0.01, 8, 0.3, "fall of a released note by 60 dB", unit="s",
          curve="exponential"),
    )  # fmt: skip


def _latent(axes: LatentAxes) -> tuple[Control, ...]:
    if not len(axes.rows):
        return ()
    description = (
        "offset along the principal axes of the trained sounds, largest first, from their 1st to"
        " their 99th percentile; no sound leaves what all of them reach"
    )
    return (axes.control(description, SMOOTH_MS),)
