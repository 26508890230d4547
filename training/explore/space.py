"""`Space`: a trained timbre space, opened to look around in."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from synth.contract import ConfigError, ModelFileError, config_to_dict
from synth.models.latent_axes import LatentAxes
from synth.models.package import Package, read_tensors, unpack
from synth.models.timbre import Timbre, TimbreConfig

AXES = 3  # of the pictures and grids
ROWS = 4_096  # that are encoded or decoded at once


@dataclass(frozen=True)
class Track:
    """A note as a way through the space.

    Attributes:
        name: of the note; instrument: that played it.
        key: MIDI key.
        dynamics: number of the dynamics, 0 is the softest.
        latents: `[frames, latent_dims]`; times: of them, s from the onset, `[frames]`.
    """

    name: str
    instrument: str
    key: float
    dynamics: float
    latents: Tensor
    times: Tensor

    def at(self, times: Tensor) -> Tensor:
        """Latents `[count, latent_dims]` at times in s, `[count]`; held at its ends."""
        place = torch.searchsorted(self.times, times.contiguous()).clamp(1, len(self.times) - 1)
        if len(self.times) < 2:
            return self.latents.expand(len(times), -1)
        early, late = self.times[place - 1], self.times[place]
        share = ((times - early) / (late - early).clamp_min(1e-9)).clamp(0, 1)[:, None]
        return self.latents[place - 1] * (1 - share) + self.latents[place] * share


class Space:
    """A trained model with what is needed to hear and draw it.

    Args:
        name: for people.
        package: of a model of the family timbre.
        device: of torch.

    Attributes:
        config, model: of the package.
        frequencies: Hz, float64 `[bands]`.
        instruments: names of the classes that were learned.
        statistics: of the latents of the training's frames, as in `Package.latent`.
        axes: the first three of their principal axes.
    """

    def __init__(self, name: str, package: Package, device: str = "cpu") -> None:
        model, config = package.model, package.config
        assert isinstance(model, Timbre)  # noqa: S101 - judged by `open_space`
        assert isinstance(config, TimbreConfig)  # noqa: S101
        self.name, self.package, self.device = name, package, device
        self.config, self.model = config, model.to(device)
        self.frequencies = model.frequencies.cpu()
        self.instruments = config.instruments
        every = LatentAxes.of_statistics(package.latent, config.latent_dims)
        self.statistics = every.statistics()
        self.axes = LatentAxes.of_statistics(self.statistics, config.latent_dims).first(AXES)

    def encode(self, magnitude: Tensor, key: float, dynamics: float) -> Tensor:
        """Latents `[frames, latent_dims]` of magnitudes `[bands, frames]` of one note.

        Args:
            key: MIDI key; dynamics: 0 is the softest.
        """
        frames = self.model.scaled(magnitude.float().t())
        found = []
        with torch.inference_mode():
            for part in torch.split(frames, ROWS):
                row = self._row(part.new_full((len(part),), key), part.new_full((1,), dynamics))
                found.append(self.model.encode(part.to(self.device), row)[0].cpu())
        return torch.cat(found).clone()

    def decode(self, latents: Tensor, keys: Tensor | float, dynamics: Tensor | float) -> Tensor:
        """Magnitudes `[bands, frames]` at latents `[frames, latent_dims]`.

        Args:
            keys: MIDI keys; dynamics: 0 is the softest; `[frames]`, or one for all.
        """
        frames = self.scaled_frames(latents, keys, dynamics)
        return self.model.magnitude(frames.to(self.device)).cpu().t().clone()

    def scaled_frames(
        self, latents: Tensor, keys: Tensor | float, dynamics: Tensor | float
    ) -> Tensor:
        """The frames `[frames, bands]` that the model decodes, scaled; arguments as in `decode`."""
        count = len(latents)
        key, loud = (torch.as_tensor(v).float().expand(count) for v in (keys, dynamics))
        found = []
        with torch.inference_mode():
            for begin in range(0, count, ROWS):
                part = slice(begin, begin + ROWS)
                row = self._row(key[part], loud[part])
                found.append(self.model.decode(latents[part].to(self.device), row)[0].cpu())
        return torch.cat(found).clone()

    def _row(self, key: Tensor, dynamics: Tensor) -> Tensor:
        return self.model.conditioning.row(key, dynamics.expand(len(key))).to(self.device)

    def place(self, latents: Tensor) -> Tensor:
        """Coordinates `[rows, 3]` on the axes of latents; 0 on axes that the space hasn't got."""
        found = (latents - self.axes.mean) @ self.axes.rows.t()
        return torch.nn.functional.pad(found, (0, AXES - found.shape[1]))

    def latent(self, places: Tensor) -> Tensor:
        """Latents `[rows, latent_dims]` at coordinates `[rows, 3]`, on no other axis than these."""
        rows = self.axes.rows
        return self.axes.mean + places[:, : len(rows)].to(rows.dtype) @ rows

    @cached_property
    def anchors(self) -> tuple[Track, ...]:
        """The notes that are kept in the model."""
        config, times = self.config, self.model.anchor_times.cpu()
        tracks = []
        for number, latents in enumerate(self.model.anchors.cpu()):
            instrument = config.instruments[config.anchor_instruments[number]]
            key, dynamics = config.anchor_keys[number], config.anchor_dynamics[number]
            loudness = config.dynamics[dynamics] if dynamics < len(config.dynamics) else ""
            name = " ".join(filter(None, (instrument, key_name(key), loudness)))
            tracks.append(Track(name, instrument, key, float(dynamics), latents, times))
        return tuple(tracks)

    @cached_property
    def digest(self) -> str:
        """A hash of what the model is made of, wherever its file lies."""
        text = json.dumps(config_to_dict(self.config), sort_keys=True)
        found = hashlib.sha256(text.encode())
        tensors: Mapping[str, Tensor] = {**self.model.state_dict(), **self.package.latent}
        for name, tensor in sorted(tensors.items()):
            found.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            found.update(tensor.cpu().contiguous().numpy().tobytes())
        return found.hexdigest()

    def middle_dynamics(self) -> float:
        """The dynamics in the middle of those that were learned."""
        return float((max(len(self.config.dynamics), 1) - 1) // 2)

    def dynamics_number(self, name: str) -> float:
        """The number of named dynamics; "" is the middle.

        Raises:
            ConfigError: the model doesn't know them.
        """
        if not name:
            return self.middle_dynamics()
        if name not in self.config.dynamics:
            known = ", ".join(self.config.dynamics) or "none"
            raise ConfigError(f"dynamics {name!r}: {self.name} knows {known}; name one of these")
        return float(self.config.dynamics.index(name))

    def describe(self) -> dict[str, object]:
        """What the model is, JSON-ready."""
        return {
            "name": self.name,
            "digest": self.digest[:16],
            "latent_dims": self.config.latent_dims,
            "conditioning": list(self.config.conditioning),
            "instruments": list(self.instruments),
            "bands": self.model.bands,
            "sample_rate": self.config.sample_rate,
        }


def open_space(path: str | Path, device: str = "auto") -> Space:
    """Open a model that `synth train timbre` made.

    Args:
        path: `model.pt`, or the folder of the run.
        device: of torch; "auto" is a GPU where there is one.

    Raises:
        ModelFileError: it can't be read, or is of another family.
        ConfigError: the device isn't there.
    """
    path = Path(path)
    file = path / "model.pt" if path.is_dir() else path
    if not file.is_file():
        raise ModelFileError(f"{file}: no such file; `synth train timbre` writes it into its --out")
    try:
        with file.open("rb") as opened:
            package = unpack(read_tensors(opened))
    except OSError as error:
        raise ModelFileError(f"{file}: can't be read ({error.strerror})") from None
    except ModelFileError as error:
        raise ModelFileError(f"{file}: {error}") from None
    if package.family != "timbre":
        raise ModelFileError(
            f"{file}: is a model of {package.family}; name one that `synth train timbre` made"
        )
    name = file.resolve().parent.name if file.name == "model.pt" else file.stem
    return Space(name, package, found_device(device))


def kept_tracks(space: Space) -> tuple[Track, ...]:
    """The notes that a model keeps.

    Raises:
        ConfigError: it keeps none.
    """
    if not space.anchors:
        raise ConfigError(f"{space.name}: the model keeps no notes; name some as NOTES")
    return space.anchors


def found_device(name: str) -> str:
    """The device of torch that is meant: "auto", "cpu", "cuda" or "cuda:N".

    Raises:
        ConfigError: it isn't there.
    """
    count = torch.cuda.device_count()
    if name == "auto":
        return "cuda" if count else "cpu"
    known = ["cpu", *(["cuda"] if count else []), *(f"cuda:{n}" for n in range(count))]
    if name not in known:
        raise ConfigError(f"device {name!r} isn't here; there are {', '.join(known)}")
    return name


NOTE_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def key_name(key: float) -> str:
    """The name of the nearest MIDI key.

    >>> key_name(60), key_name(45.2)
    ('C4', 'A2')
    """
    nearest = math.floor(key + 0.5)
    return f"{NOTE_NAMES[nearest % 12]}{nearest // 12 - 1}"


def spread_over(values: Sequence[float], count: int) -> Tensor:
    """A pattern over time: each value for an equal share of `count` frames.

    >>> spread_over([60, 64], 4).tolist()
    [60.0, 60.0, 64.0, 64.0]
    """
    place = torch.arange(count) * len(values) // max(count, 1)
    return torch.tensor(values, dtype=torch.float32)[place]
