"""Layers with explicit state, so that the same code runs offline and live.

- `streaming`: the contract (`init_state`, `step`, `forward`), delay, containers.
- `convolution`: causal convolution and transposed convolution, residual unit.
- `activation`: activations by name, among them snake.
"""

from synth.nn.activation import ACTIVATIONS, Snake, make_activation
from synth.nn.convolution import ResidualUnit, StreamingConv1d, StreamingConvTranspose1d
from synth.nn.streaming import Delay, Parallel, Pointwise, Sequential, State, StreamingLayer

__all__ = [
    "ACTIVATIONS",
    "Delay",
    "Parallel",
    "Pointwise",
    "ResidualUnit",
    "Sequential",
    "Snake",
    "State",
    "StreamingConv1d",
    "StreamingConvTranspose1d",
    "StreamingLayer",
    "make_activation",
]
