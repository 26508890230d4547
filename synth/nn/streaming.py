"""The streaming contract, a delay, and the containers.

A layer with memory has `init_state(batch) -> State` and `step(x, state) -> (y, state)`.
`forward(x)`, which training uses, is one `step` on the whole clip from a fresh state, so offline
and live are the same lines. State is a flat dictionary of named tensors `[batch, ...]`; nothing is
kept in a buffer, so reset, save, restore, polyphony (a batch row is a voice) and export come for
free.
"""

from __future__ import annotations

from fractions import Fraction

import torch
from torch import Tensor, nn

State = dict[str, Tensor]


class StreamingLayer(nn.Module):
    """Base of all layers here.

    Attributes:
        ratio: output samples per input sample, 1/stride for a strided layer.
        latency: samples *at the layer's input* by which the output lags behind the input that it
            represents. Causal layers have none; `lookahead` and `Delay` add some.
    """

    ratio: Fraction = Fraction(1)
    latency: Fraction = Fraction(0)

    def init_state(self, batch: int) -> State:
        """A fresh state (silence so far) for `batch` rows, on the layer's device and dtype."""
        return {}

    def step(self, x: Tensor, state: State, advance: Tensor | None = None) -> tuple[Tensor, State]:
        """Process the next block.

        Args:
            x: `[batch, channels, samples]`; a strided layer needs a multiple of its stride.
            state: as `init_state` or the previous `step` returned it.
            advance: int64 `[batch]`, how many leading samples of `x` each row takes into its state,
                0 … samples; None takes all. So rows can run at different speeds; the output past a
                row's `advance` is computed but must not be used.

        Returns:
            output `[batch, channels_out, samples * ratio]` and the next state.
        """
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """The whole clip from a fresh state, `[batch, channels, samples]`."""
        return self.step(x, self.init_state(x.shape[0]))[0]


def remember(buffer: Tensor, size: int, advance: Tensor | None) -> Tensor:
    """The last samples that each row has taken into its state, `[batch, channels, size]`.

    Args:
        buffer: `[batch, channels, size + samples]`, old state, then new samples.
        size: samples of the state, at least 1.
        advance: int64 `[batch]`, how many new samples each row takes; None takes all.
    """
    if advance is None:
        return buffer[..., -size:]  # counted from the end: one node in an exported graph
    # Full-sized by the sum, not by an expansion, which an exported graph would do in six nodes.
    window = torch.arange(size, device=buffer.device).repeat(int(buffer.shape[1]), 1)
    return torch.gather(buffer, 2, advance.reshape(-1, 1, 1) + window)


class Pointwise(StreamingLayer):
    """A memoryless module (activation, gain) as a streaming layer.

    Args:
        module: `[batch, channels, samples]` to the same shape.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def step(self, x: Tensor, state: State, advance: Tensor | None = None) -> tuple[Tensor, State]:
        return self.module(x), {}


class Delay(StreamingLayer):
    """Delay that aligns a short branch with a longer one.

    Args:
        channels: of the input, at least 1.
        samples: at least 1.

    Raises:
        ValueError: `samples` is less than 1.
    """

    def __init__(self, channels: int, samples: int) -> None:
        super().__init__()
        if samples < 1:
            raise ValueError(f"a delay of {samples} samples; at least 1 is needed")
        self.channels = channels
        self.samples = samples
        self.latency = Fraction(samples)
        self.register_buffer("_like", torch.zeros(()), persistent=False)

    def init_state(self, batch: int) -> State:
        like: Tensor = self._like  # type: ignore[assignment]
        return {"delay": like.new_zeros(batch, self.channels, self.samples)}

    def step(self, x: Tensor, state: State, advance: Tensor | None = None) -> tuple[Tensor, State]:
        buffer = torch.cat([state["delay"], x], dim=2)
        return buffer[..., : x.shape[2]], {"delay": remember(buffer, self.samples, advance)}


class Sequential(StreamingLayer):
    """Layers one after the other; their latencies add up, each counted at its own rate.

    Args:
        layers: first one first.
    """

    def __init__(self, *layers: StreamingLayer) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        ratio, latency = Fraction(1), Fraction(0)
        for layer in layers:
            latency += layer.latency / ratio
            ratio *= layer.ratio
        self.ratio, self.latency = ratio, latency

    def _named(self) -> list[tuple[str, StreamingLayer]]:
        return [(str(i), layer) for i, layer in enumerate(self.layers)]  # type: ignore[misc]

    def init_state(self, batch: int) -> State:
        return _prefixed({name: layer.init_state(batch) for name, layer in self._named()})

    def step(self, x: Tensor, state: State, advance: Tensor | None = None) -> tuple[Tensor, State]:
        new: dict[str, State] = {}
        for name, layer in self._named():
            x, new[name] = layer.step(x, _part(state, name), advance)
            advance = _at_ratio(advance, layer.ratio)
        return x, _prefixed(new)


class Parallel(StreamingLayer):
    """Branches on the same input, summed; shorter ones are delayed to the longest latency.

    Args:
        branches: layers of the same ratio and output channels.
        channels_out: channels of the sum, needed to build the delays.

    Raises:
        ValueError: ratios differ, or a latency difference is no whole number of output samples.
    """

    def __init__(self, *branches: StreamingLayer, channels_out: int) -> None:
        super().__init__()
        if len({b.ratio for b in branches}) != 1:
            raise ValueError(f"branches of different rates: {[str(b.ratio) for b in branches]}")
        self.ratio = branches[0].ratio
        self.latency = max(b.latency for b in branches)
        aligned: list[StreamingLayer] = []
        for branch in branches:
            behind = (self.latency - branch.latency) * self.ratio
            if behind.denominator != 1:
                raise ValueError(f"branches differ by {behind} output samples, not a whole number")
            delayed = Sequential(branch, Delay(channels_out, int(behind))) if behind else branch
            aligned.append(delayed)
        self.branches = nn.ModuleList(aligned)

    def _named(self) -> list[tuple[str, StreamingLayer]]:
        return [(str(i), branch) for i, branch in enumerate(self.branches)]  # type: ignore[misc]

    def init_state(self, batch: int) -> State:
        return _prefixed({name: branch.init_state(batch) for name, branch in self._named()})

    def step(self, x: Tensor, state: State, advance: Tensor | None = None) -> tuple[Tensor, State]:
        outputs, new = [], {}
        for name, branch in self._named():
            y, new[name] = branch.step(x, _part(state, name), advance)
            outputs.append(y)
        total = outputs[0]
        for y in outputs[1:]:
            total = total + y
        return total, _prefixed(new)


def _prefixed(states: dict[str, State]) -> State:
    return {f"{name}.{key}": t for name, state in states.items() for key, t in state.items()}


def _part(state: State, name: str) -> State:
    prefix = f"{name}."
    return {key[len(prefix) :]: t for key, t in state.items() if key.startswith(prefix)}


def _at_ratio(advance: Tensor | None, ratio: Fraction) -> Tensor | None:
    if advance is None or ratio == 1:
        return advance
    return advance * ratio.numerator // ratio.denominator
