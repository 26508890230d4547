"""The coordinate network as an instrument: a voice is a latent, a position and a rate.

A hop of a voice is a *head*: a row of points that one latent and one window condition. Smooth
changes (bend, speed, a small move of the position) move the head along. Jumps (another latent,
another loop, a distant position) are crossfaded: for one hop the old head goes on beside the new
one. Seams of loops are blended the same way, by heads that read one window earlier. All heads of
all voices are rows of one evaluation, and only those needed at the time exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import NamedTuple

import torch
from torch import Tensor

from synth.contract import ConfigError, require_within
from synth.models.inr.live import playhead
from synth.models.inr.live.controls import controls_of
from synth.models.inr.live.envelope import envelope
from synth.models.inr.live.heads import HeadReader, Heads, spread
from synth.models.inr.live.network import LiveNetwork
from synth.models.inr.live.playhead import ONE, QUARTERS, Window
from synth.models.inr.live.timbres import KEYS, timbres_of
from synth.models.inr.model import INR
from synth.models.inr.network import CoordinateNetwork
from synth.models.instrument import Instrument
from synth.models.latent_axes import LatentAxes, principal_axes
from synth.nn import State

# The fixed cost of a hop is spread over more points where points are expensive.
HOP_S, LONG_HOP_S = 0.004, 0.008
AXES_VARIANCE = 0.95  # share that the axes of `latent` carry
DEAR = 250_000  # multiplications per point
FASTEST_SCRUB = 8  # samples of the sound per output sample; a position further away is jumped to
BEYOND = 1024  # samples past an end where a position stops: out of reach of the low-pass
STEEPEST = 48.0  # semitones that a sound is transposed at most
# The controls that condition a head, in the order of a row's columns.
SHAPE = ("key", "sound", "morph", "morph_sound", "loop", "loop_start", "loop_end", "freeze")
LATENT_AT = len(SHAPE)
# Columns of a voice's state in whole numbers: whether it has begun; position and rate of its head,
# in 1/2³⁸ sample; its window.
PLACES = (1, 1, 1, 4)


class Past(NamedTuple):
    """State of every voice after the last step, `[voices, columns]` each.

    Attributes:
        started, at, rate: int64, see `PLACES`.
        window: int64, four columns.
        latent: the one that was read.
        shape: the controls that it was made from.
        position, level: of the controls.
        risen, sunk, released: of the envelope.
    """

    started: Tensor
    at: Tensor
    rate: Tensor
    window: Tensor
    latent: Tensor
    shape: Tensor
    position: Tensor
    level: Tensor
    risen: Tensor
    sunk: Tensor
    released: Tensor


class Start(NamedTuple):
    """The point from which the voices continue, `[voices, 1]` each.

    Attributes:
        at: int64, position of the head.
        window: at the beginning.
        drift, shift: int64, how far head and window are moved per output sample of the first hop.
        scan: int64, how far the window moves per output sample of every hop.
        changed: bool, whether the first hop is a crossfade.
    """

    at: Tensor
    window: Window
    drift: Tensor
    shift: Tensor
    scan: Tensor
    changed: Tensor


# How a held sound comes to its end, and backwards to its beginning, within the proof of an export.
ENDS: tuple[dict[str, float], ...] = (
    {"loop": 0.0, "position": 0.97},
    {"loop": 0.0, "position": 0.03, "speed": -1.0},
)


class INRInstrument(Instrument):
    """Plays the sounds of an `INR`, and sounds between them, from keys.

    Args:
        model: trained; left as it is.
        sample_rate: of the output in Hz, 4000 … 384000; by default that of the training.

    Raises:
        ConfigError: the sample rate is out of range, or time is no input of the decoder.
    """

    kind = "generator"
    channels_in = 0
    latents: Tensor
    axes_rows: Tensor
    entry: Tensor
    root: Tensor
    grain: Tensor

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
        self.sound_rate, self.length = config.sample_rate, config.audio_length
        self.ratio = self.sound_rate / self.sample_rate
        network = LiveNetwork(model.decoder)
        hop_s = HOP_S if network.multiplications <= DEAR else LONG_HOP_S
        self.hop = max(round(hop_s * self.sample_rate / 16), 1) * 16
        self.reader = HeadReader(network, self.hop, self.length, self.sound_rate)
        timbres, axes = timbres_of(config), principal_axes(model.latents, AXES_VARIANCE)
        self.sounds, self.key_range = timbres.names, timbres.key_range
        self.controls = controls_of(len(timbres.names), axes)
        self.ends = ENDS
        keys = config.keys or (-1.0,) * config.sounds
        grains = [playhead.freeze_length(key, self.length, self.sound_rate) for key in keys]
        self.register_buffer("latents", model.latents.detach().float().clone())
        for part in fields(axes):
            self.register_buffer(f"axes_{part.name}", getattr(axes, part.name))
        self.register_buffer("entry", timbres.entry.flatten())
        self.register_buffer("root", timbres.root)
        self.register_buffer("grain", torch.tensor(grains))

    def init_state(self, voices: int) -> State:
        return {
            "places": torch.zeros(voices, sum(PLACES), dtype=torch.int64),
            "numbers": torch.zeros(voices, sum(self._columns())),
        }

    def step(
        self, feed: Tensor, controls: Mapping[str, Tensor], state: State
    ) -> tuple[Tensor, State]:
        places = torch.split(state["places"], list(PLACES), 1)
        past = Past(*places, *torch.split(state["numbers"], self._columns(), 1))
        shape = self._shape(controls)
        first, second = self._entries(shape)
        rate = self._rate(shape, first, second, controls)
        start = self._start(shape, rate, self.grain[first], controls, past)
        latent = self._between(shape, first, second)
        sound, faded = self._render(start, rate, latent, past, _up_to(feed[0]))
        hop = self.hop
        share = torch.arange(1, hop + 1, dtype=sound.dtype) / hop
        fade = (1 - share) * start.changed.to(sound.dtype)
        head = sound[:, :hop] + fade * (faded - sound[:, :hop])
        sound = torch.cat([head, sound[:, hop:]], 1)

        count = _up_to(feed[0] * hop).to(sound.dtype) + 1
        risen = {"risen": past.risen, "sunk": past.sunk, "released": past.released}
        gain, risen = envelope(controls, risen, count, self.sample_rate)
        level = controls["velocity"].square() * 10.0 ** (controls["gain"] / 20.0)
        before = torch.where(past.started == 0, level, past.level)
        ramp = before + (level - before) * (count / hop).clamp_max(1.0)
        window = self._after(start, feed)
        end = start.at + feed * hop * rate + hop * start.drift
        end = playhead.kept(end, window, rate < 0)
        ended = end.clamp(-BEYOND * ONE, (self.length + BEYOND) * ONE)
        end = torch.where(window.mode == playhead.OFF, ended, end)
        begun = torch.ones_like(past.started)
        new = {
            "places": torch.cat([begun, end, rate, *window], 1),
            "numbers": torch.cat([latent, shape, controls["position"], level, *risen.values()], 1),
        }
        return (sound * gain * ramp)[:, None], new

    def latent(self, shape: Tensor) -> Tensor:
        """The latent between two sounds, moved along the axes: `[rows, num_latent]`.

        Args:
            shape: `[rows, columns]`, controls in the order of `SHAPE`, then the latent's axes.
        """
        return self._between(shape, *self._entries(shape))

    def _columns(self) -> list[int]:
        """Widths of the state in float32: latent, shape, position, level, envelope."""
        return [self.latents.shape[1], LATENT_AT + len(self.axes_rows), 1, 1, 1, 1, 1]

    def _shape(self, controls: Mapping[str, Tensor]) -> Tensor:
        latent = [controls["latent"]] if len(self.axes_rows) else []
        return torch.cat([*(controls[name] for name in SHAPE), *latent], 1)

    def _rate(
        self, shape: Tensor, first: Tensor, second: Tensor, controls: Mapping[str, Tensor]
    ) -> Tensor:
        """Positions per output sample, int64 `[voices, 1]`."""
        morph = _column(shape, "morph")
        root = (1 - morph) * self.root[first] + morph * self.root[second]
        semitones = _column(shape, "key") - root + controls["bend"] + controls["pitch"]
        semitones = semitones.clamp(-STEEPEST, STEEPEST)
        return playhead.step_of(semitones, controls["speed"], self.ratio)

    def _start(
        self,
        shape: Tensor,
        rate: Tensor,
        grain: Tensor,
        controls: Mapping[str, Tensor],
        past: Past,
    ) -> Start:
        """The point from which the voices continue; new ones begin at `position`."""
        whole, fresh, backward = self.length * ONE, past.started == 0, rate < 0
        position = controls["position"].double()
        begin = playhead.fixed(position * self.length)
        # Backwards, a sound begins at its end.
        begin = torch.where(backward & (begin < ONE), whole - ONE, begin)
        jump, drift, far = self._scrubbed(position, past.position, fresh)
        before = Window(*torch.split(past.window, 1, 1))
        before = before._replace(size=before.size.clamp_min(1))  # 0 before a voice's first hop
        reached = playhead.wrapped(past.at, before, past.rate < 0)
        reached = playhead.unfolded(reached, before)
        loop = slice(SHAPE.index("loop"), LATENT_AT)
        reshaped = _differ(shape[:, loop], past.shape[:, loop])
        at = torch.where(reshaped, reached, past.at) + jump
        at = torch.where(fresh, begin, at)
        frozen = _column(shape, "freeze") > 0.5
        held = frozen & (before.mode == playhead.FROZEN) & ~fresh
        # A frozen sound is moved by its window; the head circles in it at its own rate.
        place = torch.where(
            held, before.start + jump, at - torch.div(grain, 2, rounding_mode="trunc")
        )
        window = self._window(shape, frozen, place, grain)
        looped = window.mode != playhead.OFF
        changed = _differ(shape, past.shape) | far | (looped & (backward != (past.rate < 0)))
        scan = playhead.step_of(torch.zeros_like(position), controls["scan"], self.ratio)
        return Start(
            at=playhead.kept(at, window, backward),
            window=window,
            drift=torch.where(held, 0, drift),
            shift=torch.where(held, drift, 0),
            scan=torch.where(frozen, scan, 0),
            changed=changed & ~fresh,
        )

    def _scrubbed(
        self, position: Tensor, before: Tensor, fresh: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Effect of a moved `position` on voices that aren't fresh, `[voices, 1]` each.

        Returns:
            a jump, or else the drift per output sample of the first hop, int64; whether it jumps.
        """
        step = (position - before.double()) * self.length
        moved = torch.where(fresh, 0, playhead.fixed(step))
        drift = torch.div(moved, QUARTERS * self.hop, rounding_mode="trunc") * QUARTERS
        far = drift.abs() > FASTEST_SCRUB * ONE
        return torch.where(far, moved, 0), torch.where(far, 0, drift), far

    def _window(self, shape: Tensor, frozen: Tensor, place: Tensor, grain: Tensor) -> Window:
        """The part of its sound that each voice repeats."""
        loop, start, end = (_column(shape, name) for name in ("loop", "loop_start", "loop_end"))
        gone_round = playhead.loop_window(loop, start, end, self.length, self.sound_rate)
        pairs = zip(playhead.frozen_window(place, grain), gone_round, strict=True)
        window = Window(*(torch.where(frozen, a, b) for a, b in pairs))
        return playhead.moved_window(window, torch.zeros_like(place), self.length)

    def _after(self, start: Start, hops: Tensor) -> Window:
        """The windows some hops later, int64 `[1]` or `[1, n]`."""
        first = self.hop * (start.shift + start.scan) * (hops > 0).long()
        window = playhead.moved_window(start.window, first, self.length)
        later = self.hop * start.scan * (hops - 1).clamp_min(0)
        return playhead.moved_window(window, later, self.length)

    def _render(
        self, start: Start, rate: Tensor, latent: Tensor, past: Past, hops: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The sound, and that of the old heads in a crossfade.

        Returns:
            `[voices, samples]` and `[voices, hop]`, silent where a voice doesn't change.
        """
        count, voices = hops[None], latent.shape[0]
        drifting = (count == 0).long()
        at = start.at + count * (self.hop * rate) + (1 - drifting) * (self.hop * start.drift)
        pace = rate + drifting * start.drift
        slide = start.scan + drifting * start.shift
        row = torch.arange(voices, device=latent.device)[:, None]
        new = (row + torch.zeros_like(count)).flatten()
        old = torch.nonzero(start.changed[:, 0])[:, 0]
        # Every hop begins with its own window; all but the start of it stay as they are.
        window = torch.cat([*start.window[1:]], 1)[new]
        window = torch.cat([self._after(start, count).start.reshape(-1, 1), window], 1)
        still = torch.zeros_like(old)[:, None]
        heads = Heads(
            torch.cat([at.reshape(-1, 1), past.at[old]]),
            torch.cat([pace.reshape(-1, 1), past.rate[old]]),
            torch.cat([window, past.window[old]]),
            torch.cat([slide.reshape(-1, 1), still]),
            torch.cat([new, voices + old]),
        )
        made = self.reader.render(heads, torch.cat([latent, past.latent]))
        first = new.shape[0]
        return made[:first].reshape(voices, -1), spread(made[first:], start.changed)

    def _between(self, shape: Tensor, first: Tensor, second: Tensor) -> Tensor:
        morph = _column(shape, "morph")
        latent = (1 - morph) * self.latents[first[:, 0]] + morph * self.latents[second[:, 0]]
        names = [part.name for part in fields(LatentAxes)]
        axes = LatentAxes(*(getattr(self, f"axes_{name}") for name in names))
        return axes.move(latent, shape[:, LATENT_AT:]) if len(axes.rows) else latent

    def _entries(self, shape: Tensor) -> tuple[Tensor, Tensor]:
        """The sound of each timbre that a key plays, int64 `[rows, 1]`."""
        key = torch.round(_column(shape, "key")).long().clamp(0, KEYS - 1)
        last = len(self.sounds) - 1
        chosen = [_column(shape, name).round().long() for name in ("sound", "morph_sound")]
        first, second = (self.entry[timbre.clamp(0, last) * KEYS + key] for timbre in chosen)
        return first, second


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
