"""`Instrument`: a model as something that plays, the form in which it is exported.

An instrument is a pure step: controls, state and (for effects) audio in; audio and state out. Its
attributes say everything that the manifest of the exported file says.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from synth.contract import Control, TensorSpec
from synth.nn import State


class Instrument(nn.Module):
    """Base of what can be exported and played.

    Attributes:
        kind: "effect" or "generator"; sample_rate: Hz; hop: samples per step.
        channels_in, channels_out: audio channels; latency: samples.
        controls: in the order of the graph inputs; random: noise inputs; sounds, key_range: as in
            the manifest.
    """

    kind: str = "effect"
    sample_rate: int
    hop: int
    channels_in: int = 1
    channels_out: int = 1
    latency: int = 0
    controls: tuple[Control, ...] = ()
    random: tuple[TensorSpec, ...] = ()
    sounds: tuple[str, ...] = ()
    key_range: tuple[int, int] | None = None

    def init_state(self, voices: int) -> State:
        """State of `voices` rows before the first step: zeros."""
        raise NotImplementedError

    def step(
        self, feed: Tensor, controls: Mapping[str, Tensor], state: State
    ) -> tuple[Tensor, State]:
        """Make `n >= 1` hops of audio.

        Args:
            feed: effects: audio `[voices, channels_in, n * hop]`; generators: n as int64 `[1]`.
            controls: every control, `[voices, size]`, and every noise input, `[voices, *shape]`.
            state: as `init_state` or the previous step returned it.

        Returns:
            audio `[voices, channels_out, n * hop]` and the next state.
        """
        raise NotImplementedError


def number(
    name: str,
    low: float,
    high: float,
    default: float,
    description: str,
    *,
    unit: str = "",
    curve: str = "linear",
    per_voice: bool = False,
    smoothing_ms: float = 0.0,
) -> Control:
    """A scalar control."""
    return Control(
        name,
        1,
        (float(low),),
        (float(high),),
        (float(default),),
        unit,
        curve,
        description,
        per_voice,
        smoothing_ms,
    )
