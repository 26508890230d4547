"""The coordinate instrument as TorchScript: one file for nn~, and for hosts that play notes.

- `forward` is what nn~ calls: signals in (a position and the latent's axes), audio out. Max or Pure
  Data drive time themselves, with a phasor, a line, or anything else that is a signal.
- `step` is the step of the instrument: controls and state in, audio and state out.
"""

# The scripting compiler needs annotations that are types, so no `from __future__` import here.
import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from export.manifest import state_name
from export.parity import Run, largest_difference, require_parity
from export.threads import one_thread
from export.torchscript.archive import archive, load, script, traced
from export.torchscript.nn_module import BOOL, INT, accessors, axis_labels, ramp, type_id
from synth.contract import Control, Manifest
from synth.models.inr.live.instrument import LATENT_AT, SHAPE, INRInstrument
from synth.models.inr.live.playhead import fixed
from synth.models.instrument import Instrument, number

CHUNK = 64  # samples over which nn~'s latent moves from one value to the next


def export_script(instrument: INRInstrument, manifest: Manifest) -> tuple[bytes, Manifest]:
    """Script an instrument, compare the re-loaded file with it, and embed the manifest.

    Args:
        instrument: in eval mode; it is not changed.
        manifest: as `export.manifest.describe` makes it.

    Returns:
        the bytes of the `.ts` file and the manifest in it; `provenance["parity"]` is the largest
        difference of `step`, in blocks of several sizes, to the instrument in one block.

    Raises:
        ModelFileError: the file plays something else (parity above 1e-4).
    """
    scripted = _script(instrument)
    module = load(io.BytesIO(archive(scripted, manifest)))
    with one_thread():
        difference = largest_difference(instrument, stepper(module, instrument))
    require_parity(difference, "TorchScript file")
    manifest = replace(manifest, provenance={**manifest.provenance, "parity": difference})
    return archive(scripted, manifest), manifest


def stepper(module: Any, instrument: Instrument) -> Run:
    """A re-loaded file's `step` as `export.parity.largest_difference` calls it.

    Args:
        module: as `export.torchscript.archive.load` opens it.
        instrument: that was exported.
    """
    names = [state_name(key) for key in instrument.init_state(1)]

    def run(given: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        tensors = {key: torch.from_numpy(np.ascontiguousarray(v)) for key, v in given.items()}
        controls = torch.cat([tensors[c.name] for c in instrument.controls], 1)
        with torch.inference_mode():
            made = module.step(tensors["frames"], controls, *(tensors[name] for name in names))
        return [tensor.numpy() for tensor in made]

    return run


class _Step(nn.Module):
    """The step with its controls joined: the same few tensors for every instrument."""

    def __init__(self, instrument: INRInstrument) -> None:
        super().__init__()
        self.instrument = instrument

    def forward(
        self, frames: Tensor, controls: Tensor, places: Tensor, numbers: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        sizes = [c.size for c in self.instrument.controls]
        parts = torch.split(controls, sizes, 1)
        given = {c.name: part for c, part in zip(self.instrument.controls, parts, strict=True)}
        state = {"places": places, "numbers": numbers}
        audio, new = self.instrument.step(frames, given, state)
        return audio, new["places"], new["numbers"]


class _Read(nn.Module):
    """The sounds at positions 0 … 1 `[rows, points]`, each row of a shape of its own."""

    def __init__(self, instrument: INRInstrument) -> None:
        super().__init__()
        self.instrument = instrument

    def forward(self, position: Tensor, shape: Tensor) -> Tensor:
        place = fixed(position.double().clamp(0.0, 1.0) * self.instrument.length)
        return self.instrument.reader.read(self.instrument.latent(shape), place)


def settings(instrument: INRInstrument) -> tuple[Control, ...]:
    """The attributes of `forward`: those controls that say which sound is read, and a level.

    Args:
        instrument: that is exported.
    """
    kept = ("key", "sound", "morph", "morph_sound")
    return (
        *(c for c in instrument.controls if c.name in kept),
        number("gain_db", -60, 24, 0, "output level", unit="dB"),
    )


class INRScript(nn.Module):
    """The module that is scripted: `forward` for nn~, `step` for hosts that play notes.

    Args:
        instrument: in eval mode; it is not changed.
    """

    held: list[Tensor]
    values: Tensor

    def __init__(self, instrument: INRInstrument) -> None:
        super().__init__()
        self.sr, self.axes, self.chunk = instrument.sample_rate, len(instrument.axes_rows), CHUNK
        self.stepper = _traced_step(instrument)
        columns = LATENT_AT + self.axes
        example = torch.rand(2, 3), torch.zeros(2, columns)
        self.reader = traced(_Read(instrument), *example)
        self.register_buffer("forward_params", torch.tensor([1 + self.axes, 1, 1, 1]))
        self.forward_input_labels = ["(signal) position in the sound, 0 to 1", *_axes(instrument)]
        self.forward_output_labels = ["(signal) audio"]
        self.gain, self.held, self.reset = 1.0, [], False
        controls = settings(instrument)
        self.register_buffer("values", torch.tensor([c.default[0] for c in controls]))
        self.columns = [SHAPE.index(c.name) for c in controls if c.name in SHAPE]
        self.fixed_columns = LATENT_AT
        self.attributes = [*(c.name for c in controls), "reset"]
        types = {c.name: type_id(c) for c in controls} | {"reset": BOOL}
        for name, kind in types.items():
            self.register_buffer(f"{name}_params", torch.tensor([kind]))

    @torch.jit.export
    def get_methods(self) -> list[str]:
        return ["forward"]

    @torch.jit.export
    def get_attributes(self) -> list[str]:
        return self.attributes

    @torch.jit.export
    def step(
        self, frames: Tensor, controls: Tensor, places: Tensor, numbers: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Make hops of audio.

        Args:
            frames: number of hops, int64 `[1]`.
            controls: all of the manifest, joined in its order, `[voices, size]`.
            places, numbers: the state of the manifest, int64 and float32, zeros for a new voice.

        Returns:
            audio `[voices, 1, frames * hop]`, then the next state.
        """
        audio, places, numbers = self.stepper(frames, controls, places, numbers)
        return audio, places, numbers

    def forward(self, x: Tensor) -> Tensor:
        """Position and axes `[batch, 1 + axes, n]` to audio `[batch, 1, n]`."""
        if x.dim() != 3 or x.size(1) != 1 + self.axes:
            raise ValueError("the input must be [batch, 1 + axes, samples] with all axes")
        batch, n = x.size(0), x.size(2)
        chunk = self.chunk if n % self.chunk == 0 else n
        chunks = n // chunk
        latent = x[:, 1:, chunk - 1 :: chunk].transpose(1, 2)
        chosen = torch.zeros(batch, chunks, self.fixed_columns, device=x.device)
        for i, column in enumerate(self.columns):
            chosen[:, :, column] = self.values[i]
        shape = torch.cat([chosen, latent], 2)
        if len(self.held) == 0 or self.held[0].size(0) != batch:
            self.held = [shape[:, :1]]
        before = torch.cat([self.held[0], shape[:, :-1]], 1).flatten(0, 1)
        self.held = [shape[:, -1:]]
        shape = shape.flatten(0, 1)
        position = x[:, 0].reshape(batch * chunks, chunk)
        y = self.reader(position, shape)
        if bool((before != shape).any()):
            share = torch.arange(1, chunk + 1, device=x.device) / chunk
            old = self.reader(position, before)
            y = old + share * (y - old)
        return self._levelled(y.reshape(batch, 1, n))

    def _level(self) -> float:
        return float(10.0 ** (self.values[-1].item() / 20.0))

    def _levelled(self, y: Tensor) -> Tensor:
        before, now = self.gain, self._level()
        self.gain = now
        return ramp(y, before, now)

    @torch.jit.export
    def get_reset(self) -> tuple[bool]:
        return (False,)

    @torch.jit.export
    def set_reset(self, value: bool) -> int:
        """The next block starts from its own latent and level, without a fade."""
        if value:
            self.held.clear()
            self.gain = self._level()
        return 0


def _script(instrument: INRInstrument) -> Any:
    scripted = script(INRScript(instrument))
    for at, control in enumerate(settings(instrument)):
        kind = "int" if type_id(control) == INT else "float"
        get = f"{kind}(self.values[{at}].item())"
        scripted.define(accessors(control, get, [f"self.values[{at}] = float(value)"]))
    return scripted


def _traced_step(instrument: INRInstrument) -> Any:
    rows, part = 2, _Step(instrument)
    controls = [torch.tensor([c.default]).repeat(rows, 1) for c in instrument.controls]
    state = instrument.init_state(rows)
    return traced(part, torch.tensor([3]), torch.cat(controls, 1), *state.values())


def _axes(instrument: INRInstrument) -> list[str]:
    control = next((c for c in instrument.controls if c.role == "latent"), None)
    return axis_labels(list(zip(control.minimum, control.maximum, strict=True))) if control else []
