"""Steps captured as a CUDA graph, so that the host is out of the loop over the samples."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from synth.nn import State

# State, noise `[rows, samples]` and features, if any -> codes `[rows, samples]` and next state.
Run = Callable[[State, Tensor, Tensor | None], tuple[Tensor, State]]


class CapturedRun:
    """A `Run` captured once and replayed at every call.

    Args:
        run: does the same work whatever the values of its tensors.
        state: of the first call, on a CUDA device; like the next two, it only gives the shapes.
        uniform: `[rows, samples]`.
        features: `[rows, frames, feature_count]`, None where the model has none.
    """

    def __init__(self, run: Run, state: State, uniform: Tensor, features: Tensor | None) -> None:
        self._state = {name: tensor.clone() for name, tensor in state.items()}
        self._uniform = uniform.clone()
        self._features = None if features is None else features.clone()

        def once() -> tuple[Tensor, State]:
            return run(self._state, self._uniform, self._features)

        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):  # libraries set themselves up here, not in the capture
            once()
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._codes, self._after = once()

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
