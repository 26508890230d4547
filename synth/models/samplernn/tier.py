"""A frame tier: a stack of recurrent layers over frames of samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from synth.models.samplernn.config import SampleRNNConfig
from synth.nn import State


def make_linear(config: SampleRNNConfig, inputs: int, outputs: int) -> nn.Module:
    """A linear layer from `inputs` to `outputs` numbers, weight-normed where the config says so."""
    linear = nn.Linear(inputs, outputs)
    return weight_norm(linear) if config.weight_norm else linear


class RecurrentStack(nn.Module):
    """LSTM or GRU layers whose state `[batch, layers, hidden]` goes in and comes out.

    Args:
        config: of the whole model.
        inputs: size of an input frame, at least 1.
    """

    def __init__(self, config: SampleRNNConfig, inputs: int) -> None:
        super().__init__()
        hidden, layers = config.hidden_size, config.rnn_layers
        self.hidden, self.layers = hidden, layers
        kind = nn.LSTM if config.rnn == "lstm" else nn.GRU
        # One group of all layers, or one per layer where every layer's output is wanted.
        depths = [1] * layers if config.skip else [layers]
        groups = [
            kind(inputs if i == 0 else hidden, hidden, depth, batch_first=True)
            for i, depth in enumerate(depths)
        ]
        if config.rnn == "lstm":
            _open_forget_gates(groups, hidden)
        self.groups = nn.ModuleList(groups)
        self.state_names = ("h", "c") if config.rnn == "lstm" else ("h",)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Run over the next inputs.

        Args:
            x: `[batch, n, inputs]`.
            state: `[batch, layers, hidden]` per name.

        Returns:
            `[batch, n, hidden]`, the sum over the groups, and the next state.
        """
        # Recurrent layers of torch want their state with the layers first.
        given = {name: tensor.transpose(0, 1) for name, tensor in state.items()}
        outputs: list[Tensor] = []
        parts: dict[str, list[Tensor]] = {name: [] for name in self.state_names}
        first = 0
        for group in self.groups:
            last = first + int(group.num_layers)  # type: ignore[arg-type]
            own = tuple(given[name][first:last].contiguous() for name in self.state_names)
            x, new = group(x, own if len(own) > 1 else own[0])
            for name, part in zip(self.state_names, new if len(own) > 1 else [new], strict=True):
                parts[name].append(part)
            outputs.append(x)
            first = last
        total = outputs[0]
        for output in outputs[1:]:
            total = total + output
        return total, {name: torch.cat(part).transpose(0, 1) for name, part in parts.items()}


Recur = Callable[[RecurrentStack, Tensor, State], tuple[Tensor, State]]


class FrameTier(nn.Module):
    """Frames in, one conditioning vector per frame of the tier below (or sample) out.

    A tier with conditioning expands its frame to `hidden_size` and adds the conditioning. A tier
    without it feeds the frame to its first recurrent layer, whose input weights do the expanding.

    Args:
        config: of the whole model.
        index: which tier, 0 … number of tiers - 1; 0 is the lowest.
    """

    def __init__(self, config: SampleRNNConfig, index: int) -> None:
        super().__init__()
        hidden, layers = config.hidden_size, config.rnn_layers
        self.frame, self.ratio = config.frames[index], config.frame_sizes[index]
        top = index == len(config.frame_sizes) - 1
        conditioned = not top or config.feature_count > 0
        self.expand = make_linear(config, self.frame, hidden) if conditioned else None
        self.rnn = RecurrentStack(config, hidden if conditioned else self.frame)
        self.state_names = self.rnn.state_names
        names = self.state_names if config.learned_state else ()
        self.initial = nn.ParameterDict({n: torch.zeros(layers, hidden) for n in names})
        self.upsample = make_linear(config, hidden, self.ratio * hidden)

    def init_state(self, batch: int) -> State:
        """`[batch, layers, hidden]` per name of the state: learned, or zeros."""
        if self.initial:
            return {n: self.initial[n].expand(batch, -1, -1) for n in self.state_names}
        like = next(self.rnn.parameters())
        shape = (batch, self.rnn.layers, self.rnn.hidden)
        return {n: like.new_zeros(shape) for n in self.state_names}

    def step(
        self, frames: Tensor, conditioning: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        """Take the next frames.

        Args:
            frames: `[batch, n, frame]`, companded samples times two.
            conditioning: `[batch, n, hidden]`, None for a tier that has none.
            state: as `init_state` or the previous step returned it.

        Returns:
            `[batch, n * ratio, hidden]`, conditioning of the frames (or samples) that follow in the
            tier below, and the next state.
        """
        x, new = self.hear(frames, conditioning, state)
        return self.spread(x), new

    def hear(
        self,
        frames: Tensor,
        conditioning: Tensor | None,
        state: State,
        recur: Recur = RecurrentStack.step,
    ) -> tuple[Tensor, State]:
        """`step` without the upsampling, `[batch, n, hidden]`, the recurrent layers by `recur`."""
        x = frames if self.expand is None else self.expand(frames) + conditioning
        return recur(self.rnn, x, state)

    def spread(self, x: Tensor) -> Tensor:
        """The upsampling: `[batch, n, hidden]` -> `[batch, n * ratio, hidden]`."""
        out: Tensor = self.upsample(x)
        return out.reshape(out.shape[0], -1, self.rnn.hidden)


def _open_forget_gates(groups: Sequence[nn.Module], hidden: int) -> None:
    """Bias 1, so that a fresh stack remembers (Jozefowicz, Zaremba and Sutskever 2015)."""
    with torch.no_grad():
        for group in groups:
            for name, bias in group.named_parameters():
                if name.startswith("bias_ih"):
                    bias[hidden : 2 * hidden] += 1.0
