"""Generation: rows side by side, one sample after the other, from where the last block ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from synth.contract import ConfigError, require_within
from synth.models.samplernn.folding import FoldedSampleRNN
from synth.models.samplernn.model import SampleRNN
from synth.models.samplernn.sampling import draw
from synth.nn import State

GRAPH_SAMPLES = 256  # captured at a time; longer graphs gain nothing more and take long to capture
MAX_ROWS = 1024
PRIME_FRAMES = 256
MANY_ROWS = 32


@dataclass(frozen=True)
class Drawing:
    """How codes are drawn.

    Args:
        temperature: one for all rows or one each, 0 … 10; 0 takes the most likely code.
        top_k: only so many of the most likely codes, 0 is all.
        top_p: only the most likely codes that together have this probability, 0 … 1.

    Raises:
        ConfigError: a value is out of its range.
    """

    temperature: tuple[float, ...] = (1.0,)
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        require_within("the number of temperatures", len(self.temperature), 1, MAX_ROWS)
        for value in self.temperature:
            require_within("temperature", value, 0.0, 10.0)
        require_within("top_k", self.top_k, 0, 4096)
        require_within("top_p", self.top_p, 0.0, 1.0)


class Noise:
    """Uniform numbers, a sequence of its own for each row: row 3 is the same beside any others.

    Args:
        seed: 0 … 2³² - 1; rows: how many sequences.
    """

    def __init__(self, seed: int, rows: int) -> None:
        require_within("seed", seed, 0, 2**32 - 1)
        self._rows = [np.random.default_rng((seed, row)) for row in range(rows)]

    def uniform(self, count: int) -> Tensor:
        """The next `count` numbers of every row: float32 `[rows, count]`, 0 <= u < 1."""
        drawn = [rng.random(count, dtype=np.float32) for rng in self._rows]
        return torch.from_numpy(np.stack(drawn))

    def normal(self, count: int) -> Tensor:
        """`count` standard normal numbers of every row: float32 `[rows, count]`."""
        drawn = [rng.standard_normal(count, dtype=np.float32) for rng in self._rows]
        return torch.from_numpy(np.stack(drawn))


class Settings(NamedTuple):
    """A `Drawing` as tensors, one value per row; None is off for all."""

    temperature: Tensor
    top_k: Tensor | None
    top_p: Tensor | None


def make_frames(
    folded: FoldedSampleRNN,
    state: State,
    uniform: Tensor,
    features: Tensor | None,
    settings: Settings,
) -> tuple[Tensor, State]:
    """The next samples of every row.

    Nothing here depends on a value of a tensor, so a CUDA graph can be captured of it.

    Args:
        state: of `SampleRNN.init_state`; uniform: `[rows, samples]`, whole frames of the top tier.
        features: `[rows, samples / hop, feature_count]` where the model has any.

    Returns:
        codes `[rows, samples]` and the next state.
    """
    context, hop = folded.config.context, folded.config.hop
    rows, samples = uniform.shape
    taps = folded.predictor.taps
    codes = torch.cat([state["history"], state["history"].new_zeros(rows, samples)], 1)
    state = dict(state)
    steered = folded.model.steer(features)
    known: list[Tensor | None] = [None] * (len(folded.model.tiers) + 1)
    for first in range(0, samples, taps):
        if steered is not None:
            known[-1] = steered[:, first // hop : first // hop + 1]
        now = context + first
        folded.condition(codes[:, :now], first % hop, known, state)
        conditioning = known[0]
        assert conditioning is not None  # noqa: S101 - a frame of the lowest tier begins here
        for tap in range(taps):
            logits = folded.predictor(codes[:, now - taps : now], conditioning[:, tap])
            codes[:, now] = draw(logits, uniform[:, first + tap], *settings)
            now += 1
    state["history"] = codes[:, -context:]
    return codes[:, context:], state


class Generator:
    """A model made ready to generate. It keeps no state: streams do.

    Args:
        model: left as it is; device: where to run, "cpu" or "cuda".

    Attributes:
        piece: samples made at a time; reading multiples of it is fastest on CUDA.

    >>> from synth.models.samplernn import SampleRNNConfig
    >>> model = SampleRNN(SampleRNNConfig(hidden_size=8, rnn_layers=1, embed_size=4))
    >>> stream = Generator(model).stream(rows=2, seed=1)
    >>> stream.read(32).shape
    torch.Size([2, 32])
    """

    def __init__(self, model: SampleRNN, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        self.folded = FoldedSampleRNN(model).to(self.device)
        self.model = self.folded.model
        self.config = model.config
        self.piece = max(GRAPH_SAMPLES // model.hop, 1) * model.hop

    def stream(
        self,
        rows: int = 1,
        *,
        seed: int = 0,
        drawing: Drawing | None = None,
        prime: Tensor | None = None,
        prime_features: Tensor | None = None,
        random_state: bool = False,
    ) -> Stream:
        """Start `rows` sounds.

        Args:
            rows: 1 … 1024; seed: the same one gives the same sound.
            drawing: by default temperature 1, all codes.
            prime: int64 codes `[samples]` or `[rows, samples]` to go on from, at least `context`
                of them (what is over a multiple of `hop` is left out at the front); by default
                silence.
            prime_features: `[frames, feature_count]` or with rows, of the prime; the last ones
                count. By default their mean over the training data.
            random_state: start from a random state of the recurrent layers, a different one in
                each row, instead of the one that the model starts with.

        Raises:
            ConfigError: rows, temperatures or the prime's length are out of range.
        """
        drawing = drawing or Drawing()
        require_within("the number of rows", rows, 1, MAX_ROWS)
        if len(drawing.temperature) > 1:
            require_within("the number of temperatures", len(drawing.temperature), rows, rows)
        noise = Noise(seed, rows)
        with torch.inference_mode():
            state = self._random_state(noise, rows) if random_state else self._fresh_state(rows)
            if prime is not None:
                state = self._primed(state, prime, prime_features, rows)
        return Stream(self, state, noise, drawing)

    def average(self, frames: int) -> Tensor | None:
        """The features' mean over the training data, `[1, frames, feature_count]`, if any."""
        if not self.config.feature_count:
            return None
        return self.model.feature_mean.expand(1, frames, -1)

    def _fresh_state(self, rows: int) -> State:
        return {name: t.contiguous() for name, t in self.folded.init_state(rows).items()}

    def _random_state(self, noise: Noise, rows: int) -> State:
        """Outputs as they are, -1 … 1; what cells hold is not bounded, of the same size here."""
        state = self._fresh_state(rows)
        for name, tensor in state.items():
            if name != "history":
                drawn = noise.normal(tensor[0].numel()).reshape(tensor.shape)
                state[name] = torch.tanh(drawn).to(self.device)
        return state

    def _primed(self, state: State, prime: Tensor, features: Tensor | None, rows: int) -> State:
        """The state after the prime."""
        context, hop = self.config.context, self.config.hop
        require_within("the prime's length in samples", prime.shape[-1], context, 2**40)
        frames = (prime.shape[-1] - context) // hop
        codes = prime[..., -(context + frames * hop) :].to(self.device).expand(rows, -1)
        if not frames:
            return {**state, "history": codes.contiguous()}
        given = self.average(frames) if features is None else features[..., -frames:, :]
        if given is not None:
            given = given.to(self.device).expand(rows, -1, -1)
        for first in range(0, frames, PRIME_FRAMES):  # in pieces: a prime may be a whole song
            last = min(first + PRIME_FRAMES, frames)
            part = codes[:, first * hop : context + last * hop]
            steering = None if given is None else given[:, first:last]
            _, state = self.model.condition(part, state, steering)
        return {name: t.contiguous() for name, t in state.items()}


class Stream:
    """`rows` sounds that go on with every read; made by `Generator.stream`."""

    def __init__(self, generator: Generator, state: State, noise: Noise, drawing: Drawing) -> None:
        self._generator, self._state, self._noise = generator, state, noise
        self.rows = state["history"].shape[0]
        self._settings = _settings(drawing, self.rows, generator.device)
        self._graph: _Graph | None = None

    def read(self, samples: int, features: Tensor | None = None) -> Tensor:
        """The next codes. Reading in pieces gives what reading at once gives.

        Args:
            samples: a multiple of the model's `hop`.
            features: `[samples / hop, feature_count]` or with rows, where the model has any; by
                default their mean over the training data.

        Returns:
            int64 `[rows, samples]`, on the CPU.

        Raises:
            ConfigError: samples is no multiple of `hop`, or the features' shape doesn't fit.
        """
        config, device = self._generator.config, self._generator.device
        if samples < 0 or samples % config.hop:
            raise ConfigError(f"samples is {samples}; a multiple of {config.hop} is needed")
        steering = self._steering(features, samples // config.hop)
        piece = self._generator.piece
        out = torch.empty(self.rows, samples, dtype=torch.int64)
        with _threads_for(self.rows):
            for first in range(0, samples, piece):
                last = min(first + piece, samples)
                uniform = self._noise.uniform(last - first).to(device)
                frames = slice(first // config.hop, last // config.hop)
                given = None if steering is None else steering[:, frames]
                out[:, first:last] = self._next(uniform, given)
        return out

    def _steering(self, features: Tensor | None, frames: int) -> Tensor | None:
        count = self._generator.config.feature_count
        if features is None or not count:
            given = self._generator.average(frames)
            return None if given is None else given.expand(self.rows, -1, -1)
        if tuple(features.shape) not in ((frames, count), (self.rows, frames, count)):
            raise ConfigError(
                f"features have shape {tuple(features.shape)}; [{frames}, {count}] is needed, with"
                f" or without {self.rows} rows before it"
            )
        return features.to(self._generator.device).expand(self.rows, -1, -1)

    @torch.inference_mode()
    def _next(self, uniform: Tensor, features: Tensor | None) -> Tensor:
        folded = self._generator.folded
        if uniform.is_cuda and uniform.shape[1] == self._generator.piece:
            with torch.cuda.device(uniform.device):
                if self._graph is None:
                    self._graph = _Graph(folded, self._state, uniform, features, self._settings)
                codes, self._state = self._graph(self._state, uniform, features)
            return codes
        codes, self._state = make_frames(folded, self._state, uniform, features, self._settings)
        return codes


class _Graph:
    """`make_frames` captured once as a CUDA graph, so that the host is out of the loop.

    Args:
        as for `make_frames`; the tensors only give the shapes.
    """

    def __init__(
        self,
        folded: FoldedSampleRNN,
        state: State,
        uniform: Tensor,
        features: Tensor | None,
        settings: Settings,
    ) -> None:
        self._state = {name: tensor.clone() for name, tensor in state.items()}
        self._uniform = uniform.clone()
        self._features = None if features is None else features.clone()

        def run() -> tuple[Tensor, State]:
            return make_frames(folded, self._state, self._uniform, self._features, settings)

        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):  # libraries set themselves up here, not in the capture
            run()
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._codes, self._after = run()

    def __call__(
        self, state: State, uniform: Tensor, features: Tensor | None
    ) -> tuple[Tensor, State]:
        for name, tensor in state.items():
            self._state[name].copy_(tensor)
        self._uniform.copy_(uniform)
        if self._features is not None and features is not None:
            self._features.copy_(features)
        self._graph.replay()
        return self._codes, {name: tensor.clone() for name, tensor in self._after.items()}


@contextmanager
def _threads_for(rows: int) -> Iterator[None]:
    """One thread where there are few rows: their products are so small that a second thread only
    makes the first one wait, on a busy machine ten times longer than the work takes."""
    before = torch.get_num_threads()
    if rows < MANY_ROWS:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _settings(drawing: Drawing, rows: int, device: torch.device) -> Settings:
    def full(value: float, kind: torch.dtype) -> Tensor:
        return torch.full((rows,), value, dtype=kind, device=device)

    temperature = torch.tensor(drawing.temperature, dtype=torch.float32, device=device)
    return Settings(
        temperature.expand(rows).contiguous(),
        full(drawing.top_k, torch.int64) if drawing.top_k else None,
        full(drawing.top_p, torch.float32) if drawing.top_p < 1 else None,
    )
