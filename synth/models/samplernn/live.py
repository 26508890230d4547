"""A folded SampleRNN as plain matrix products: `Steps` that a live graph can hold.

Each product can run on eight-bit integers, and nothing that stays the same for a frame is computed
per sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from synth.models.samplernn.folding import FoldedSampleRNN
from synth.models.samplernn.stepping import fresh_conditioning, step_tiers
from synth.models.samplernn.tier import FrameTier
from synth.nn import State

SMALLEST_INT8 = 64  # inputs of a layer, below which integers gain nothing


class LiveLinear(nn.Module):
    """A linear layer in float32 or, once `to_int8` was called, in int8.

    In int8 the input is rounded to 256 steps, the same ones for every row and every moment, and
    each column of the weights to 255.

    Args:
        weight: `[outputs, inputs]`.
        bias: `[outputs]`.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight.detach().t().contiguous())
        self.register_buffer("bias", bias.detach().clone())
        self.lowest = self.highest = 0.0  # of the inputs seen
        self.watching = False
        self.input_step: float | None = None
        self.zero = 0

    def forward(self, x: Tensor) -> Tensor:
        if self.watching:
            self.lowest = min(self.lowest, float(x.min()))
            self.highest = max(self.highest, float(x.max()))
        if self.input_step is None:
            return torch.addmm(self.bias, x, self.weight)
        x = torch.fake_quantize_per_tensor_affine(x, self.input_step, self.zero, 0, 255)
        # As a difference: a sum would be drawn into the product, which then isn't one of integers.
        return x @ self.weight - (-self.bias)

    def to_int8(self) -> None:
        """Take the range of the inputs seen while `watching`, and round the weights."""
        if len(self.weight) < SMALLEST_INT8:
            return
        if self.lowest >= 0:
            self.zero, step = 0, self.highest / 255
        else:
            self.zero, step = 128, max(self.highest, -self.lowest) / 127
        self.input_step = max(step, 1e-8)
        size = self.weight.abs().amax(0).clamp_min(1e-12) / 127
        self.weight = torch.round(self.weight / size) * size


class LiveLayer(nn.Module):
    """One step of one recurrent layer of torch.

    Args:
        group: an `nn.LSTM` or `nn.GRU`.
        layer: which of its layers, from 0 on.
        kind: "lstm" or "gru".
    """

    def __init__(self, group: nn.Module, layer: int, kind: str) -> None:
        super().__init__()
        names = [f"{name}_l{layer}" for name in ("weight_ih", "bias_ih", "weight_hh", "bias_hh")]
        w_in, b_in, w_own, b_own = (getattr(group, name) for name in names)
        self.input, self.own = LiveLinear(w_in, b_in), LiveLinear(w_own, b_own)
        self.kind, self.size = kind, w_own.shape[1]

    def forward(self, x: Tensor, h: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`x [rows, inputs]`, `h` and `c [rows, hidden]` to the next `h` and `c`."""
        given, own, size = self.input(x), self.own(h), self.size
        if self.kind == "lstm":
            assert c is not None  # noqa: S101 - an LSTM's state
            gates = given + own
            into, forget, _, out = torch.sigmoid(gates).chunk(4, 1)
            new = forget * c + into * torch.tanh(gates[:, 2 * size : 3 * size])
            return out * torch.tanh(new), new
        reset, update = torch.sigmoid(given[:, : 2 * size] + own[:, : 2 * size]).chunk(2, 1)
        candidate = torch.tanh(given[:, 2 * size :] + reset * own[:, 2 * size :])
        return candidate + update * (h - candidate), None


class LiveTier(nn.Module):
    """One frame of a tier.

    Args:
        tier: without weight norm.
        upsample: to `ratio` frames (or samples) below.
        kind: "lstm" or "gru".
        skip: whether all layers' outputs are summed.
    """

    def __init__(self, tier: FrameTier, upsample: nn.Linear, kind: str, skip: bool) -> None:
        super().__init__()
        self.frame, self.ratio, self.skip = tier.frame, tier.ratio, skip
        self.state_names = tier.state_names
        expand = tier.expand
        self.expand = _live(expand) if isinstance(expand, nn.Linear) else None
        self.layers: Sequence[LiveLayer] = nn.ModuleList(  # type: ignore[assignment]
            LiveLayer(group, layer, kind)
            for group in tier.rnn.groups
            for layer in range(int(group.num_layers))  # type: ignore[arg-type]
        )
        self.upsample, self.hidden = _live(upsample), upsample.in_features

    def forward(self, frame: Tensor, given: Tensor | None, state: State) -> tuple[Tensor, State]:
        """`[rows, frame]`, conditioning `[rows, hidden]` -> `[rows, ratio, hidden]`, next state."""
        x = frame
        if self.expand is not None and given is not None:
            x = self.expand(frame) + given
        outputs: list[Tensor] = []
        cells: list[Tensor] = []
        for i, layer in enumerate(self.layers):
            x, cell = layer(x, state["h"][:, i], state["c"][:, i] if "c" in state else None)
            outputs.append(x)
            cells += [] if cell is None else [cell]
        if self.skip:
            x = torch.stack(outputs).sum(0)
        new = {"h": torch.stack(outputs, 1)}
        new |= {"c": torch.stack(cells, 1)} if cells else {}
        out: Tensor = self.upsample(x)
        return out.reshape(-1, self.ratio, self.hidden), new


class LiveModel(nn.Module):
    """A SampleRNN as `Steps` for an instrument, each the body of a loop in its graph.

    Args:
        folded: the model, left as it is.
    """

    state_names: tuple[str, ...]
    tables: Tensor
    values: Tensor
    rows: Tensor
    ones: Tensor

    def __init__(self, folded: FoldedSampleRNN) -> None:
        super().__init__()
        config, predictor = folded.config, folded.predictor
        self.config, self.taps, self.state_names = config, predictor.taps, folded.state_names
        self.tiers: Sequence[LiveTier] = nn.ModuleList(  # type: ignore[assignment]
            LiveTier(
                tier,
                predictor.upsample if k == 0 else tier.upsample,  # type: ignore[arg-type]
                config.rnn,
                config.skip,
            )
            for k, tier in enumerate(folded.model.tiers)
        )
        self.hidden, self.output = _live(predictor.hidden), _live(predictor.output)
        self.register_buffer("tables", predictor.tables.flatten(0, 1).clone())
        self.register_buffer("values", folded.values.clone())
        self.register_buffer("rows", torch.arange(self.taps) * config.quantization)
        self.register_buffer("ones", torch.ones(1, self.taps))

    def tier(
        self, k: int, history: Tensor, given: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        """As `Steps.tier`."""
        part = self.tiers[k]
        return part(self.values[history[:, -part.frame :]], given, state)  # type: ignore[no-any-return]

    def logits(self, window: Tensor, known: Tensor) -> Tensor:
        """As `Steps.logits`."""
        # As a product: onnxruntime's sum over the middle axis takes longer than all else here.
        x = torch.matmul(self.ones, self.tables[window + self.rows])[:, 0] + known
        return self.output(torch.relu(self.hidden(torch.relu(x))))  # type: ignore[no-any-return]


def bits_per_sample(
    model: LiveModel, codes: Tensor, steered: Tensor | None, state: State
) -> tuple[float, State]:
    """The mean of -log2(probability) that a model gives to known codes.

    Args:
        model: in float32 or int8.
        codes: int64 `[rows, context + samples]`, the first `context` only given; samples a multiple
            of the model's hop.
        steered: conditioning of the top tier `[rows, samples / hop, hidden]`, if it has any.
        state: of the tiers, as in `SampleRNN.init_state`.

    Returns:
        bits per sample and the next state.
    """
    context, state = model.config.context, dict(state)
    known = fresh_conditioning(model, steered)
    total, samples = 0.0, codes.shape[1] - context
    for first in range(0, samples, model.taps):
        start = context + first
        conditioning = step_tiers(model, first, codes[:, first:start], known, state)
        windows = codes[:, start - model.taps : start + model.taps - 1].unfold(1, model.taps, 1)
        logits = model.logits(windows.flatten(0, 1), conditioning.flatten(0, 1))
        wanted = codes[:, start : start + model.taps].flatten()
        total += float(nn.functional.cross_entropy(logits, wanted)) * model.taps
    return total / samples / math.log(2), state


def make_int8(model: LiveModel, run: Callable[[], object]) -> None:
    """Turn every large product of `model` into one of integers.

    Args:
        model: changed in place.
        run: runs the model over audio that it knows; the ranges of the products' inputs there
            become those of the integers.
    """
    linears = [m for m in model.modules() if isinstance(m, LiveLinear)]
    for linear in linears:
        linear.watching = True
    run()
    for linear in linears:
        linear.watching = False
        linear.to_int8()


def _live(linear: nn.Module) -> LiveLinear:
    assert isinstance(linear, nn.Linear)  # noqa: S101 - weight norm is folded
    return LiveLinear(linear.weight, linear.bias)
