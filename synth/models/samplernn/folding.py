"""The model in the form that generates: linear layers that follow each other are folded into one.

Nothing non-linear lies between the embedding and the predictor's first hidden layer, nor between
that layer and the lowest tier's upsampling. So embedding, input layer and first hidden layer become
one table per tap, in which a code finds its contribution, and the first hidden layer moves through
the upsampling: per sample, two matrix products less and a few rows to add up instead.
"""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synth.models.samplernn.config import SampleRNNConfig
from synth.models.samplernn.model import FRAME_GAIN, SamplePredictor, SampleRNN
from synth.models.samplernn.tier import RecurrentStack
from synth.nn import State


class FoldedPredictor(nn.Module):
    """A `SamplePredictor` and the upsampling before it, as tables and three linear layers.

    Args:
        predictor: without weight norm.
        upsample: of the lowest tier, likewise.

    Attributes:
        tables: `[taps, levels, hidden]`, tap 0 the oldest of the last codes.
        upsample: hidden -> taps * hidden, run once per frame.
        hidden, output: run once per sample.
    """

    tables: Tensor

    def __init__(self, predictor: SamplePredictor, upsample: nn.Linear) -> None:
        super().__init__()
        self.taps, self.levels = predictor.taps, predictor.levels
        first, entry = _double(predictor.hidden1), _double(predictor.input)
        if predictor.embedding is None:
            codes = torch.eye(self.levels, dtype=torch.float64)
        else:
            codes = predictor.embedding.weight.detach().double()
        per_tap = (first[0] @ entry[0]).reshape(
            len(first[0]), self.taps, -1
        )  # [hidden, taps, embed]
        tables = torch.einsum("hte,le->tlh", per_tap, codes).float().contiguous()
        self.register_buffer("tables", tables)
        rise = _double(upsample)
        rise_weight = rise[0].reshape(self.taps, -1, rise[0].shape[1])
        weight = torch.einsum("ij,tjh->tih", first[0], rise_weight)
        bias = rise[1].reshape(self.taps, -1) @ first[0].T + first[0] @ entry[1] + first[1]
        self.upsample = _linear(weight.flatten(0, 1), bias.flatten())
        self.hidden = _linear(*_double(predictor.hidden2))
        self.output = _linear(*_double(predictor.output))
        self.register_buffer("_rows", torch.arange(self.taps) * self.levels, persistent=False)

    def condition(self, x: Tensor) -> Tensor:
        """Output of the lowest tier's layers `[batch, hidden]` -> `[batch, taps, hidden]`."""
        return self.upsample(x).reshape(len(x), self.taps, -1)  # type: ignore[no-any-return]

    def forward(self, codes: Tensor, conditioning: Tensor) -> Tensor:
        """Codes `[batch, taps]`, conditioning `[batch, hidden]` -> logits `[batch, levels]`."""
        rows: Tensor = self._rows  # type: ignore[assignment]
        known = F.embedding_bag(codes + rows, self.tables.flatten(0, 1), mode="sum")
        x = F.relu(self.hidden(F.relu(known + conditioning)))
        return self.output(x)  # type: ignore[no-any-return]


class FoldedSampleRNN(nn.Module):
    """A `SampleRNN` as `Steps` for takes, with the same state and the same results.

    Its arithmetic is torch's own: fused recurrent cells and the sum over rows of a table, which are
    fastest on a GPU and for many rows. `LiveModel` does the same in products that a graph can hold
    and that can be of integers; in torch, its logits of 32 rows take 1.3 to 1.9 times as long, and
    its sums round differently, so a seed would no longer give the take it gave.

    Args:
        model: left as it is.

    Attributes:
        model: a copy on the CPU without weight norm.
        values: `[levels]`, each code as the tiers take it.
    """

    config: SampleRNNConfig
    state_names: tuple[str, ...]
    values: Tensor

    def __init__(self, model: SampleRNN) -> None:
        super().__init__()
        plain = _plain(model)
        self.model = plain
        self.config = plain.config
        lowest = plain.tiers[0]
        assert isinstance(lowest.upsample, nn.Linear)  # noqa: S101 - see make_linear
        self.predictor = FoldedPredictor(plain.predictor, lowest.upsample)
        self.state_names = lowest.state_names
        self.register_buffer("values", FRAME_GAIN * plain.quantizer.companded)

    def tier(
        self, k: int, history: Tensor, given: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        """As `Steps.tier`."""
        tier = self.model.tiers[k]
        x = self.values[history[:, -tier.frame :]]
        if tier.expand is not None and given is not None:
            x = tier.expand(x) + given
        x, new = step_cells(tier.rnn, x, state)
        return (self.predictor.condition(x) if k == 0 else tier.spread(x[:, None])), new

    def logits(self, window: Tensor, known: Tensor) -> Tensor:
        """As `Steps.logits`."""
        return self.predictor(window, known)  # type: ignore[no-any-return]


def step_cells(stack: RecurrentStack, x: Tensor, state: State) -> tuple[Tensor, State]:
    """One time step of `RecurrentStack.step`.

    The kernels for whole sequences prepare their weights at every call, which takes three times as
    long as the step itself.

    Args:
        stack: its recurrent layers.
        x: `[batch, inputs]`.
        state: `[batch, layers, hidden]` per name.

    Returns:
        `[batch, hidden]` and the next state.
    """
    outputs: list[Tensor] = []
    new: dict[str, list[Tensor]] = {name: [] for name in stack.state_names}
    for group in stack.groups:
        for layer in range(int(group.num_layers)):  # type: ignore[arg-type]
            kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            weights = [getattr(group, f"{kind}_l{layer}") for kind in kinds]
            own = [state[name][:, len(new["h"])] for name in stack.state_names]
            if len(own) > 1:
                after = list(torch.lstm_cell(x, own, *weights))
            else:
                after = [torch.gru_cell(x, own[0], *weights)]
            x = after[0]
            for name, tensor in zip(stack.state_names, after, strict=True):
                new[name].append(tensor)
        outputs.append(x)
    return torch.stack(outputs).sum(0), {n: torch.stack(each, 1) for n, each in new.items()}


def _plain(model: SampleRNN) -> SampleRNN:
    """A copy on the CPU with weight norm worked into the weights."""
    with torch.device("meta"):  # no random numbers, no memory
        plain = SampleRNN(replace(model.config, weight_norm=False))
    weights = {name: attrgetter(name)(model).detach() for name in plain.state_dict()}
    plain.load_state_dict({n: t.to("cpu", copy=True) for n, t in weights.items()}, assign=True)
    return plain.eval().requires_grad_(False)


def _double(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias, detached, in double precision."""
    assert isinstance(layer, nn.Linear)  # noqa: S101 - see make_linear
    return layer.weight.detach().double(), layer.bias.detach().double()


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    layer.weight = nn.Parameter(weight.float().contiguous(), requires_grad=False)
    layer.bias = nn.Parameter(bias.float(), requires_grad=False)
    return layer
