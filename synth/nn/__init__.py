"""Layers with explicit state, so that the same code runs offline and live.

- `streaming`: the contract (`init_state`, `step`, `forward`), delay, containers.
- `convolution`: causal convolution and transposed convolution, residual unit.
- `multiresolution`, `state_space`: layers with a long memory.
- `filterbank`: analysis into bands and synthesis from them, with filters that are passed in.
- `activation`: activations by name, among them snake.
"""

from synth.nn.activation import ACTIVATIONS, Snake, make_activation
from synth.nn.convolution import ResidualUnit, StreamingConv1d, StreamingConvTranspose1d
from synth.nn.filterbank import AnalysisBank, SynthesisBank
from synth.nn.multiresolution import MultiresolutionConv
from synth.nn.state_space import DiagonalStateSpace
from synth.nn.streaming import Delay, Parallel, Pointwise, Sequential, State, StreamingLayer

__all__ = [
    "ACTIVATIONS",
    "AnalysisBank",
    "Delay",
    "DiagonalStateSpace",
    "MultiresolutionConv",
    "Parallel",
    "Pointwise",
    "ResidualUnit",
    "Sequential",
    "Snake",
    "State",
    "StreamingConv1d",
    "StreamingConvTranspose1d",
    "StreamingLayer",
    "SynthesisBank",
    "make_activation",
]
