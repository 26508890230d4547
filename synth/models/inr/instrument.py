"""The coordinate network as an instrument: a voice is a latent, a position and a rate.

A hop of a voice is a *head*: a row of points that one latent and one window condition. What moves
smoothly (bend, speed, a small move of the position) moves the head along. What would jump (another
latent, another loop, a position further away) is crossfaded: for one hop the head that was there
goes on beside the new one. Seams of loops are blended the same way, by heads that read one window
earlier. All heads of all voices are rows of one evaluation, and there are only as many as are
needed at the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from synth.contract import ConfigError, require_within
from synth.models.inr import playhead
from synth.models.inr.controls import controls_of
from synth.models.inr.envelope import envelope, envelope_state
from synth.models.inr.live import LiveNetwork
from synth.models.inr.lowpass import decimate, halo, kernel_table, kernels, points_per_sample
from synth.models.inr.model import INR
from synth.models.inr.network import CoordinateNetwork
from synth.models.inr.playhead import ONE, QUARTERS, Window
from synth.models.inr.timbres import KEYS, principal_axes, timbres_of
from synth.models.instrument import Instrument
from synth.nn import State

HOP_S = 0.004
FASTEST_SCRUB = 8  # samples of the sound per output sample; a position further away is jumped to
BEYOND = 1024  # samples past an end where a position stops: out of reach of the low-pass
STEEPEST = 48.0  # semitones that a sound is transposed at most
# What conditions a head, in the order in which a row holds it.
SHAPE = ("key", "sound", "morph", "morph_sound", "loop", "loop_start", "loop_end", "freeze")
LATENT_AT = len(SHAPE)


class Heads(NamedTuple):
    """Rows of points to come.

    Attributes:
        shape: `[heads, columns]`, controls in the order of `SHAPE`, then the latent's axes.
        at: int64 `[heads, 1]`, where the hop begins; rate: likewise, per output sample.
        anchor: int64 `[heads, 1]`, what freezing holds.
    """

    shape: Tensor
    at: Tensor
    rate: Tensor
    anchor: Tensor


class INRInstrument(Instrument):
    """Plays the sounds of an `INR`, and what lies between them, from keys.

    Args:
        model: trained; left as it is.
        sample_rate: of the output in Hz, 4000 … 384000; by default that of the training.

    Raises:
        ConfigError: the sample rate is out of range, or time is no input of the decoder.
    """

    kind = "generator"
    channels_in = 0
    latents: Tensor
    axes: Tensor
    entry: Tensor
    root: Tensor
    grain: Tensor
    table: Tensor

    def __init__(self, model: INR, sample_rate: int | None = None) -> None:
        super().__init__()
        config = model.config
        if not isinstance(model.decoder, CoordinateNetwork):
            raise ConfigError(
                f"{config.architecture} makes a fixed grid of samples at once and knows no time, so"
                " there is nothing to play in it; train any other architecture"
            )
        self.sample_rate = config.sample_rate if sample_rate is None else sample_rate
        require_within("--sample-rate", self.sample_rate, 4_000, 384_000)
        self.hop = max(round(HOP_S * self.sample_rate / 16), 1) * 16
        self.sound_rate, self.length = config.sample_rate, config.audio_length
        self.network = LiveNetwork(model.decoder)
        timbres, axes = timbres_of(config), principal_axes(model.latents)
        self.sounds, self.key_range = timbres.names, timbres.key_range
        self.controls = controls_of(len(timbres.names), axes)
        keys = config.keys or (-1.0,) * config.sounds
        grains = [playhead.freeze_length(key, self.length, self.sound_rate) for key in keys]
        self.register_buffer("latents", model.latents.detach().float().clone())
        self.register_buffer("axes", axes.rows)
        self.register_buffer("entry", timbres.entry)
        self.register_buffer("root", timbres.root)
        self.register_buffer("grain", torch.tensor(grains))
        self.register_buffer("table", kernel_table())

    def init_state(self, voices: int) -> State:
        number, place = torch.zeros(voices, 1), torch.zeros(voices, 1, dtype=torch.int64)
        columns = LATENT_AT + len(self.axes)
        return {
            "started": place,
            "at": place.clone(),
            "rate": place.clone(),
            "anchor": place.clone(),
            "shape": torch.zeros(voices, columns),
            "position": number,
            "level": number.clone(),
        } | envelope_state(voices)

    def step(
        self, feed: Tensor, controls: Mapping[str, Tensor], state: State
    ) -> tuple[Tensor, State]:
        fresh = state["started"] == 0
        shape = self._shape(controls)
        rate = self._rate(shape, controls)
        now, before, drift, changed = self._begin(shape, rate, fresh, controls, state)
        hops = _up_to(feed[0])
        sound, faded = self._render(now, before, drift, changed, hops)
        hop = self.hop
        share = torch.arange(1, hop + 1, dtype=sound.dtype) / hop
        old = (1 - share) * changed * (faded - sound[:, :hop])
        sound = torch.cat([sound[:, :hop] + old, sound[:, hop:]], 1)

        count = _up_to(feed[0] * hop).to(sound.dtype) + 1
        gain, risen = envelope(controls, state, count, self.sample_rate)
        level = controls["velocity"].square() * 10.0 ** (controls["gain"] / 20.0)
        start = torch.where(fresh, level, state["level"])
        ramp = start + (level - start) * (count / hop).clamp_max(1.0)
        samples = feed * hop
        end = now.at + samples * rate + hop * drift
        window = self._window(now)
        end = playhead.wrapped(end, window, rate < 0)
        ended = end.clamp(-BEYOND * ONE, (self.length + BEYOND) * ONE)
        new = {
            "started": torch.ones_like(state["started"]),
            "at": torch.where(window.mode == playhead.OFF, ended, end),
            "rate": rate,
            "anchor": now.anchor,
            "shape": shape,
            "position": controls["position"],
            "level": level,
        } | risen
        return (sound * gain * ramp)[:, None], new

    # -- what the voices do --------------------------------------------------------------------

    def _shape(self, controls: Mapping[str, Tensor]) -> Tensor:
        latent = [controls["latent"]] if len(self.axes) else []
        return torch.cat([*(controls[name] for name in SHAPE), *latent], 1)

    def _rate(self, shape: Tensor, controls: Mapping[str, Tensor]) -> Tensor:
        """Positions per output sample, int64 `[voices, 1]`."""
        first, second = self._entries(shape)
        morph = _column(shape, "morph")
        root = (1 - morph) * self.root[first][:, None] + morph * self.root[second][:, None]
        semitones = _column(shape, "key") - root + controls["bend"] + controls["pitch"]
        semitones = semitones.clamp(-STEEPEST, STEEPEST)
        return playhead.step_of(semitones, controls["speed"], self.sound_rate / self.sample_rate)

    def _begin(
        self,
        shape: Tensor,
        rate: Tensor,
        fresh: Tensor,
        controls: Mapping[str, Tensor],
        state: State,
    ) -> tuple[Heads, Heads, Tensor, Tensor]:
        """Where the voices go on from.

        Returns:
            the heads to be, those that were, how far the position is moved within the first hop
            (int64 `[voices, 1]`, per output sample), and which voices crossfade, `[voices, 1]`.
        """
        whole = self.length * ONE
        before = Heads(state["shape"], state["at"], state["rate"], state["anchor"])
        start = playhead.fixed(controls["position"].double() * self.length)
        # Backwards, a sound begins at its end.
        start = torch.where((rate < 0) & (start < ONE), whole - ONE, start)
        moved = start - start
        step = controls["position"].double() - state["position"].double()
        moved = torch.where(fresh, moved, playhead.fixed(step * self.length))
        drift = torch.round(moved.double() / (QUARTERS * self.hop)).long() * QUARTERS
        far = drift.abs() > FASTEST_SCRUB * ONE
        drift = torch.where(far, torch.zeros_like(drift), drift)

        reached = playhead.unfolded(state["at"], self._window(before))
        loop = slice(SHAPE.index("loop"), LATENT_AT)
        reshaped = _differ(shape[:, loop], state["shape"][:, loop])
        at = torch.where(reshaped, reached, state["at"])
        at = torch.where(fresh, start, torch.where(far, at + moved, at))
        held = (_column(state["shape"], "freeze") > 0.5) & ~fresh
        anchor = torch.where(held, state["anchor"] + moved, torch.where(fresh, start, reached))
        now = Heads(shape, at, rate, anchor)
        window = self._window(now)
        looped = window.mode != playhead.OFF
        turned = looped & ((rate < 0) != (state["rate"] < 0))
        now = now._replace(at=playhead.wrapped(at, window, rate < 0))
        scanned = held & (moved != 0)  # what is frozen has moved
        changed = _differ(shape, state["shape"]) | far | turned | scanned
        return now, before, drift, (changed & ~fresh).to(shape.dtype)

    # -- heads ---------------------------------------------------------------------------------

    def _render(
        self, now: Heads, before: Heads, drift: Tensor, changed: Tensor, hops: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The sound of the heads to be, `[voices, samples]`, and of those that were, `[voices,
        hop]`, where they are asked for."""
        hop, count = self.hop, hops[None]
        drifting = (count == 0).long()
        at = now.at + count * (hop * now.rate) + (1 - drifting) * hop * drift
        rate = now.rate + drifting * drift
        voice = (_rows(now.at) + torch.zeros_like(count)).flatten()
        old = torch.nonzero(changed[:, 0])[:, 0]
        heads = Heads(
            torch.cat([now.shape[voice], before.shape[old]]),
            torch.cat([at.reshape(-1, 1), before.at[old]]),
            torch.cat([rate.reshape(-1, 1), before.rate[old]]),
            torch.cat([now.anchor[voice], before.anchor[old]]),
        )
        made = self._evaluate(heads)
        first = voice.shape[0]
        sound = made[:first].reshape(now.at.shape[0], -1)
        return sound, _spread(made[first:], changed > 0)

    def _evaluate(self, heads: Heads) -> Tensor:
        """The sound of every head, `[heads, hop]`."""
        points = points_per_sample(heads.rate)
        reach = halo(points)
        index = _up_to(self.hop * points + 2 * reach) - reach
        stride = torch.div(heads.rate, QUARTERS, rounding_mode="floor")
        stride = stride * torch.div(QUARTERS, points, rounding_mode="floor")
        window = self._window(heads)
        at = playhead.wrapped(heads.at + index * stride, window, heads.rate < 0)
        share = playhead.seam_share(at, window)
        seams = share.amax(1, keepdim=True) > 0
        rows = torch.nonzero(seams[:, 0])[:, 0]
        place = playhead.unfolded(at, window)
        place = torch.cat([place, (at - window.size)[rows]])
        latent = self.latent(heads.shape)
        made = self.read(torch.cat([latent, latent[rows]]), place)
        first = share.shape[0]
        sound = made[:first]
        sound = sound + share * (_spread(made[first:], seams) - sound)
        return decimate(sound, kernels(heads.rate, points, self.table), points, self.hop)

    def read(self, latent: Tensor, place: Tensor) -> Tensor:
        """Each latent's sound `[rows, points]` where it is asked for, silent beyond its ends.

        Args:
            latent: `[rows, num_latent]`; place: int64 `[rows, points]`, in 1/2³⁸ sample.
        """
        inside = place.clamp(0, self.length * ONE)
        t = inside.double() * (2.0 / (self.length * ONE)) - 1.0
        made: Tensor = self.network(latent, t, t[:, :1])
        return made * playhead.edge_gain(place, self.length, self.sound_rate)

    def latent(self, shape: Tensor) -> Tensor:
        """Between two sounds and along the axes, `[rows, num_latent]`.

        Args:
            shape: `[rows, columns]`, controls in the order of `SHAPE`, then the latent's axes.
        """
        first, second = self._entries(shape)
        morph = _column(shape, "morph")
        latent = (1 - morph) * self.latents[first] + morph * self.latents[second]
        return latent + shape[:, LATENT_AT:] @ self.axes if len(self.axes) else latent

    def _entries(self, shape: Tensor) -> tuple[Tensor, Tensor]:
        """The sound that a key plays of either timbre, int64 `[rows]`."""
        key = torch.round(_column(shape, "key")).long().clamp(0, KEYS - 1)[:, 0]
        last = len(self.entry) - 1
        chosen = [_column(shape, name).round().long()[:, 0] for name in ("sound", "morph_sound")]
        first, second = (self.entry[timbre.clamp(0, last), key] for timbre in chosen)
        return first, second

    def _window(self, heads: Heads) -> Window:
        """What each head goes round."""
        shape = heads.shape
        loop, start, end = (_column(shape, name) for name in ("loop", "loop_start", "loop_end"))
        gone_round = playhead.loop_window(loop, start, end, self.length, self.sound_rate)
        grain = self.grain[self._entries(shape)[0]][:, None]
        frozen = playhead.frozen_window(heads.anchor, grain, self.length)
        freeze = _column(shape, "freeze") > 0.5
        pairs = zip(frozen, gone_round, strict=True)
        return Window(*(torch.where(freeze, a, b) for a, b in pairs))


def _column(shape: Tensor, name: str) -> Tensor:
    at = SHAPE.index(name)
    return shape[:, at : at + 1]


def _differ(a: Tensor, b: Tensor) -> Tensor:
    """Which rows are not the same, bool `[rows, 1]`."""
    return (a != b).long().amax(1, keepdim=True) > 0


def _up_to(end: Tensor) -> Tensor:
    """0 … end - 1. The end stays a tensor, so that a traced graph computes it at run time."""
    counted: Tensor = torch.arange(end)  # type: ignore[call-overload]
    return counted


def _rows(tensor: Tensor) -> Tensor:
    """0 … rows - 1, `[rows, 1]`, of any tensor `[rows, 1]`."""
    return torch.cumsum(torch.ones_like(tensor), 0) - 1


def _spread(part: Tensor, chosen: Tensor) -> Tensor:
    """Rows `[chosen, n]` put where `chosen` `[rows, 1]` is true, zeros elsewhere: `[rows, n]`."""
    place = torch.cumsum(chosen.long(), 0) * chosen.long()
    padded = torch.cat([part.new_zeros(1, part.shape[1]), part])
    return padded[place[:, 0]]
