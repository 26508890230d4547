"""A voice as an instrument: key and gate instead of pitch and duration, all else as controls.

A hop is a control period of the voice, so that a note that is held for some hops is, sample by
sample, the offline sound of that duration. The voice keeps phases, and where its lines end, in
double precision, which the state of an instrument file can't hold; in float32 a note would part
from its offline sound within a second. So they are int64 numbers in units of 2^-40 there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from synth.contract import BankPatch, ConfigError, TensorSpec
from synth.models.instrument import Instrument
from synth.models.inverse.live.controls import (
    QUIETEST_DB,
    controls_of,
    in_range,
    live_parameters,
)
from synth.models.inverse.live.morph import Morph
from synth.models.inverse.voices import HOP, Note, Patch, Voice
from synth.models.inverse.voices.matrix import Matrix
from synth.nn import State

SAMPLE_RATES = (44_100, 48_000)
NOISE = "noise_draws"
ONE = float(1 << 40)
DB = math.log(10.0) / 20.0  # nepers


class VoiceInstrument(Instrument):
    """Plays the patches of a voice from keys.

    Args:
        voice: whose curves the controls have; left as it is.
        patches: the bank, in order; the controls stand at the first one's values.
        sample_rate: of the output in Hz, 44100 or 48000.

    Raises:
        ConfigError: another sample rate, or no patches.
        DataError: a patch is of another voice.
    """

    kind = "generator"
    channels_in = 0
    hop = HOP

    def __init__(self, voice: Voice, patches: Sequence[Patch], sample_rate: int = 48_000) -> None:
        super().__init__()
        if sample_rate not in SAMPLE_RATES:
            raise ConfigError(
                f"--sample-rate is {sample_rate}; a voice is made for"
                f" {' or '.join(map(str, SAMPLE_RATES))} Hz, and synth play adapts it to others"
            )
        if not patches:
            raise ConfigError(f"the voice {voice.name} needs at least one patch to be played")
        for patch in patches:
            patch.units(voice)  # raises for another voice
        self.sample_rate = sample_rate
        self.voice = type(voice)(sample_rate)
        own = live_parameters(voice.parameters_)
        self.names = tuple(p.name for p in own)
        self.morph = Morph(own, patches)
        self.controls = controls_of(own, patches)
        self.random = (TensorSpec(NOISE, (-1, HOP)),)
        self.sounds = tuple(patch.name for patch in patches)
        self.patches = tuple(
            BankPatch(patch.name, {p.name: (in_range(p, patch.values[p.name]),) for p in own})
            for patch in patches
        )

    def init_state(self, voices: int) -> State:
        hops = torch.zeros(voices, 1, dtype=torch.int64)
        own = self._kept(self.voice.init_state(voices))
        return {"hops_held": hops, "hops_released": hops, "level": torch.zeros(voices, 1), **own}

    def step(
        self, feed: Tensor, controls: Mapping[str, Tensor], state: State
    ) -> tuple[Tensor, State]:
        """As `Instrument.step`; `controls` also holds `noise_draws`, `[voices, n, HOP]`."""
        held, released, before = (state[k] for k in ("hops_held", "hops_released", "level"))
        fresh = held + released == 0
        open_ = (controls["gate"] > 0.5).long()
        ends = torch.cat([torch.zeros(1, dtype=torch.int64), _up_to(feed[0]) + 1])
        held, released = held + open_ * ends, released + (1 - open_) * ends
        values = torch.cat([controls[name] for name in self.names], 1)
        target = torch.round(controls["morph_sound"][:, 0]).long()
        values = self.morph(values, controls["morph"], target)
        note = Note(
            controls["key"] + controls["bend"] + controls["pitch"],
            held.double() * (HOP / self.sample_rate),
            released.double() * (HOP / self.sample_rate),
        )
        own = self._taken(state)
        noise = controls[NOISE].flatten(1)
        audio, own = self.voice.step(Matrix(self.names, values), note, noise, own)
        level = self._level(controls)
        audio = audio * _line(torch.where(fresh, level, before), level, audio)
        new = {"hops_held": held[:, -1:], "hops_released": released[:, -1:], "level": level}
        return audio[:, None], new | self._kept(own)

    def _kept(self, own: State) -> State:
        """The voice's state as a file can hold it."""
        precise = torch.cat([x for x in own.values() if x.dtype == torch.float64], 1)
        kept = {"precise": torch.round(precise * ONE).long()}
        return kept | {name: x for name, x in own.items() if x.dtype != torch.float64}

    def _taken(self, state: State) -> State:
        """The inverse of `_kept`."""
        like = self.voice.init_state(1)
        names = [name for name, x in like.items() if x.dtype == torch.float64]
        parts = torch.split(
            state["precise"].double() * (1 / ONE), [like[name].shape[1] for name in names], 1
        )
        others = {name: state[name] for name in like if name not in names}
        return others | dict(zip(names, parts, strict=True))

    def _level(self, controls: Mapping[str, Tensor]) -> Tensor:
        """The level that velocity and gain give, `[voices, 1]`."""
        gain = controls["gain"]
        linear = torch.where(gain > QUIETEST_DB, torch.exp(gain * DB), 0.0)
        return controls["velocity"].square() * linear


def _line(before: Tensor, level: Tensor, audio: Tensor) -> Tensor:
    """A straight line from one level to the next within the first hop, then the next one."""
    share = (_up_to(audio.shape[1]).float() * (1 / HOP)).clamp_max(1.0)
    return before + (level - before) * share


def _up_to(count: Tensor | int) -> Tensor:
    """0 … count - 1, int64."""
    return torch.arange(count)  # type: ignore[arg-type]  # a tensor, so that the graph knows it
