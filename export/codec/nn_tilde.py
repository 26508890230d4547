"""The codec as a module that nn~ for Max and Pure Data can load, scripted.

nn~ hands a module blocks of a power of two of samples and nothing else, so state, buffering and
settings live inside. Latents travel as signals in which every value is held for `ratio` samples,
`ratio` being the largest power of two that divides the hop; with a hop of `repeats * ratio`, a
frame is held for `repeats` values. What arrives faster than a hop waits in a queue that begins
with `hop - ratio` samples of silence, which is the latency (none where the hop is a power of two).
`decode` takes the last of every `repeats` values, so it meets each frame once wherever it starts.
"""

# The scripting compiler needs annotations that are types, so no `from __future__` import here.
import copy
from typing import Any

import torch
from torch import Tensor, nn

from export.torchscript.archive import script, traced
from export.torchscript.nn_module import BOOL, accessors, axis_labels, ramp, type_id
from synth.contract import Control
from synth.models.codec import Codec, CodecConfig
from synth.models.latent_axes import MAX_AXES, LatentAxes
from synth.nn import State, StreamingConvTranspose1d, StreamingLayer
from synth.nn.convolution import fold_weight_norm

BEYOND = (-1e6, 1e6)  # outside the range of the data the sound is new, and that is allowed


def nn_controls(config: CodecConfig, axes: LatentAxes) -> tuple[Control, ...]:
    """The settings of the module, which act on what is decoded.

    Args:
        config: of the codec.
        axes: of its latents; the first eight can be moved.
    """
    moved = [
        Control(
            f"axis_{i + 1}",
            minimum=(low,),
            maximum=(high,),
            description=f"offset along latent axis {i + 1}, in latent units",
        )
        for i, (low, high) in enumerate(axes.first(MAX_AXES).ranges())
    ]
    return (
        Control(
            "levels",
            maximum=(float(config.levels),),
            curve="integer",
            description="quantiser levels; 0 leaves the latent continuous, 1 is the coarsest",
        ),
        Control(
            "scale",
            maximum=(3.0,),
            default=(1.0,),
            description="excursion along the axes that have an offset; 0 flattens, above 1 widens",
        ),
        Control(
            "gain_db", minimum=(-60.0,), maximum=(24.0,), unit="dB", description="output level"
        ),
        Control(
            "mix", maximum=(1.0,), default=(1.0,), description="0 is the dry input, 1 the output"
        ),
        *moved,
    )


class _Packed(nn.Module):
    """A streaming layer whose state is one tensor `[batch, 1, size]`, which a script can carry."""

    def __init__(self, layer: StreamingLayer) -> None:
        super().__init__()
        self.layer = layer
        state = layer.init_state(1)
        self.shapes = {name: (value.shape[1], value.shape[2]) for name, value in state.items()}
        self.size = sum(channels * length for channels, length in self.shapes.values())

    def forward(self, x: Tensor, packed: Tensor) -> tuple[Tensor, Tensor]:
        state: State = {}
        at = 0
        for name, (channels, length) in self.shapes.items():
            part = packed[:, 0, at : at + channels * length]
            state[name] = part.reshape(x.shape[0], channels, length)
            at += channels * length
        y, new = self.layer.step(x, state)
        rows = [new[name].reshape(x.shape[0], 1, -1) for name in self.shapes]
        return y, torch.cat([packed[:, :, :0], *rows], dim=2)


class _Quantise(nn.Module):
    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self.bottleneck = codec.bottleneck

    def forward(self, x: Tensor, levels: Tensor) -> Tensor:
        return self.bottleneck.quantise(x, levels)


class NnTilde(nn.Module):
    """The module that is scripted: `encode`, `decode` and `forward`, each with a state of its own.

    Args:
        codec: trained; a copy of it is folded.
        axes: all axes of its latents, which are the coordinates of the latent signals.
        latent_size: how many axes go out of `encode` and into `decode`; those left out are taken
            at their mean, only `forward` keeps them.
    """

    mean: Tensor
    axes: Tensor
    offset: Tensor
    encode_state: list[Tensor]
    decode_state: list[Tensor]
    forward_state: list[Tensor]

    def __init__(self, codec: Codec, axes: LatentAxes, latent_size: int) -> None:
        super().__init__()
        config = codec.config
        codec = _lightened(codec)
        channels, dim = config.audio_channels, config.latent_dim
        self.hop, self.channels = config.hop, channels
        self.ratio = config.hop & -config.hop
        self.repeats = config.hop // self.ratio
        self.sr, self.latent_size, self.full_latent_size = config.sample_rate, latent_size, dim
        self.most_levels = config.levels
        self._register_parts(codec, axes)
        for method, parameters in {
            "encode": [channels, 1, latent_size, self.ratio],
            "decode": [latent_size, self.ratio, channels, 1],
            "forward": [channels, 1, channels, 1],
        }.items():
            self.register_buffer(f"{method}_params", torch.tensor(parameters))
        self.encode_state, self.decode_state, self.forward_state = [], [], []
        self._register_settings(nn_controls(config, axes))
        audio, latents = _audio_labels(channels), axis_labels(axes.first(latent_size).ranges())
        self.encode_input_labels, self.encode_output_labels = audio, latents
        self.decode_input_labels, self.decode_output_labels = latents, audio
        self.forward_input_labels, self.forward_output_labels = audio, audio

    def _register_parts(self, codec: Codec, axes: LatentAxes) -> None:
        hop, dim = self.hop, self.full_latent_size
        encoder, decoder = _Packed(codec.encoder), _Packed(codec.decoder)
        audio = torch.zeros(2, self.channels, 2 * hop)
        self.encoder = traced(encoder, audio, torch.zeros(2, 1, encoder.size))
        self.decoder = traced(decoder, torch.zeros(2, dim, 2), torch.zeros(2, 1, decoder.size))
        self.quantiser = traced(_Quantise(codec), torch.zeros(2, dim, 2), torch.ones(2, 1))
        self.register_buffer("mean", axes.mean[:, None].clone())
        self.register_buffer("axes", axes.rows.clone())
        audio_queue = (self.channels, hop - self.ratio)
        self.encode_shapes = [(self.channels, 0), (1, encoder.size), (dim, self.repeats - 1)]
        self.decode_shapes = [(self.latent_size, 0), (1, decoder.size), audio_queue]
        self.forward_shapes = [(self.channels, 0), (1, encoder.size), (1, decoder.size)]
        self.forward_shapes += [audio_queue, audio_queue]

    def _register_settings(self, controls: tuple[Control, ...]) -> None:
        moved = [c.name for c in controls if c.name.startswith("axis_")]
        self.levels, self.scale, self.gain_db, self.reset = 0, 1.0, 0.0, False
        self.mix, self.movable = 1.0, len(moved)
        # What the last block ended with, so that the next can start from there.
        self.decode_gain, self.forward_gain, self.forward_mix = 1.0, 1.0, 1.0
        self.register_buffer("offset", torch.zeros(len(moved), 1))
        self.attributes = [*(c.name for c in controls), "reset"]
        types = {c.name: type_id(c) for c in controls} | {"reset": BOOL}
        for name, kind in types.items():
            self.register_buffer(f"{name}_params", torch.tensor([kind]))
        for name in moved:
            setattr(self, name, 0.0)

    @torch.jit.export
    def get_methods(self) -> list[str]:
        return ["encode", "decode", "forward"]

    @torch.jit.export
    def get_attributes(self) -> list[str]:
        return self.attributes

    def forward(self, x: Tensor) -> Tensor:
        """Audio `[batch, channels, n]` to audio of the same shape."""
        state = self._ready(self.forward_state, self.forward_shapes, x, self.channels)
        pending = torch.cat([state[0], x], dim=2)
        encoder, decoder, queue = state[1], state[2], state[3]
        dry = torch.cat([state[4], x], dim=2)
        whole = pending.size(2) // self.hop * self.hop
        if whole > 0:
            z, encoder = self.encoder(pending[:, :, :whole], encoder)
            y, decoder = self.decoder(self._moved(self._along(z)), decoder)
            queue = torch.cat([queue, y], dim=2)
        n = x.size(2)
        left = [pending[:, :, whole:], encoder, decoder, queue[:, :, n:], dry[:, :, n:]]
        self.forward_state = left
        y, dry, gain = queue[:, :, :n], dry[:, :, :n], self._gain()
        if self.mix < 1.0 or self.forward_mix < 1.0:
            y = dry + ramp(y - dry, self.forward_mix, self.mix)
        y = ramp(y, self.forward_gain, gain)
        self.forward_gain, self.forward_mix = gain, self.mix
        return y

    @torch.jit.export
    def encode(self, x: Tensor) -> Tensor:
        """Audio `[batch, channels, n * ratio]` to held latents `[batch, latent_size, n]`."""
        if x.size(2) % self.ratio != 0:
            raise ValueError("encode: the block must be a multiple of the ratio")
        state = self._ready(self.encode_state, self.encode_shapes, x, self.channels)
        pending = torch.cat([state[0], x], dim=2)
        encoder, queue = state[1], state[2]
        whole = pending.size(2) // self.hop * self.hop
        if whole > 0:
            z, encoder = self.encoder(pending[:, :, :whole], encoder)
            held = self._along(z).repeat_interleave(self.repeats, dim=2)
            queue = torch.cat([queue, held], dim=2)
        n = x.size(2) // self.ratio
        self.encode_state = [pending[:, :, whole:], encoder, queue[:, :, n:]]
        return queue[:, : self.latent_size, :n].contiguous()

    @torch.jit.export
    def decode(self, x: Tensor) -> Tensor:
        """Held latents `[batch, latent_size, n]` to audio `[batch, channels, n * ratio]`."""
        state = self._ready(self.decode_state, self.decode_shapes, x, self.latent_size)
        pending = torch.cat([state[0], x], dim=2)
        decoder, queue = state[1], state[2]
        whole = pending.size(2) // self.repeats * self.repeats
        if whole > 0:
            z = pending[:, :, self.repeats - 1 : whole : self.repeats]
            missing = self.full_latent_size - self.latent_size
            if missing > 0:
                z = torch.cat([z, z.new_zeros([z.size(0), missing, z.size(2)])], dim=1)
            y, decoder = self.decoder(self._moved(z), decoder)
            queue = torch.cat([queue, y], dim=2)
        n = x.size(2) * self.ratio
        self.decode_state = [pending[:, :, whole:], decoder, queue[:, :, n:]]
        gain = self._gain()
        y = ramp(queue[:, :, :n], self.decode_gain, gain)
        self.decode_gain = gain
        return y

    def _ready(
        self, state: list[Tensor], shapes: list[tuple[int, int]], x: Tensor, channels: int
    ) -> list[Tensor]:
        """The state, or silence where the number of rows or the device is new."""
        if x.dim() != 3 or x.size(1) != channels:
            raise ValueError("the input must be [batch, channels, samples] with all channels")
        if len(state) > 0 and state[0].size(0) == x.size(0) and state[0].device == x.device:
            return state
        return [torch.zeros([x.size(0), c, n], device=x.device) for c, n in shapes]

    def _along(self, z: Tensor) -> Tensor:
        return torch.matmul(self.axes, z - self.mean)

    def _moved(self, along: Tensor) -> Tensor:
        """From coordinates along the axes to the latent, scaled, offset and quantised."""
        head = along[:, : self.movable] * self.scale + self.offset
        z = torch.matmul(self.axes.t(), torch.cat([head, along[:, self.movable :]], 1)) + self.mean
        if self.levels > 0:
            levels = torch.full([z.size(0), 1], float(self.levels), device=z.device)
            z = self.quantiser(z, levels)
        return z

    def _gain(self) -> float:
        return float(10.0 ** (self.gain_db / 20.0))

    @torch.jit.export
    def get_reset(self) -> tuple[bool]:
        return (False,)

    @torch.jit.export
    def set_reset(self, value: bool) -> int:
        """Forget all sound so far."""
        if value:
            self.encode_state.clear()
            self.decode_state.clear()
            self.forward_state.clear()
            self.decode_gain = self._gain()
            self.forward_gain = self._gain()
            self.forward_mix = self.mix
        return 0


def script_nn_tilde(codec: Codec, axes: LatentAxes, latent_size: int) -> Any:
    """The codec as a `torch.jit.ScriptModule` that satisfies the contract of nn~.

    Args:
        codec, axes, latent_size: as of `NnTilde`.
    """
    scripted = script(NnTilde(codec, axes, latent_size))
    for control in nn_controls(codec.config, axes):
        scripted.define(_accessors(control))
    return scripted


def _accessors(control: Control) -> str:
    """`get_` and `set_` of one setting."""
    take = [f"self.{control.name} = value"]
    if not control.name.startswith("axis_"):
        return accessors(control, f"self.{control.name}", take)
    take.append(f"self.offset[{int(control.name[5:]) - 1}, 0] = value")
    return accessors(control, f"self.{control.name}", take, BEYOND)


def _lightened(codec: Codec) -> Codec:
    """A copy that only plays: weights folded, and what only training needs left empty."""
    codec = copy.deepcopy(codec).eval().requires_grad_(False)
    fold_weight_norm(codec)
    for part in codec.modules():
        if isinstance(part, StreamingConvTranspose1d):
            part.conv.weight = nn.Parameter(torch.empty(0), requires_grad=False)
    codec.bottleneck.sums, codec.bottleneck.counts = torch.empty(0), torch.empty(0)
    return codec


def _audio_labels(channels: int) -> list[str]:
    return [f"(signal) audio {i + 1}" for i in range(channels)]
