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

FALL_60_DB = 6.9078  # ln(1000): time constants in a fall by 60 dB
END_FADE_S = 0.05


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

    def init_state(self, voices: int) -> State:
        float_row = self.axes.new_zeros(voices, 1)
        return {
            "unread": torch.zeros(voices, 1, dtype=torch.int64),
            "phase": float_row,
            "envelope": float_row.clone(),
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
        wanted = samples * rate + HALF * ONE - unread
        frame = self.hop * ONE
        needed = torch.div(wanted + frame - 1, frame, rounding_mode="floor").clamp_min(0)
        most = needed.max().clamp_min(1)  # runtimes refuse a convolution over nothing

        at, phase, ended = self._trajectory(controls, state["phase"], entry, needed, most)
        latent = self._latents(entry, at, controls) + (controls["latent"] @ self.axes)[:, None]
        decoded, decoder = self.decoder.step(
            latent.transpose(1, 2), part_of(state, "decoder"), needed[:, 0]
        )
        buffer = torch.cat([state["tail"], decoded], dim=2)
        count = _up_to(samples[0])
        audio = read_at(buffer, self.kept * ONE - unread + count * rate, self.table)
        gain, envelope = _envelope(
            controls, state["envelope"], ended, count, samples, self.sample_rate
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
        needed: Tensor,
        most: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Frame positions `[voices, most]`, the next phase `[voices, 1]`, whether it has ended."""
        length = self.length[entry][:, None].float()
        origin = controls["position"] * (length - 1)
        steps = _up_to(most)[None]
        at = self._wrap(origin + phase + controls["speed"] * steps, entry, controls["loop"])
        after = origin + phase + controls["speed"] * needed
        after = self._wrap(after, entry, controls["loop"])
        ended = (after > length - 1) | (after < 0)
        return at, after - origin, ended

    def _wrap(self, at: Tensor, entry: Tensor, loop: Tensor) -> Tensor:
        """Fold positions into the loop where the entry has one and the control asks for it."""
        first = self.loop_start[entry][:, None].float()
        size = (self.loop_end - self.loop_start)[entry][:, None].float()
        whole = self.length[entry][:, None].float()
        # loop 1: the sustained part; loop 2: sounds without one go round as a whole.
        all_of_it = (loop > 1.5) & (size < 1)
        first = torch.where(all_of_it, torch.zeros_like(first), first)
        size = torch.where(all_of_it, whole, size)
        looping = (loop > 0.5) & (size >= 1)
        size = size.clamp_min(1)
        past = (at >= first + size) | (at < torch.where(at < 0, first, at))
        folded = first + torch.remainder(at - first, size)
        return torch.where(looping & past, folded, at)

    def _latents(self, entry: Tensor, at: Tensor, controls: Mapping[str, Tensor]) -> Tensor:
        """Latent frames at fractional positions, `[voices, frames, dim]`, linearly interpolated."""
        last = (self.length[entry] - 1)[:, None]
        at = torch.minimum(at.clamp_min(0), last.float())
        low = torch.floor(at)
        high = self._wrap(low + 1, entry, controls["loop"])
        high = torch.minimum(high, last.float()).long()
        base = self.start[entry][:, None]
        below = self.bank[base + low.long()].float()
        above = self.bank[base + high].float()
        return below + (at - low)[:, :, None] * (above - below)


def _up_to(end: Tensor) -> Tensor:
    """0 … end - 1. The end stays a tensor, so that a traced graph computes it at run time."""
    counted: Tensor = torch.arange(end, device=end.device)  # type: ignore[call-overload]
    return counted


def _envelope(
    controls: Mapping[str, Tensor],
    level: Tensor,
    ended: Tensor,
    count: Tensor,
    samples: Tensor,
    sample_rate: int,
) -> tuple[Tensor, Tensor]:
    """Gain `[voices, samples]` and the level after it: exponential towards the gate."""
    gate = (controls["gate"] > 0.5) & ~ended
    release = torch.where(ended, controls["release"].clamp_max(END_FADE_S), controls["release"])
    seconds = torch.where(gate, controls["attack"], release)
    decay = -FALL_60_DB / (seconds * sample_rate)  # [voices, 1], per sample
    target = gate.to(level.dtype)
    velocity = controls["velocity"].square()
    gain = target + (level - target) * torch.exp(decay * (count + 1))
    after = target + (level - target) * torch.exp(decay * samples)
    return gain * velocity, after


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
