"""`AnchorBank`: the latent of every sound at any key, dynamics and time, from a model's anchors.

An anchor is a note that a model has kept as a trajectory. Between the keys of two anchors, between
two dynamics and between two frames the latents and their levels are interpolated in a straight
line. After its last frame a sustained sound goes to and fro in its second half, and a decaying one
goes on decaying.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from synth.models.timbre.model import Timbre

KEYS = 128
STEADY_SHARE = 0.4  # of its course, after which a sustained sound is steady
DECAY_SHARE = 0.5  # of its course, after which the pace of a decay is measured
DECAYING_DB_S = -4.0  # a sound that falls faster than this decays
STEEPEST_DB_S = -40.0
FALLEN_DB = 30.0  # below its loudest, where a sustained sound counts as over


class AnchorBank(nn.Module):
    """Latents and levels along the notes of each sound.

    Args:
        model: trained, with anchors.

    Attributes:
        dynamics: how many.
        end: seconds after which a sound goes to and fro, or goes on decaying, `[sounds]`; size:
            seconds by which it goes back, 0 where it decays, `[sounds]`.
    """

    points: Tensor
    times: Tensor
    pace: Tensor
    below: Tensor
    above: Tensor
    low: Tensor
    inverse: Tensor
    slope: Tensor
    end: Tensor
    size: Tensor

    def __init__(self, model: Timbre) -> None:
        super().__init__()
        config = model.config
        self.frames, self.dims = config.anchor_frames, config.latent_dims
        self.dynamics = max(len(config.dynamics), 1)
        points = torch.cat([model.anchors, model.anchor_levels[..., None]], 2)
        self.register_buffer("points", points.flatten(0, 1).clone())
        self.register_buffer("times", model.anchor_times.clone())
        self.register_buffer("pace", 1 / model.anchor_times.diff().clamp_min(1e-6))
        below, above = self._entries(model).t().contiguous()
        self.register_buffer("below", below)
        self.register_buffer("above", above)
        key = torch.tensor(config.anchor_keys)
        span = key[above] - key[below]
        self.register_buffer("low", key[below])
        self.register_buffer("inverse", torch.where(span > 0, 1 / span.clamp_min(1e-3), 0.0))
        slope, steady = self._ends(model)
        self.register_buffer("slope", slope)
        self.register_buffer("end", steady[:, 1].clone())
        self.register_buffer("size", steady[:, 1] - steady[:, 0])

    def at(self, sound: Tensor, pitch: Tensor, dynamics: Tensor, seconds: Tensor) -> Tensor:
        """The course of sounds at given times: latents, and beside them the level in dB,
        `[voices, sounds, points, dims + 1]`.

        Args:
            sound: int64 `[voices, sounds]`.
            pitch: MIDI key, `[voices, 1]`; dynamics: place of them, `[voices, 1]`.
            seconds: since the onset, `[voices, sounds, points]`.
        """
        place, beyond = self._place(sound, seconds)
        frame = (place[..., None] >= self.times[1:-1]).long().sum(-1)
        share = ((place - self.times[frame]) * self.pace[frame]).clamp(0, 1)
        anchor, weight = self._corners(sound, pitch, dynamics)
        corner = (anchor * self.frames)[:, :, None] + frame[..., None]
        first, second = self.points[corner], self.points[corner + 1]
        found = first + share[..., None, None] * (second - first)
        made = (found * weight[:, :, None, :, None]).sum(3)
        slope = (self.slope[anchor] * weight).sum(2, keepdim=True)
        latent, level = torch.split(made, [self.dims, 1], 3)
        return torch.cat([latent, level + (slope * beyond)[..., None]], 3)

    def point(self, sound: Tensor, share: Tensor) -> Tensor:
        """Seconds `[voices, sounds]` at a share `[voices, 1]`, 0 … 1, of the course of sounds."""
        return share * self.end[sound]

    def _place(self, sound: Tensor, seconds: Tensor) -> tuple[Tensor, Tensor]:
        """Seconds in the course, and those by which a decaying sound is beyond its end."""
        end, size = self.end[sound][..., None], self.size[sound][..., None]
        over = (seconds - end).clamp_min(0)
        round_trip = 2 * size.clamp_min(1e-3)
        into = over - round_trip * torch.floor(over / round_trip)
        back = torch.minimum(torch.minimum(into, round_trip - into), size)
        return torch.minimum(seconds, end) - back, over

    def _corners(self, sound: Tensor, pitch: Tensor, dynamics: Tensor) -> tuple[Tensor, Tensor]:
        """The anchors round a key and dynamics, int64 `[voices, sounds, 4]`, and their shares."""
        key = torch.floor(pitch).long().clamp(0, KEYS - 1)
        soft = torch.floor(dynamics).clamp(0, max(self.dynamics - 2, 0))
        louder = dynamics - soft
        step = soft.long() + torch.arange(min(self.dynamics, 2))
        row = ((sound * KEYS + key) * self.dynamics)[..., None] + step[:, None]
        above = ((pitch[..., None] - self.low[row]) * self.inverse[row]).clamp(0, 1)
        share = torch.cat([1 - louder, louder], 1)[:, None, : step.shape[1]]
        weight = torch.cat([share * (1 - above), share * above], 2)
        return torch.cat([self.below[row], self.above[row]], 2), weight

    def _entries(self, model: Timbre) -> Tensor:
        """The anchors below and above each key, int64 `[sounds * 128 * dynamics, 2]`."""
        config = model.config
        rows = list(
            zip(
                config.anchor_instruments,
                config.anchor_keys,
                config.anchor_dynamics,
                range(len(config.anchor_keys)),
                strict=True,
            )
        )
        made = []
        for sound in sorted(set(config.anchor_instruments)):
            own = [row for row in rows if row[0] == sound]
            for key in range(KEYS):
                for dynamics in range(self.dynamics):
                    nearest = min(abs(d - dynamics) for _, _, d, _ in own)
                    fit = [row for row in own if abs(row[2] - dynamics) == nearest]
                    below = [row for row in fit if row[1] <= key] or [min(fit, key=_key)]
                    above = [row for row in fit if row[1] > key] or [max(fit, key=_key)]
                    made.append([max(below, key=_key)[3], min(above, key=_key)[3]])
        return torch.tensor(made)

    def _ends(self, model: Timbre) -> tuple[Tensor, Tensor]:
        """Pace of the decay of each anchor in dB/s, and the seconds of each sound between which it
        goes to and fro, equal where it decays."""
        times, loudness = model.anchor_times, model.anchor_levels
        late = times >= DECAY_SHARE * times[-1]
        centred = times[late] - times[late].mean()
        slopes = (loudness[:, late] @ centred) / centred.square().sum()
        owner = torch.tensor(model.config.anchor_instruments)
        steady = []
        for sound in sorted(set(model.config.anchor_instruments)):
            own = owner == sound
            end = float(times[-1])
            if float(slopes[own].median()) > DECAYING_DB_S:
                slopes[own] = 0.0
                heard = loudness[own] > loudness[own].amax(1, keepdim=True) - FALLEN_DB
                last = torch.where(heard, times, 0.0).amax(1)
                end = float(last.quantile(0.2))
                steady.append([STEADY_SHARE * end, end])
            else:
                steady.append([end, end])
        return slopes.clamp(STEEPEST_DB_S, 0.0), torch.tensor(steady)


def _key(row: tuple[int, float, int, int]) -> float:
    return row[1]
