"""The codec as a sampler: a bank of encoded sounds, trajectories through it, and the decoder.

A voice reads latent frames of one sound, moves them, decodes them, and reads the decoded signal at
the rate of its key. So a transposed voice consumes decoded frames at a rate of its own; `advance`
of the streaming layers lets every row of the batch take up as many as it needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from synth.contract import Control
from synth.dsp.resampling import HALF, ONE, increment, interpolation_table, read_at
from synth.models.codec.controls import latent_control
from synth.models.codec.effect import part_of
from synth.models.codec.model import Codec
from synth.models.instrument import (
    Instrument,
    bend_control,
    note_controls,
    number,
    sound_control,
)
from synth.models.latent_axes import MAX_AXES, LatentAxes
from synth.nn import State
from synth.nn.convolution import fold_weight_norm
from synth.nn.streaming import remember

FRAME = 1 << 16  # positions in the bank are whole numbers of 1/65536 frame: no cut of a passage
# into steps can bring a voice to another place
FALL_60_DB = 6.9078  # ln(1000): time constants in a fall by 60 dB
END_FADE_S = 0.05
NEVER = -1e4  # the exponential of which is 0


@dataclass(frozen=True)
class SoundBank:
    """Encoded sounds and the keyboard laid over them.

    Attributes:
        latents: `[frames, dim]`, all entries one after the other.
        start, length: int64 `[entries]`, in frames; length >= 2.
        loop_start, loop_end: int64 `[entries]`, frames within the entry; equal where an entry has
            no sustained part that could be looped.
        zone_entry: int64 `[sounds, 128]`, which entry a key plays.
        zone_shift: `[sounds, 128]`, semitones by which the entry is transposed for that key.
        sounds: their names.
        key_range: lowest and highest key in tune, or None where no pitch is known.
    """

    latents: Tensor
    start: Tensor
    length: Tensor
    loop_start: Tensor
    loop_end: Tensor
    zone_entry: Tensor
    zone_shift: Tensor
    sounds: tuple[str, ...]
    key_range: tuple[int, int] | None


class CodecSampler(Instrument):
    """Plays a `SoundBank` from keys.

    Args:
        model: trained codec; its weight norm is folded in place. Only the decoder is used.
        latent: statistics of its latents, see `LatentAxes`.
        bank: the sounds.
    """

    kind = "generator"
    channels_in = 0
    axes: Tensor
    table: Tensor
    bank: Tensor
    start: Tensor
    length: Tensor
    loop_start: Tensor
    loop_end: Tensor
    zone_entry: Tensor
    zone_shift: Tensor

    def __init__(self, model: Codec, latent: dict[str, Tensor], bank: SoundBank) -> None:
        super().__init__()
        fold_weight_norm(model)
        self.decoder = model.decoder.eval()
        config = model.config
        self.sample_rate, self.hop = config.sample_rate, config.hop
        self.channels_out = config.audio_channels
        axes = LatentAxes.of_statistics(latent, config.latent_dim).first(MAX_AXES)
        self.register_buffer("axes", axes.rows)
        self.register_buffer("table", interpolation_table())
        # Half precision keeps the file small: its error is 60 dB under the latent itself.
        self.register_buffer("bank", bank.latents.half())
        for name in ("start", "length", "loop_start", "loop_end", "zone_entry", "zone_shift"):
            self.register_buffer(name, getattr(bank, name))
        # Decoded samples kept: one hop that may be unread, and the taps around the read position.
        self.kept = self.hop + 2 * HALF
        self.sounds, self.key_range = bank.sounds, bank.key_range
        self.controls = (*_voice_controls(len(bank.sounds)), latent_control(axes))

        self.ends = _ends(bank)

    def init_state(self, voices: int) -> State:
        return {
            "unread": torch.zeros(voices, 1, dtype=torch.int64),
            "phase": torch.zeros(voices, 1, dtype=torch.int64),
            "envelope": self.axes.new_zeros(voices, 1),
            "tail": self.axes.new_zeros(voices, self.channels_out, self.kept),
        } | {f"decoder.{k}": v for k, v in self.decoder.init_state(voices).items()}

    def step(
        self, feed: Tensor, controls: Mapping[str, Tensor], state: State
    ) -> tuple[Tensor, State]:
        samples = feed * self.hop  # [1]
        sound = controls["sound"].long().clamp(0, len(self.sounds) - 1)
        key = torch.round(controls["key"]).long().clamp(0, 127)
        entry = self.zone_entry[sound[:, 0], key[:, 0]]
        shift = self.zone_shift[sound[:, 0], key[:, 0]][:, None] + controls["bend"]
        rate = increment(shift)  # [voices, 1]

        unread = state["unread"]
        frame = self.hop * ONE
        # Frames decoded after each hop of the step, and after the last one.
        ends = (1 + _up_to(feed[0])) * self.hop * rate + HALF * ONE - unread
        taken = torch.div(ends + frame - 1, frame, rounding_mode="floor").clamp_min(0)
        needed = taken[:, -1:]
        most = needed.max().clamp_min(1)  # runtimes refuse a convolution over nothing

        at, phase, ended = self._trajectory(controls, state["phase"], entry, taken, most)
        latent = self._latents(entry, at, controls) + (controls["latent"] @ self.axes)[:, None]
        decoded, decoder = self.decoder.step(
            latent.transpose(1, 2), part_of(state, "decoder"), needed[:, 0]
        )
        buffer = torch.cat([state["tail"], decoded], dim=2)
        count = _up_to(samples[0])
        audio = read_at(buffer, self.kept * ONE - unread + count * rate, self.table)
        gain, envelope = _envelope(
            controls, state["envelope"], ended, feed[0], self.hop, self.sample_rate
        )
        new = {
            "unread": unread + needed * frame - samples * rate,
            "phase": phase,
            "envelope": envelope,
            "tail": remember(buffer, self.kept, needed[:, 0] * self.hop),
        } | {f"decoder.{k}": v for k, v in decoder.items()}
        return audio * gain[:, None], new

    def _trajectory(
        self,
        controls: Mapping[str, Tensor],
        phase: Tensor,
        entry: Tensor,
        taken: Tensor,
        most: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Positions of `most` frames `[voices, most]`, the next phase `[voices, 1]`, and after each
        hop, when `taken` `[voices, hops]` frames are read, whether the sound has ended."""
        last = (self.length[entry][:, None] - 1) * FRAME
        origin = torch.round(controls["position"] * last.float()).long() + phase
        speed = torch.round(controls["speed"] * FRAME).long()
        at = self._wrap(origin + speed * _up_to(most)[None], entry, controls["loop"])
        after = self._wrap(origin + speed * taken, entry, controls["loop"])
        ended = (after > last) | (after < 0)
        return at, phase + after[:, -1:] - origin, ended

    def _wrap(self, at: Tensor, entry: Tensor, loop: Tensor) -> Tensor:
        """Fold positions into the loop where the entry has one and the control wants it.

        Forwards, what has passed the loop's end goes round in the loop. Backwards, what has passed
        the sound's beginning comes again from the loop's end, through all that lies before it. Both
        are remainders, so folding twice is folding once.
        """
        first = self.loop_start[entry][:, None] * FRAME
        end = self.loop_end[entry][:, None] * FRAME
        whole = self.length[entry][:, None] * FRAME
        # loop 1: the sustained part; loop 2: sounds without one go round as a whole.
        all_of_it = (loop > 1.5) & (end <= first)
        first = torch.where(all_of_it, torch.zeros_like(first), first)
        end = torch.where(all_of_it, whole, end)
        looping = (loop > 0.5) & (end > first)
        size = (end - first).clamp_min(FRAME)
        onwards = torch.where(at >= end, first + torch.remainder(at - first, size), at)
        folded = torch.where(at < 0, torch.remainder(at, end.clamp_min(FRAME)), onwards)
        return torch.where(looping, folded, at)

    def _latents(self, entry: Tensor, at: Tensor, controls: Mapping[str, Tensor]) -> Tensor:
        """Latent frames at fractional positions, `[voices, frames, dim]`, linearly interpolated."""
        last = (self.length[entry][:, None] - 1) * FRAME
        at = torch.minimum(at.clamp_min(0), last)
        low = torch.div(at, FRAME, rounding_mode="floor")
        high = torch.minimum(self._wrap((low + 1) * FRAME, entry, controls["loop"]), last)
        base = self.start[entry][:, None]
        below = self.bank[base + low].float()
        above = self.bank[base + torch.div(high, FRAME, rounding_mode="floor")].float()
        share = (at - low * FRAME).float() / FRAME
        return below + share[:, :, None] * (above - below)


def _ends(bank: SoundBank) -> tuple[dict[str, float], ...]:
    """The shortest sound to its end, and backwards to its beginning; the same in its loop."""
    sound, key = (bank.zone_entry == bank.length.argmin()).nonzero()[0].tolist()
    shortest = {"sound": float(sound), "key": float(key)}
    return (
        {**shortest, "loop": 0.0},
        {**shortest, "loop": 0.0, "position": 0.9, "release": 4.0},
        {**shortest, "loop": 0.0, "position": 0.1, "speed": -1.0},
        {**shortest, "loop": 2.0, "position": 0.1, "speed": -1.5},
    )


def _up_to(end: Tensor) -> Tensor:
    """0 … end - 1. The end stays a tensor, so that a traced graph computes it at run time."""
    counted: Tensor = torch.arange(end, device=end.device)  # type: ignore[call-overload]
    return counted


def _envelope(
    controls: Mapping[str, Tensor],
    level: Tensor,
    ended: Tensor,
    hops: Tensor,
    hop: int,
    sample_rate: int,
) -> tuple[Tensor, Tensor]:
    """Gain `[voices, samples]` and the level after it: in each hop exponential towards the gate.

    After a hop the level is y' = a·y + (1 - a)·target, with an a and a target of its own for each
    hop, because a sound may end in any of them. Unrolled, hop k reaches the level after hop h by
    the product of all a between, whose logarithm is a difference of sums and never positive.

    Args:
        level: `[voices, 1]` before the step; ended: `[voices, hops]`; hops: how many, a number.
        hop: samples of one; sample_rate: Hz.
    """
    gate = (controls["gate"] > 0.5) & ~ended
    release = controls["release"]
    release = torch.where(ended, release.clamp_max(END_FADE_S), release)
    seconds = torch.where(gate, controls["attack"], release)
    decay = -FALL_60_DB / (seconds * sample_rate)  # [voices, hops], per sample
    target = gate.to(level.dtype)
    total = torch.cumsum(decay * hop, 1)  # of the logarithm, since the step began
    number = _up_to(hops)
    before = number[:, None] >= number  # [after hop, of hop]
    between = torch.where(before, total[:, :, None] - total[:, None], NEVER)
    share = (1 - torch.exp(decay * hop)) * target
    after = torch.exp(total) * level + (torch.exp(between) * share[:, None]).sum(2)
    start = torch.cat([level, after[:, :-1]], 1)  # of each hop
    passed = torch.arange(1, hop + 1, device=level.device)
    gain = target[:, :, None] + (start - target)[:, :, None] * torch.exp(decay[:, :, None] * passed)
    return gain.flatten(1) * controls["velocity"].square(), after[:, -1:]


def _voice_controls(sounds: int) -> tuple[Control, ...]:
    n = number
    return (
        *note_controls(),
        bend_control(),
        sound_control(max(sounds - 1, 1), "which sound of the bank; a note keeps its own"),
        n("position", 0, 1, 0, "where in the sound the trajectory starts; moves what plays",
          smoothing_ms=20.0),
        n("speed", -4, 4, 1, "frames of the sound per frame played: 1 as recorded, 0 frozen,"
          " negative backwards"),
        n("loop", 0, 2, 1, "0 plays through, 1 loops sustained sounds while held, 2 loops all",
          curve="integer", role="loop"),
        n("attack", 0.001, 4, 0.003, "rise of a note", unit="s", curve="exponential"),
        n("release", 0.01, 8, 0.4, "fall of a released note by 60 dB", unit="s",
          curve="exponential"),
    )  # fmt: skip
