"""The timbre space as an instrument: a voice is a point that moves through it.

Once in a hop each voice's point is decoded at the two keys next to its pitch. The amplitudes of the
partials and the noise between them, read from both frames, are blended by the place between the
keys, so that bend is smooth, and brought to the level that the note has there. They become a table
of one period that fades into the next, and noise.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from synth.contract import ConfigError, TensorSpec, require_within
from synth.models.instrument import Instrument
from synth.models.latent_axes import LatentAxes
from synth.models.timbre.live.anchors import AnchorBank
from synth.models.timbre.live.chart import Chart
from synth.models.timbre.live.controls import QUIETEST_DB, TARGETS, controls_of
from synth.models.timbre.live.envelope import envelope
from synth.models.timbre.live.noise import Noise
from synth.models.timbre.live.oscillators import Oscillators, scattered_phases, table_size
from synth.models.timbre.live.reader import FrameReader, Heard, hertz
from synth.models.timbre.live.targets import LOUDNESS_DB, Targets
from synth.models.timbre.model import Timbre
from synth.models.timbre.paths import linear, spherical
from synth.nn import State

SAMPLE_RATE = 48_000
HOP_S = 256 / 48_000
DEAR, DEARER = 4_000_000, 16_000_000  # multiplications per frame: hops of twice, four times HOP_S
MOST_AXES = 8
REACH = 12  # keys beyond the anchors of each sound that count as in its range
NOISE = "noise_draws"
EXPRESSIVE = 0.7  # share of a note's own movement in the middle of an expressive path
# Velocities of the softest and the loudest dynamics, as notes are usually recorded.
SOFTEST, LOUDEST = 0.26, 0.88
DB = 10.0 / math.log(10.0)  # per neper of power
SILENT = 1e-12
MOST_GAIN_DB = 40.0  # by which what a frame says is made louder or softer
SOFTER_DB = 40.0  # for a tenth of the velocity, below the softest dynamics


class Course(NamedTuple):
    """Where a voice is: latents `[voices, points, dims]` and levels in dB `[voices, points]`."""

    latent: Tensor
    level: Tensor


class Rows(NamedTuple):
    """What belongs to every point of every voice, a row for each.

    Attributes:
        row: int64 `[rows, 2]`, keys below and above the pitch, counted from the lowest.
        share: of either key, `[rows, 1, 2]`; dynamics: share of each of them, `[rows, steps]`.
        frequency: turns per sample; level: dB that velocity and gain add; noise: its gain; each
            `[rows, 1]`.
    """

    row: Tensor
    share: Tensor
    dynamics: Tensor
    frequency: Tensor
    level: Tensor
    noise: Tensor


class Past(NamedTuple):
    """State of every voice after the last step.

    Attributes:
        hops: int64 `[voices, 1]`, made since its beginning; phase: int64 `[voices, 1]`.
        frequency: turns per sample, `[voices, 1]`.
        envelope: `[voices, 2]`; table: `[voices, size]`; tail: of the noise, `[voices, hop]`.
    """

    hops: Tensor
    phase: Tensor
    frequency: Tensor
    envelope: Tensor
    table: Tensor
    tail: Tensor


class TimbreInstrument(Instrument):
    """Plays the instruments of a timbre space, and everything between them, from keys.

    Args:
        model: trained, with anchors; left as it is.
        latent: statistics of the latents, as in `synth.models.package.Package.latent`.
        sample_rate: of the output in Hz, 4000 … 384000.

    Raises:
        ConfigError: the sample rate is out of range, or the model has no anchors yet.
    """

    kind = "generator"
    channels_in = 0
    told: Tensor
    ends_of_keys: Tensor

    def __init__(
        self, model: Timbre, latent: Mapping[str, Tensor], sample_rate: int = SAMPLE_RATE
    ) -> None:
        super().__init__()
        require_within("--sample-rate", sample_rate, 4_000, 384_000)
        if not len(model.anchors) or not bool(model.anchor_times.any()):
            raise ConfigError(
                "the model has no anchors, the notes that are played from; they are chosen at the"
                " end of training: export the model.pt of a run that has ended"
            )
        config = model.config
        self.sample_rate = sample_rate
        self.decoder = copy.deepcopy(model.decoder)
        self.frame_mean = copy.deepcopy(model.frame_mean)
        self.register_buffer("offset", model.offset.clone())
        self.register_buffer("spread", model.spread.clone())
        self.hop = _hop(self.multiplications, sample_rate)
        keys = config.anchor_keys
        low, high = int(min(keys)), -int(-max(keys) // 1)
        self.reader = FrameReader(model.frequencies, low, high, config.floor)
        self.bank = AnchorBank(model)
        self.register_buffer("told", _told(model, low, high))
        self.register_buffer("ends_of_keys", torch.tensor(_ends(model)))
        partials = self.reader.partials
        self.oscillators = Oscillators(
            partials, self.hop, table_size(partials), scattered_phases(partials)
        )
        self.noise = Noise(model.frequencies, sample_rate, self.hop, self.reader.places)
        axes = LatentAxes.of_statistics(latent, config.latent_dims)
        self.targets = Targets(model, axes.statistics(), low, high)
        axes = axes.first(MOST_AXES)
        axes = replace(axes, least=axes.low, most=axes.high)
        self.chart = Chart(model, axes)
        self.random = (TensorSpec(NOISE, (-1, self.noise.draws)),)
        self.sounds = tuple(config.instruments)
        self.key_range = _key_range(model)
        self.controls = controls_of(len(self.sounds), axes)
        self.map = self.chart.map

    @property
    def multiplications(self) -> int:
        """Multiplications of the decoder for a frame."""
        layers = [*self.decoder, self.frame_mean]
        return sum(layer.weight.numel() for layer in layers if isinstance(layer, nn.Linear))

    @torch.no_grad()
    def round_to_half(self) -> None:
        """Round the weights of the decoder, and the points of the anchors, to half precision."""
        tensors = [*self.decoder.parameters(), *self.frame_mean.parameters(), self.bank.points]
        for tensor in (*tensors, self.reader.weights, self.targets.values):
            tensor.copy_(tensor.half().float())

    def init_state(self, voices: int) -> State:
        number = torch.zeros(voices, 1)
        return {
            "hops": torch.zeros(voices, 1, dtype=torch.int64),
            "phase": torch.zeros(voices, 1, dtype=torch.int64),
            "frequency": number,
            "envelope": torch.zeros(voices, 2),
            "table": torch.zeros(voices, self.oscillators.size),
            "tail": torch.zeros(voices, self.hop),
        }

    def step(
        self, feed: Tensor, controls: Mapping[str, Tensor], state: State
    ) -> tuple[Tensor, State]:
        """As `Instrument.step`; `controls` also holds `noise_draws`, `[voices, n, draws]`."""
        past = Past(**state)
        count = _up_to(feed[0])[None]
        pitch = controls["key"] + controls["bend"] + controls["pitch"]
        frequency = hertz(pitch) * (1 / self.sample_rate)
        seconds = (past.hops + count + 1).float() * (self.hop / self.sample_rate)
        sound = torch.cat([controls["sound"], controls["morph_sound"]], 1)
        sound = torch.round(sound).long().clamp(0, len(self.sounds) - 1)
        course = self._aimed(self._course(controls, sound, pitch, seconds), controls, pitch)
        rows = self._rows(
            controls, self._read_at(sound, controls["morph"], pitch), frequency, count * 0
        )
        heard = self._heard(course, rows)
        tables = self.oscillators.tables(heard.partials, rows.frequency)
        tables = tables.reshape(past.hops.shape[0], -1, self.oscillators.size)
        fresh = past.hops == 0
        first = torch.where(fresh, tables[:, 0], past.table)
        before = torch.where(fresh, frequency, past.frequency)
        sound, phase = self.oscillators.read(
            torch.cat([first[:, None], tables], 1), past.phase, before, frequency
        )
        between, tail = self.noise.render(heard.noise, controls[NOISE], past.tail)
        samples = _up_to(feed[0] * self.hop).float() + 1
        shape, risen = envelope(
            controls["gate"],
            controls["attack"] * self.sample_rate,
            controls["release"] * self.sample_rate,
            past.envelope,
            samples,
        )
        new = Past(past.hops + feed, phase, frequency, risen, tables[:, -1], tail)
        return ((sound + between) * shape)[:, None], new._asdict()

    def decode(self, latent: Tensor, told: Tensor) -> Tensor:
        """Magnitudes `[rows * 2, bands]`, not cut at the floor.

        Args:
            latent: `[rows, latent_dims]`; told: beside it, at two keys, `[rows, 2, width]`.
        """
        first = cast(nn.Linear, self.decoder[0])
        split = self.bank.dims
        place = torch.matmul(latent, first.weight[:, :split].t())[:, None]
        hidden = place + (torch.matmul(told, first.weight[:, split:].t()) + first.bias)
        mean = self.frame_mean(self.decoder[1:](hidden.reshape(-1, first.out_features)))
        return torch.exp(mean * self.spread + self.offset)

    def _course(
        self, controls: Mapping[str, Tensor], sound: Tensor, pitch: Tensor, seconds: Tensor
    ) -> Course:
        """The point of every voice at the end of each hop."""
        dynamics = self._dynamics(controls["velocity"])
        morph, path = controls["morph"], torch.round(controls["path"])[..., None]
        own = controls["trajectory"][..., None]
        kept = 1 - 4 * (1 - EXPRESSIVE) * morph * (1 - morph)
        own = torch.where(path == 2, own * kept[..., None], own)
        stand = self.bank.point(sound, controls["sustain_point"])[..., None]
        asked = torch.cat([seconds[:, None] + 0 * stand, stand], 2)
        found = self.bank.at(sound, pitch, dynamics, asked)
        rest = found[:, :, -1:]
        first, second = (rest + own[..., None] * (found - rest)).unbind(1)
        share = morph[..., None]
        straight, level = torch.split(linear(first, second, share), [self.bank.dims, 1], 2)
        curved = spherical(first[..., :-1], second[..., :-1], share)
        latent = torch.where(path == 0, straight, curved)
        moved = self.chart.move(
            latent[:, :-1],
            latent[:, -1:],
            controls["latent"][:, None],
            controls["place"][..., None],
        )
        return Course(moved, level[:, :-1, 0])

    def _aimed(self, course: Course, controls: Mapping[str, Tensor], pitch: Tensor) -> Course:
        """The course moved to the descriptors that are asked for."""
        asked = torch.cat([controls[name] for name in TARGETS], 1)
        move = self.targets.solve(course.latent, pitch, asked)
        return course._replace(latent=course.latent + move)

    def _read_at(self, sound: Tensor, morph: Tensor, pitch: Tensor) -> Tensor:
        """The MIDI key at which frames are decoded: beyond the keys of an instrument the decoder
        has never seen it, so that the last one is transposed."""
        ends = self.ends_of_keys[sound]
        low, high = torch.split(linear(ends[:, 0], ends[:, 1], morph), 1, 1)
        return torch.minimum(torch.maximum(pitch, low), high)

    def _rows(
        self, controls: Mapping[str, Tensor], read_at: Tensor, frequency: Tensor, zeros: Tensor
    ) -> Rows:
        """What belongs to the points; `zeros` `[1, points]` say how many there are."""
        low, high = self.reader.lowest, self.reader.highest
        inside = read_at - low
        below = torch.floor(inside).clamp_max(max(high - low - 1, 0))
        above = inside - below
        steps = torch.arange(self.bank.dynamics)
        dynamics = (1 - (self._dynamics(controls["velocity"]) - steps).abs()).clamp_min(0)
        wanted = controls["noise"]
        noise = torch.where(wanted > QUIETEST_DB, torch.exp(wanted / (2 * DB)), 0.0)
        own = [below, 1 - above, above, frequency, self._level(controls), noise, dynamics]
        every = torch.cat(own, 1)[:, None] + zeros[..., None]
        sizes = [1, 2, 1, 1, 1, self.bank.dynamics]
        parts = torch.split(every.reshape(-1, sum(sizes)), sizes, 1)
        row = (parts[0].long() + torch.arange(2)).clamp_max(high - low)
        return Rows(row, parts[1][:, None], parts[5], *parts[2:5])

    def _heard(self, course: Course, rows: Rows) -> Heard:
        """Amplitudes of partials, and of the bins of the noise, at the pitch of every point."""
        told = torch.matmul(rows.dynamics[:, None, None], self.told[rows.row])[:, :, 0]
        magnitude = self.decode(course.latent.reshape(-1, self.bank.dims), told)
        row = rows.row.reshape(-1)
        heard = self.reader(magnitude, row)
        sizes = [self.reader.partials, self.noise.count]
        both = torch.cat([heard.partials, self.noise.spectrum(heard.noise, row)], 1)
        blended = torch.matmul(rows.share, both.reshape(-1, 2, sum(sizes)))[:, 0]
        partials, noise = torch.split(blended, sizes, 1)
        power = 0.5 * partials.square().sum(1, keepdim=True) + noise.square().sum(1, keepdim=True)
        found = DB * power.clamp_min(SILENT).log()
        made = (course.level.reshape(-1, 1) - found).clamp(-MOST_GAIN_DB, MOST_GAIN_DB)
        gain = torch.exp((made + rows.level) / (2 * DB))
        return Heard(partials * gain, noise * (gain * rows.noise))

    def _dynamics(self, velocity: Tensor) -> Tensor:
        """The place of a velocity among the dynamics, `[voices, 1]`."""
        steps = self.bank.dynamics - 1
        return ((velocity - SOFTEST) / (LOUDEST - SOFTEST) * steps).clamp(0, steps)

    def _level(self, controls: Mapping[str, Tensor]) -> Tensor:
        """Level in dB that velocity and gain add, `[voices, 1]`."""
        velocity = controls["velocity"].clamp_min(1e-3)
        whole = LOUDEST if self.bank.dynamics == 1 else SOFTEST
        softer = SOFTER_DB * torch.log10((velocity / whole).clamp_max(1.0))
        return softer + controls["gain"] + LOUDNESS_DB * controls["loudness"]


def _told(model: Timbre, lowest: int, highest: int) -> Tensor:
    """What the decoder is told beside at every key and dynamics, `[keys, steps, width]`."""
    steps = max(len(model.config.dynamics), 1)
    keys = torch.arange(lowest, highest + 1.0)
    row = model.conditioning.row(
        keys.repeat_interleave(steps), torch.arange(steps * 1.0).repeat(len(keys))
    )
    return row.reshape(len(keys), steps, -1)


def _ends(model: Timbre) -> list[tuple[float, float]]:
    """The lowest and the highest key of every sound's anchors."""
    config = model.config
    pairs = list(zip(config.anchor_instruments, config.anchor_keys, strict=True))
    made = []
    for number in sorted(set(config.anchor_instruments)):
        own = [key for owner, key in pairs if owner == number]
        made.append((min(own), max(own)))
    return made


def _key_range(model: Timbre) -> tuple[int, int] | None:
    """Keys within reach of the anchors of every sound; all others are in tune as well."""
    ends = _ends(model)
    low = max(int(low) for low, _ in ends) - REACH
    high = min(int(high) for _, high in ends) + REACH
    return (max(low, 0), min(high, 127)) if low <= high else None


def _hop(multiplications: int, sample_rate: int) -> int:
    longer = 1 + (multiplications > DEAR) + 2 * (multiplications > DEARER)
    return max(round(longer * HOP_S * sample_rate / 16), 1) * 16


def _up_to(end: Tensor) -> Tensor:
    """0 … end - 1. The end stays a tensor, so that a traced graph computes it at run time."""
    counted: Tensor = torch.arange(end)  # type: ignore[call-overload]
    return counted
