"""The SampleRNN: frame tiers over a predictor of the next sample."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synth.models.samplernn.config import SampleRNNConfig
from synth.models.samplernn.quantizer import SampleQuantizer
from synth.models.samplernn.tier import FrameTier, Recur, RecurrentStack, make_linear
from synth.nn import State

FRAME_GAIN = 2.0  # frames reach the recurrent layers as -2 … 2 (Mehri et al. 2017)


class SamplePredictor(nn.Module):
    """Logits of the next sample from the last few codes and the lowest tier's conditioning.

    Args:
        config: of the whole model.
    """

    def __init__(self, config: SampleRNNConfig) -> None:
        super().__init__()
        hidden, levels = config.hidden_size, config.quantization
        self.levels, self.taps = levels, config.frame_sizes[0]
        self.embedding = nn.Embedding(levels, config.embed_size) if config.embed_size else None
        self.input = make_linear(config, self.taps * (config.embed_size or levels), hidden)
        self.hidden1 = make_linear(config, hidden, hidden)
        self.hidden2 = make_linear(config, hidden, hidden)
        self.output = make_linear(config, hidden, levels)

    def forward(self, codes: Tensor, conditioning: Tensor) -> Tensor:
        """Predict `n` samples in a row.

        Args:
            codes: int64 `[batch, taps - 1 + n]`.
            conditioning: `[batch, n, hidden]`.

        Returns:
            logits `[batch, n, levels]`; those at `i` are of the sample after code `i + taps - 1`.
        """
        if self.embedding is None:
            embedded = F.one_hot(codes, self.levels).to(conditioning.dtype)
        else:
            embedded = self.embedding(codes)
        windows = embedded.unfold(1, self.taps, 1).transpose(2, 3).flatten(2)
        x = self.input(windows) + conditioning
        x = F.relu(self.hidden1(x))
        x = F.relu(self.hidden2(x))
        return self.output(x)  # type: ignore[no-any-return]


class SampleRNN(nn.Module):
    """SampleRNN (Mehri et al. 2017) with any number of tiers.

    It predicts known codes, a whole window at once, with kernels that run over the sequence.
    `stepping` makes unknown ones; a test holds the logits and states of both equal.

    Args:
        config: its shape.

    Attributes:
        scale: float32 scalar by which audio is multiplied before it is quantised. One factor for
            the whole data set, set by training.
        feature_mean, feature_std: `[feature_count]`, of the training data; 0 and 1 for labels.
    """

    scale: Tensor
    feature_mean: Tensor
    feature_std: Tensor

    def __init__(self, config: SampleRNNConfig) -> None:
        super().__init__()
        self.config = config
        self.hop, self.context = config.hop, config.context
        self.quantizer = SampleQuantizer(config.quantization, config.encoding)
        tiers = [FrameTier(config, k) for k in range(len(config.frame_sizes))]
        self.tiers: Sequence[FrameTier] = nn.ModuleList(tiers)  # type: ignore[assignment]
        self.predictor = SamplePredictor(config)
        count = config.feature_count
        self.features = make_linear(config, count, config.hidden_size) if count else None
        self.register_buffer("scale", torch.tensor(1.0))
        self.register_buffer("feature_mean", torch.zeros(count))
        self.register_buffer("feature_std", torch.ones(count))

    def encode(self, audio: Tensor) -> Tensor:
        """Audio of any shape to int64 codes of that shape."""
        return self.quantizer.encode(audio * self.scale)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes of any shape to float32 audio of that shape, at the level of the training data."""
        return self.quantizer.decode(codes) / self.scale

    def init_state(self, batch: int) -> State:
        """The state before the first sample: silence so far.

        Args:
            batch: rows, at least 1.

        Returns:
            per tier `tierK.h` (and `tierK.c` for LSTMs) `[batch, layers, hidden]`, `tier1` the
            lowest; `history` int64 `[batch, context]`, the last codes.
        """
        state = {
            f"tier{k + 1}.{name}": tensor
            for k, tier in enumerate(self.tiers)
            for name, tensor in tier.init_state(batch).items()
        }
        state["history"] = torch.full(
            (batch, self.context), self.quantizer.middle, device=self.scale.device
        )
        return state

    def condition(
        self, codes: Tensor, state: State, features: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run the tiers over codes, each tier on the frames that end before those it predicts.

        Args:
            codes: as for `forward`.
            state: as `init_state` or an earlier call returned it.
            features: as for `forward`.

        Returns:
            `[batch, T, hidden]` for the predictor of `codes[:, context:]`, and the next state.
        """
        frames, new = self.lowest_frames(codes, state, features)
        return self.tiers[0].spread(frames), new

    def lowest_frames(
        self,
        codes: Tensor,
        state: State,
        features: Tensor | None = None,
        recur: Recur = RecurrentStack.step,
    ) -> tuple[Tensor, State]:
        """`condition` up to the lowest tier's upsampling.

        Args:
            codes: as for `forward`.
            state: as for `condition`.
            features: as for `forward`.
            recur: runs a tier's recurrent layers.

        Returns:
            `[batch, T / lowest frame, hidden]` and the next state.
        """
        samples = codes.shape[1] - self.context
        values = FRAME_GAIN * self.quantizer.companded[codes]
        x = self.steer(features)
        new: State = {"history": codes[:, -self.context :]}
        for k in reversed(range(len(self.tiers))):
            tier = self.tiers[k]
            start = self.context - tier.frame
            frames = values[:, start : start + samples].reshape(len(values), -1, tier.frame)
            own = {n: state[f"tier{k + 1}.{n}"] for n in tier.state_names}
            x, after = tier.hear(frames, x, own, recur)
            new |= {f"tier{k + 1}.{n}": tensor for n, tensor in after.items()}
            if k:
                x = tier.spread(x)
        assert x is not None  # noqa: S101 - there is at least one tier
        return x, new

    def forward(
        self, codes: Tensor, state: State | None = None, features: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Predict every code from those before it (teacher forcing).

        Args:
            codes: int64 `[batch, context + T]`, T a multiple of `hop`; the first `context` are
                given, the others are predicted.
            state: what the previous window returned, so that windows one after the other equal one
                long window; None is a fresh one. Its `history` is not used: `codes` brings it.
            features: `[batch, T / hop, feature_count]` in their own units, where the model has any.

        Returns:
            logits `[batch, T, levels]` and the next state.
        """
        state = self.init_state(codes.shape[0]) if state is None else state
        conditioning, new = self.condition(codes, state, features)
        recent = codes[:, self.context - self.predictor.taps : -1]
        return self.predictor(recent, conditioning), new

    def steer(self, features: Tensor | None) -> Tensor | None:
        """The top tier's conditioning by features, `[batch, frames, hidden]`; None without any.

        Args:
            features: `[batch, frames, feature_count]` in their own units.

        Raises:
            ValueError: the model has features and none are given.
        """
        if self.features is None:
            return None
        if features is None:
            raise ValueError(f"features are needed: {self.config.features + self.config.labels}")
        return self.features((features - self.feature_mean) / self.feature_std)  # type: ignore[no-any-return]
