"""The same prediction with fewer multiplications, for windows known as a whole.

Nothing non-linear lies between a code's embedding, or the lowest tier's upsampling, and the output
of the predictor's first hidden layer. So these linear layers are multiplied with each other once
per step instead of with every sample: each tap of the window gets a table in which a code finds its
share of the first hidden layer, and the upsampling leads there straight away. Gradients reach the
layers' own weights through the products.

`FoldedSampleRNN` multiplies the same layers, but once for good, in double precision and detached
from the weights; training needs the products anew at every step, as part of its gradients. A test
holds logits, state and gradients equal to the model's.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synth.models.samplernn import SampleRNN
from synth.models.samplernn.model import SamplePredictor
from synth.models.samplernn.tier import RecurrentStack
from synth.nn import State

MANY_ROWS = 48


def predict(
    model: SampleRNN, codes: Tensor, state: State | None, features: Tensor | None
) -> tuple[Tensor, State]:
    """The result of `model(codes, state, features)`, up to rounding.

    Args:
        model: a SampleRNN.
        codes: int64 `[batch, context + n * hop]`.
        state: of the rows, None: fresh.
        features: `[batch, n, feature_count]`, or None.

    Returns:
        Logits `[batch, n * hop, levels]` and the next state.
    """
    state = model.init_state(codes.shape[0]) if state is None else state
    frames, new = model.lowest_frames(codes, state, features, _recur)
    predictor = model.predictor
    recent = codes[:, model.context - predictor.taps : -1]
    x = F.relu(_looked_up(predictor, recent) + _conditioned(model, frames))
    x = F.relu(predictor.hidden2(x))
    return predictor.output(x), new


def _recur(stack: RecurrentStack, x: Tensor, state: State) -> tuple[Tensor, State]:
    with _recurrent_precision(x):
        return stack.step(x.type_as(state["h"]), state)


def _recurrent_precision(x: Tensor) -> AbstractContextManager[object]:
    """Few rows go through oneDNN's recurrent layers in float32: bfloat16 is slower there."""
    if x.is_cuda or len(x) >= MANY_ROWS or not torch.is_autocast_enabled(x.device.type):
        return nullcontext()
    return torch.autocast(x.device.type, enabled=False)


def _looked_up(predictor: SamplePredictor, codes: Tensor) -> Tensor:
    """The share that codes `[batch, taps - 1 + n]` have in the first hidden layer."""
    taps, levels = predictor.taps, predictor.levels
    with torch.autocast(codes.device.type, enabled=False):  # products of weights need all digits
        entry = _weight(predictor.input)
        hidden = entry.shape[0]
        shares = (_weight(predictor.hidden1) @ entry).reshape(hidden, taps, -1).transpose(0, 1)
        if predictor.embedding is not None:
            shares = shares @ predictor.embedding.weight.t()
        tables = shares.transpose(1, 2).reshape(taps * levels, hidden)
        rows = torch.arange(taps, device=codes.device) * levels
        windows = (codes.unfold(1, taps, 1) + rows).reshape(-1, taps)
        return F.embedding_bag(windows, tables, mode="sum").reshape(len(codes), -1, hidden)


def _conditioned(model: SampleRNN, frames: Tensor) -> Tensor:
    """The share that the lowest tier's frames and all biases have in the first hidden layer."""
    first, entry, tier = model.predictor.hidden1, model.predictor.input, model.tiers[0]
    weight = _weight(first)
    bias = F.linear(_bias(entry), weight, _bias(first))
    batch, count, hidden = frames.shape
    if batch * count <= hidden:
        # For so few frames two products with them cost less than one of the two matrices.
        return F.linear(tier.spread(frames), weight, bias)
    rise = _weight(tier.upsample).reshape(tier.ratio, hidden, hidden)
    biases = F.linear(_bias(tier.upsample).reshape(tier.ratio, hidden), weight, bias)
    out = F.linear(frames, (weight @ rise).flatten(0, 1), biases.flatten())
    return out.reshape(batch, count * tier.ratio, hidden)


def _weight(layer: nn.Module) -> Tensor:
    return layer.weight  # type: ignore[return-value]


def _bias(layer: nn.Module) -> Tensor:
    return layer.bias  # type: ignore[return-value]
