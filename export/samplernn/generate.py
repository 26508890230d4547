"""Audio out of a SampleRNN: what `synth generate` does with this family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synth.contract import (
    ConfigError,
    DataError,
    DeviceError,
    read_audio,
    require_one_of,
    require_within,
    write_audio,
)
from synth.contract.reading import mixed, resampled
from synth.models.package import Package
from synth.models.samplernn import Drawing, Generator, SampleRNN, SampleRNNConfig, Stream
from synth.models.samplernn.steering import at_frames

DEVICES = ("auto", "cpu", "cuda")
PRIME_SECONDS = 1.0  # as much as a model can still know of, and more
MAX_SECONDS = 4 * 3600  # of all sounds together, about 1 GB
PIECES = 4  # of the generator, between two messages of progress
DEFAULT_SECONDS = 10.0

Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Request:
    """Settings of a generation.

    Args:
        length: seconds of each sound, above 0; None is that of `features`, or 10.
        num: how many sounds; None is one for each temperature.
        drawing: temperatures, top-k and top-p.
        prime: recording to go on from.
        prime_offset: where in it, in seconds, 0 … 86400. From there on the model hears at most one
            second; the sound starts after it.
        seed: 0 … 2**32 - 1; the same one gives the same sounds.
        random_state: start each sound from a random state of the model instead of its own.
        features: recording whose pitch, loudness and so on steer the model, if it takes any.
        label: the class of sound, if the model knows classes; by default the first.
        device: "auto", "cpu" or "cuda".

    Raises:
        ConfigError: a value is out of its range.
    """

    length: float | None = None
    num: int | None = None
    drawing: Drawing = field(default_factory=Drawing)
    prime: str | Path | None = None
    prime_offset: float = 0.0
    seed: int = 0
    random_state: bool = False
    features: str | Path | None = None
    label: str | None = None
    device: str = "auto"

    def __post_init__(self) -> None:
        require_within("seed", self.seed, 0, 2**32 - 1)
        require_within("num", self.rows, 1, 1024)
        if self.length is not None:
            require_within("length", self.length, 0.01, 3600.0)
            require_within("num times length", self.rows * self.length, 0.0, MAX_SECONDS)
        require_within("prime_offset", self.prime_offset, 0.0, 24 * 3600.0)
        self._require_use()
        require_one_of("device", self.device, DEVICES)
        if len(self.drawing.temperature) not in (1, self.rows):
            raise ConfigError(
                f"{len(self.drawing.temperature)} temperatures for {self.rows} sounds; give one,"
                " or one for each"
            )

    def _require_use(self) -> None:
        """Raise `ConfigError` for settings that change nothing without another one."""
        if self.prime_offset and self.prime is None:
            raise ConfigError(
                f"--prime-offset is {self.prime_offset} and there is no --prime; name the recording"
                " to go on from, or leave it out"
            )
        drawing = self.drawing
        if not any(drawing.temperature) and (drawing.top_k, drawing.top_p) != (0, 1.0):
            raise ConfigError(
                f"--top-k is {drawing.top_k} and --top-p {drawing.top_p}; at a --temperature of 0"
                " the most likely sample is taken anyway, leave them out"
            )

    @property
    def rows(self) -> int:
        """Sounds side by side."""
        return len(self.drawing.temperature) if self.num is None else self.num


def generate(
    package: Package,
    out: str | Path,
    settings: Mapping[str, Any],
    on_samples: Callable[[int, int], None] | None,
    on_notice: Callable[[str], None] | None,
) -> list[Path]:
    """Generate with settings by name, as the table of families asks for it.

    Args:
        package: of the family samplernn.
        out, on_samples, on_notice: as of `generate_files`.
        settings: fields of `Request`; instead of `drawing` those of `Drawing`.
    """
    drawing = {f.name: settings[f.name] for f in fields(Drawing) if f.name in settings}
    others = {name: value for name, value in settings.items() if name not in drawing}
    request = Request(drawing=Drawing(**drawing), **others)
    network = cast(SampleRNN, package.model)
    return generate_files(network, out, request, on_samples=on_samples, on_notice=on_notice)


def generate_files(
    network: SampleRNN,
    out: str | Path,
    request: Request,
    *,
    on_samples: Callable[[int, int], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> list[Path]:
    """Generate and write one file per sound.

    Args:
        network: a trained model, in eval mode, on the CPU.
        request: the settings.
        out: a WAV or FLAC file (several sounds get `_1`, `_2` … before the suffix), or a folder,
            made if missing, for `1.wav`, `2.wav` …
        on_samples: called with the samples of each sound made so far, and how many there will be.
        on_notice: called with a sentence that a person should read.

    Returns:
        the files written.

    Raises:
        ConfigError: a setting doesn't fit the model.
        DataError: the prime is too short or can't be read; the place can't be written.
    """
    config = network.config
    _require_fit(request, config)
    prime = _prime(request, config, on_notice)
    steering = _recording(request.features, config, on_notice)
    samples = _samples(request, config, steering)
    files = _files(Path(out), request.rows)
    frames = 0 if prime is None else len(prime) // config.hop
    generator = Generator(network, _device(request.device))
    stream = generator.stream(
        request.rows,
        seed=request.seed,
        drawing=request.drawing,
        prime=None if prime is None else network.encode(torch.from_numpy(prime)),
        prime_features=_features(prime, frames, request, network),
        random_state=request.random_state,
    )
    features = _features(steering, -(-samples // config.hop), request, network)
    sound = _read(stream, generator, network, samples, features, on_samples)
    for path, row in zip(files, sound, strict=True):
        write_audio(path, row[None], config.sample_rate)
    return files


def _prime(
    request: Request, config: SampleRNNConfig, on_notice: Callable[[str], None] | None
) -> Sound | None:
    """Mono `[samples]` to go on from, in whole frames, so that its features are whole frames."""
    prime = _recording(request.prime, config, on_notice, request.prime_offset, PRIME_SECONDS)
    if prime is None:
        return None
    if len(prime) < config.context:
        raise DataError(
            f"{request.prime}: {len(prime)} samples from {request.prime_offset} s on; the model"
            f" needs {config.context} to go on from, choose a longer file or an earlier place"
        )
    return prime[len(prime) % config.hop :]


def _require_fit(request: Request, config: SampleRNNConfig) -> None:
    if request.features is not None and not config.features:
        raise ConfigError("--features is given, but this model takes none; leave it out")
    if request.label is not None:
        known = ", ".join(config.labels) or "none"
        if request.label not in config.labels:
            raise ConfigError(f"--label is {request.label!r}; this model knows {known}")


def _recording(
    path: str | Path | None,
    config: SampleRNNConfig,
    on_notice: Callable[[str], None] | None,
    offset: float = 0.0,
    seconds: float = 3600.0,
) -> Sound | None:
    """Mono `[samples]` at the model's rate, from `offset` on, at most `seconds` of it."""
    if path is None:
        return None
    audio, rate = read_audio(path)
    first = round(offset * rate)
    if first >= audio.shape[1]:
        raise DataError(f"{path}: ends before {offset} s; it has {audio.shape[1] / rate:.2f} s")
    if rate != config.sample_rate and on_notice:
        on_notice(f"{path}: {rate} Hz, resampled to the model's {config.sample_rate} Hz")
    mono = mixed(audio[:, first : first + round(seconds * rate)], 1)
    return np.ascontiguousarray(resampled(mono, rate, config.sample_rate)[0])


def _samples(request: Request, config: SampleRNNConfig, steering: Sound | None) -> int:
    """Samples of each sound."""
    if request.length is not None:
        return max(1, round(request.length * config.sample_rate))
    samples = round(DEFAULT_SECONDS * config.sample_rate) if steering is None else len(steering)
    seconds = request.rows * samples / config.sample_rate
    require_within("num times length in seconds", seconds, 0.0, MAX_SECONDS)
    return samples


def _features(
    audio: Sound | None, frames: int, request: Request, network: SampleRNN
) -> Tensor | None:
    """`[frames, feature_count]`: of `audio`, or their mean over the training data; the class."""
    config = network.config
    if not config.feature_count:
        return None
    values = network.feature_mean.repeat(frames, 1)
    if audio is not None and config.features:
        from synth.dsp.features import extract

        found = extract(audio, config.sample_rate, config.feature_hop, config.features)
        paced = at_frames(torch.from_numpy(found), config.feature_hop, config.hop, frames)
        values[:, : len(config.features)] = paced
    if config.labels:
        label = config.labels.index(request.label or config.labels[0])
        values[:, len(config.features) + label] = 1.0
    return values


def _files(out: Path, rows: int) -> list[Path]:
    """Paths of the sounds; a place that can't be written is found before the work."""
    if out.is_dir() or not out.suffix:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(
                f"{out}: can't be made ({error.strerror}); choose another --out"
            ) from None
        return [out / f"{row + 1}.wav" for row in range(rows)]
    if out.suffix.lower() not in (".wav", ".flac"):
        raise ConfigError(f"--out is {out}; a .wav or .flac file or a folder is needed")
    if not out.parent.is_dir():
        raise DataError(f"{out}: no folder {out.parent}; make it first")
    if rows == 1:
        return [out]
    return [out.with_name(f"{out.stem}_{row + 1}{out.suffix}") for row in range(rows)]


def _device(name: str) -> str:
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceError("device is cuda, which isn't there; use --device cpu")
    return "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"


def _read(
    stream: Stream,
    generator: Generator,
    network: SampleRNN,
    samples: int,
    features: Tensor | None,
    on_samples: Callable[[int, int], None] | None,
) -> Sound:
    """`[rows, samples]`, read in pieces: codes take twice the room of audio."""
    hop, piece = generator.config.hop, PIECES * generator.piece
    sound = np.empty((stream.rows, samples), np.float32)
    for first in range(0, samples, piece):
        last = min(first + piece, samples)
        frames = slice(first // hop, -(-last // hop))
        given = None if features is None else features[frames]
        codes = stream.read((frames.stop - frames.start) * hop, given)
        sound[:, first:last] = network.decode(codes[:, : last - first]).numpy()
        if on_samples:
            on_samples(last, samples)
    return sound
