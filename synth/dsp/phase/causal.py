"""Phase-gradient heap integration in real time: each frame from itself and the one before."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from synth.contract import DataError
from synth.dsp.nsgt import NSGT
from synth.dsp.phase.checks import check_values
from synth.dsp.phase.gradients import TAU, PhaseGradient
from synth.dsp.phase.spanning import Connections, add_up

QUIETEST = 1e-7  # magnitude of full scale 1 below which a band has phase 0


class PhaseState(NamedTuple):
    """What is kept of the last frame.

    Attributes:
        magnitude, phase, offset_hz: float64 `[bands]`; the phase in radians.
        frame: number of the next frame.
    """

    magnitude: Tensor
    phase: Tensor
    offset_hz: Tensor
    frame: int


class CausalHeapIntegration:
    """Phases for frames as they come; no frame waits for the next.

    A band goes on from its phase in the frame before, or follows a neighbour in this frame,
    whichever way is louder. Where a sound begins out of silence, its loudest band has phase 0.

    Args:
        transform: of the magnitudes.

    Source: Prusa, Søndergaard 2016, Real-time spectrogram inversion using phase gradient heap
    integration.
    """

    def __init__(self, transform: NSGT) -> None:
        self._gradient = PhaseGradient(transform)
        self._bands = len(transform.frequencies)

    def init_state(self) -> PhaseState:
        """Silence before the first frame."""
        silence = torch.zeros(self._bands, dtype=torch.float64, device=self._gradient.gap.device)
        return PhaseState(silence, silence, silence, 0)

    def step(self, magnitude: Tensor, state: PhaseState) -> tuple[Tensor, PhaseState]:
        """Phases in radians, float64 `[bands, frames]`, of the next frames, and the new state.

        Args:
            magnitude: at least 0, `[bands, frames]`, any number of frames.
            state: after the frames before.

        Raises:
            DataError: magnitudes of other bands, negative or not finite.
        """
        if magnitude.ndim != 2 or len(magnitude) != self._bands:
            raise DataError(
                f"frames of shape {list(magnitude.shape)} don't go with {self._bands} bands; give"
                f" [{self._bands}, frames]"
            )
        check_values(magnitude)
        found = []
        for frame in magnitude.double().T:
            state = self._next(frame, state)
            found.append(state.phase)
        empty = torch.zeros(self._bands, 0, dtype=torch.float64, device=magnitude.device)
        return (torch.stack(found, 1) if found else empty), state

    def _next(self, magnitude: Tensor, state: PhaseState) -> PhaseState:
        offset = self._gradient.offset_hz(magnitude[:, None])[:, 0]
        loud = magnitude > QUIETEST
        goes_on = loud & (state.magnitude > QUIETEST)
        connections = self._connections(magnitude, offset, loud, goes_on, state)
        # Node 0 stands for the frame before. It is as loud as the ways that lead from it, hence it
        # isn't quieter than any band, and the loudness of a way is that of its band.
        past = torch.maximum(magnitude.max(), state.magnitude.max())[None]
        phase, root = add_up(connections, torch.cat([past, magnitude]))
        phase = torch.where(root == root[0], phase - phase[0], phase)[1:]
        phase = torch.where(loud, phase, 0.0)
        return PhaseState(magnitude, torch.remainder(phase, TAU), offset, state.frame + 1)

    def _connections(
        self, magnitude: Tensor, offset: Tensor, loud: Tensor, goes_on: Tensor, state: PhaseState
    ) -> Connections:
        gradient = self._gradient
        later = state.phase + (state.offset_hz + offset) * (TAU / 2 * gradient.frame_s)
        floored = magnitude.clamp_min(QUIETEST), state.magnitude.clamp_min(QUIETEST)
        slope = (floored[0] / floored[1]).log() / gradient.frame_s
        time_s = torch.tensor([state.frame * gradient.frame_s], dtype=torch.float64)
        higher = gradient.along_bands(slope[:, None], time_s.to(slope.device))[:, 0]
        node = torch.arange(1, self._bands + 1, device=magnitude.device)
        both = loud[1:] & loud[:-1]
        return Connections(
            torch.cat([torch.zeros_like(node)[goes_on], node[:-1][both]]),
            torch.cat([node[goes_on], node[1:][both]]),
            torch.cat([later[goes_on], higher[both]]),
        )
