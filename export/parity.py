"""The proof that a file plays what the model does: both are played, and compared.

The model makes the whole clip in one block, the file the same clip in blocks of several sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from export.manifest import state_name
from synth.contract import ModelFileError
from synth.models.instrument import Instrument
from synth.nn import State

PARITY_LIMIT = 1e-4
SPREAD_ROWS = 3  # voices at the defaults and anywhere in the ranges
Run = Callable[[Mapping[str, NDArray[Any]]], list[NDArray[Any]]]


def require_parity(difference: float, made: str, limit: float = PARITY_LIMIT) -> None:
    """Refuse a file that plays something else than the model.

    Args:
        difference: the largest one found; a share of full scale or of the model's peak.
        made: what was compared, such as "exported graph"; for the message.
        limit: above which, or where it is not a number, the file is refused.

    Raises:
        ModelFileError: it is refused.
    """
    if not difference <= limit:
        raise ModelFileError(
            f"the {made} differs from the model by {difference:.2g} (at most"
            f" {limit:g} is allowed); nothing was written"
        )


def largest_difference(instrument: Instrument, run: Run, hops: int = 24, seed: int = 0) -> float:
    """Largest difference between anything that makes steps of the instrument and its torch step.

    Args:
        instrument: in eval mode; makes `hops` hops in one block.
        run: makes the same in several blocks: from feed, controls and state (under their names in
            the graph) to the audio and the next state, in the order of the instrument's.
        hops: length of the clip, at least 4.
        seed: of the audio and of the controls.

    Returns:
        the difference as a share of full scale or, where the model is louder than that (an
        untrained one can be), of its peak; infinite where a sample is not a number.
    """
    rows = SPREAD_ROWS + len(instrument.ends)
    generator = np.random.default_rng(seed)
    controls = _spread_controls(instrument, generator)
    feed = example_feed(instrument, rows, hops, generator)
    noise = example_noise(instrument, rows, hops, generator)
    with torch.inference_mode():
        torch_controls = {k: torch.from_numpy(v) for k, v in (controls | noise).items()}
        whole, _ = instrument.step(feed, torch_controls, instrument.init_state(rows))
    worst, size = 0.0, max(1.0, float(whole.abs().max()))
    for block in (1, 2, 3, hops // 2, hops):
        streamed = _play(instrument, run, feed.numpy(), controls, noise, block, hops)
        worst = max(worst, float(np.abs(streamed - whole.numpy()).max()) / size)
    return worst if np.isfinite(worst) else float("inf")


def example_feed(
    instrument: Instrument, rows: int, hops: int, generator: np.random.Generator | None = None
) -> Tensor:
    """The first input of a step.

    Args:
        instrument: that makes the step.
        rows: voices side by side.
        hops: length of the step.
        generator: of the noise; by default one of seed 0.

    Returns:
        of an effect noise `[rows, channels_in, hops * hop]` at -14 dBFS, of a generator `hops`
        `[1]`.
    """
    if instrument.kind != "effect":
        return torch.tensor([hops])
    shape = (rows, instrument.channels_in, hops * instrument.hop)
    generator = generator or np.random.default_rng(0)
    return torch.from_numpy(generator.normal(0, 0.2, shape).astype(np.float32))


def example_noise(
    instrument: Instrument, rows: int, hops: int, generator: np.random.Generator | None = None
) -> dict[str, NDArray[np.float32]]:
    """Every noise input of a step, by name: `[rows, hops, ...]`.

    Args:
        instrument: that makes the step; the first axis of its noise is that of the hops.
        rows: voices side by side.
        hops: length of the step.
        generator: of the noise; by default one of seed 0.
    """
    generator = generator or np.random.default_rng(0)
    return {
        spec.name: generator.standard_normal((rows, hops, *spec.shape[1:]), np.float32)
        for spec in instrument.random
    }


def _play(
    instrument: Instrument,
    run: Run,
    feed: NDArray[Any],
    controls: Mapping[str, NDArray[np.float32]],
    noise: Mapping[str, NDArray[np.float32]],
    block: int,
    hops: int,
) -> NDArray[np.float32]:
    rows = next(iter(controls.values())).shape[0]
    initial: State = instrument.init_state(rows)
    state = {state_name(k): v.numpy() for k, v in initial.items()}
    pieces = []
    for at in range(0, hops, block):
        size = min(block, hops - at)
        if instrument.kind == "effect":
            part = feed[:, :, at * instrument.hop : (at + size) * instrument.hop]
            given = {"audio": np.ascontiguousarray(part)}
        else:
            given = {"frames": np.array([size], np.int64)}
        drawn = {k: np.ascontiguousarray(v[:, at : at + size]) for k, v in noise.items()}
        audio, *new = run({**given, **controls, **drawn, **state})
        state = dict(zip(state, new, strict=True))
        pieces.append(audio)
    return np.concatenate(pieces, 2)


def _spread_controls(
    instrument: Instrument, generator: np.random.Generator
) -> dict[str, NDArray[np.float32]]:
    """Row 0 at the defaults, the next anywhere in the ranges, then a row for each of the
    instrument's `ends`; gates open, so that they sound."""
    controls = {}
    for control in instrument.controls:
        values = [control.default_array]
        for _ in range(SPREAD_ROWS - 1):
            values.append(control.from_unit(generator.random(control.size).astype(np.float32)))
        for end in instrument.ends:
            wanted = end.get(control.name)
            values.append(
                control.default_array
                if wanted is None
                else np.full(control.size, wanted, np.float32)
            )
        controls[control.name] = np.stack(values)
        if control.role == "gate":
            controls[control.name][:] = 1.0
    return controls
