"""Generation: rows side by side, one sample after the other, from where the last block ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from synth.contract import ConfigError, require_within
from synth.models.samplernn.captured import CapturedRun
from synth.models.samplernn.drawing import MAX_ROWS, Drawing, Noise
from synth.models.samplernn.folding import FoldedSampleRNN
from synth.models.samplernn.model import SampleRNN
from synth.models.samplernn.stepping import make_frames
from synth.nn import State

GRAPH_SAMPLES = 256  # captured at a time; longer graphs gain nothing more and take long to capture
PRIME_FRAMES = 256
MANY_ROWS = 32


class Generator:
    """A model made ready to generate. It keeps no state: streams do.

    Args:
        model: left as it is.
        device: where to run, "cpu" or "cuda".

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
            rows: sounds side by side, 1 … 1024.
            seed: 0 … 2³² - 1; the same one gives the same sound.
            drawing: by default temperature 1, all codes.
            prime: int64 codes `[samples]` or `[rows, samples]` to go on from, at least `context`
                of them (samples beyond a multiple of `hop` are left out at the front); by default
                silence.
            prime_features: of the prime, `[frames, feature_count]` or with rows; the last frames
                are used. By default their mean over the training data.
            random_state: start from a random state of the recurrent layers, a different one in
                each row, instead of the one that the model starts with.

        Raises:
            ConfigError: rows, seed, temperatures or the prime's length are out of range.
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
        return {name: t.contiguous() for name, t in self.model.init_state(rows).items()}

    def _random_state(self, noise: Noise, rows: int) -> State:
        """Random values -1 … 1, the range of outputs; cells are unbounded, and get the same."""
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
    """`rows` sounds that continue with every read; made by `Generator.stream`.

    Args:
        generator: the model.
        state: to go on from.
        noise: as many rows as the state has.
        drawing: one temperature, or one per row.
    """

    def __init__(self, generator: Generator, state: State, noise: Noise, drawing: Drawing) -> None:
        self._generator, self._state, self._noise = generator, state, noise
        self.rows = state["history"].shape[0]
        self._draw = drawing.rule(self.rows, generator.device)
        self._captured: CapturedRun | None = None

    def read(self, samples: int, features: Tensor | None = None) -> Tensor:
        """The next codes. Reading in pieces gives the same codes as reading all at once.

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
        run = self._run
        if uniform.is_cuda and uniform.shape[1] == self._generator.piece:
            with torch.cuda.device(uniform.device):
                if self._captured is None:
                    self._captured = CapturedRun(run, self._state, uniform, features)
                codes, self._state = self._captured(self._state, uniform, features)
            return codes
        codes, self._state = run(self._state, uniform, features)
        return codes

    def _run(self, state: State, uniform: Tensor, features: Tensor | None) -> tuple[Tensor, State]:
        folded = self._generator.folded
        return make_frames(folded, state, uniform, folded.model.steer(features), self._draw)


@contextmanager
def _threads_for(rows: int) -> Iterator[None]:
    """One thread where there are few rows.

    Their products are so small that a second thread only makes the first one wait, on a busy
    machine ten times longer than the work takes.
    """
    before = torch.get_num_threads()
    if rows < MANY_ROWS:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
