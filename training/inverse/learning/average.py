"""The moving average of a model's weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Average:
    """An exponential moving average of all that a model's state holds.

    Its decay rises to `decay` over the first steps, so that it doesn't hang on to the beginning.

    Args:
        model: whose state it begins with.
        decay: share that stays at a step, 0 … 1.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {name: t.detach().clone() for name, t in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights after `step` steps."""
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        kept, new = [], []
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                # It is made before the model moves to where it is trained.
                self.weights[name] = self.weights[name].to(tensor.device)
                kept.append(self.weights[name])
                new.append(tensor)
            else:
                self.weights[name] = tensor.clone()
        torch._foreach_lerp_(kept, new, share)

    def load(self, weights: dict[str, Tensor]) -> None:
        """Go on from the weights of another average of the same model."""
        for name, tensor in self.weights.items():
            tensor.copy_(weights[name])
