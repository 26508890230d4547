"""One sample after the other: the loop over frames and samples that every way to generate runs.

What a step computes is given as `Steps`. `FoldedSampleRNN` computes it with torch's own recurrent
kernels, for takes; `LiveModel` with plain products, for an instrument whose graph may be int8. Both
are stepped here, so the order of tiers, histories and draws is written down once. An exported graph
repeats this loop in operators of its own (a loop in torch would be unrolled by the tracer) and is
proved equal to it whenever a file is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import torch
from torch import Tensor

from synth.models.samplernn.config import SampleRNNConfig
from synth.nn import State

# Logits `[rows, levels]` and numbers `[rows]`, 0 <= u < 1, to codes, int64 `[rows]`.
Draw = Callable[[Tensor, Tensor], Tensor]


class Steps(Protocol):
    """The two computations of which a SampleRNN's steps consist.

    Attributes:
        config: shape of the model.
        state_names: of a tier's state: "h", and "c" for LSTMs.
    """

    config: SampleRNNConfig
    state_names: tuple[str, ...]

    def tier(
        self, k: int, history: Tensor, given: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        """One frame of tier `k`, 0 the lowest.

        Args:
            k: which tier, 0 … number of tiers - 1.
            history: int64 `[rows, n]`, at least the last `context` codes.
            given: conditioning `[rows, hidden]` by the tier above or the features; None where a top
                tier has none.
            state: `[rows, layers, hidden]` per name.

        Returns:
            conditioning `[rows, ratio, hidden]` of what lies below, and the tier's next state.
        """
        ...

    def logits(self, window: Tensor, known: Tensor) -> Tensor:
        """The last `taps` codes `[rows, taps]`, conditioning `[rows, hidden]` -> logits."""
        ...


def make_frames(
    steps: Steps,
    state: State,
    uniform: Tensor,
    steered: Tensor | None,
    draw: Draw,
    hold: Tensor | None = None,
) -> tuple[Tensor, State]:
    """The next samples of every row.

    Nothing here depends on a value of a tensor, so a CUDA graph can be captured of it.

    Args:
        steps: the model.
        state: as `SampleRNN.init_state` returns it.
        uniform: `[rows, samples]`, 0 <= u < 1; whole frames of the top
            tier, at least one.
        steered: the top tier's conditioning `[rows, samples / hop, hidden]`, or `[rows, 1, hidden]`
            for all frames alike; None where the model has no features.
        draw: chooses codes.
        hold: bool `[rows, 1]`, rows whose recurrent state stays as it is; None is none.

    Returns:
        int64 codes `[rows, samples]` and the next state.
    """
    context, taps = steps.config.context, steps.config.frame_sizes[0]
    rows, samples = uniform.shape
    # One tensor for all codes: writing into it costs less than sliding a window along.
    codes = torch.cat([state["history"], state["history"].new_zeros(rows, samples)], 1)
    state, known = dict(state), fresh_conditioning(steps, steered)
    for first in range(0, samples, taps):
        now = context + first
        conditioning = step_tiers(steps, first, codes[:, first:now], known, state, hold)
        for tap in range(taps):
            logits = steps.logits(codes[:, now - taps : now], conditioning[:, tap])
            codes[:, now] = draw(logits, uniform[:, first + tap])
            now += 1
    state["history"] = codes[:, -context:]
    return codes[:, context:], state


def fresh_conditioning(steps: Steps, steered: Tensor | None) -> list[Tensor | None]:
    """For `step_tiers`: nothing known yet of any tier, and what steers the top one."""
    return [*[None] * len(steps.config.frame_sizes), steered]


def step_tiers(
    steps: Steps,
    offset: int,
    history: Tensor,
    known: list[Tensor | None],
    state: State,
    hold: Tensor | None = None,
) -> Tensor:
    """Run those tiers of which a frame begins here, the top one first.

    Args:
        steps: the model.
        offset: samples since the first of `steered`'s frames began, a multiple of the lowest frame.
        history: int64 `[rows, n]`, at least the last `context` codes.
        known: conditioning out of each tier `[rows, frames, hidden]`, lowest tier first, then what
            steers the top one; brought up to date.
        state: of all tiers; brought up to date.
        hold: as for `make_frames`.

    Returns:
        the conditioning of the next samples, `[rows, taps, hidden]`.
    """
    for k in reversed(range(len(steps.config.frame_sizes))):
        frame, above = steps.config.frames[k], known[k + 1]
        if offset % frame:
            continue
        given = None if above is None else above[:, offset // frame % above.shape[1]]
        known[k], new = step_tier(steps, k, history, given, state, hold)
        state.update(new)
    lowest = known[0]
    assert lowest is not None  # noqa: S101 - a frame of the lowest tier begins here
    return lowest


def step_tier(
    steps: Steps,
    k: int,
    history: Tensor,
    given: Tensor | None,
    state: Mapping[str, Tensor],
    hold: Tensor | None,
) -> tuple[Tensor, State]:
    """`Steps.tier` with the state under its full names (`tier1.h`), held where `hold` says so."""
    full = {name: f"tier{k + 1}.{name}" for name in steps.state_names}
    known, new = steps.tier(k, history, given, {name: state[full[name]] for name in full})
    if hold is not None:
        new = {n: torch.where(hold[:, :, None], state[full[n]], t) for n, t in new.items()}
    return known, {full[name]: new[name] for name in full}
