"""CDPAM, a perceptual distance of two sounds, learned from the judgements of listeners.

Manocha, Jin, Zhang and Finkelstein 2021, "CDPAM: Contrastive learning for perceptual audio
similarity" (arXiv 2102.05109). An encoder of 16 convolutions turns a sound, at 22.05 kHz and the
scale of 16-bit integers, into a vector; its first half, scaled to unit length, stands for
acoustics; the distance is a learned, weighted sum of differences in four layers above it.

The network is ours, the weights are the authors': `cdpam_weights` finds and reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from synth.contract import ModelFileError
from training.measures.cdpam_weights import installed_weights
from training.measures.resampling import resample

RATE = 22_050
FULL_SCALE = 32_768.0
LAYERS, KERNEL, FIRST_CHANNELS = 16, 15, 64
DECIMATE_EVERY = 4  # the last of so many layers doubles the channels and halves the rate
ENCODER_SLOPE, HEAD_SLOPE = 0.1, 0.01
ACOUSTIC = 512
HEAD = (256, 64, 16, 4)
NORM_EPSILON = 1e-5  # of batch norm


class CDPAM(nn.Module):
    """The distance of two sounds.

    The statistics of batch norm are fixed, so it is folded into the convolution before it, and a
    layer of which every other value is kept computes only those. That is the same function with a
    fifth less work: 80 GMAC for a second of sound.

    Args:
        weights: state dictionary of the published model, of which encoder and distance are used.

    Raises:
        ModelFileError: a tensor is missing or of another shape.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(_encoder_layer(weights, n) for n in range(LAYERS))
        self.head = nn.ModuleList()
        size = ACOUSTIC
        for n, wider in enumerate(HEAD):
            layer = nn.Linear(size, wider)
            name = f"model_dist.convs.{n}.0"
            layer.weight.data = _take(weights, f"{name}.weight", (wider, size))
            layer.bias.data = _take(weights, f"{name}.bias", (wider,))
            self.head.append(layer)
            importance = _take(weights, f"model_dist.chan_w.{n}", (wider,))
            self.register_buffer(f"importance_{n}", importance)
            size = wider
        self.requires_grad_(False).eval()

    @staticmethod
    def installed() -> CDPAM:
        """The distance with the weights of the installed package `cdpam`.

        Raises:
            ConfigError: the package is not installed.
            ModelFileError: its weights are not the known ones.
        """
        return CDPAM(installed_weights())

    def embed(self, audio: Tensor) -> Tensor:
        """Vectors of the acoustics of sounds.

        Args:
            audio: `[batch, samples]` at 22.05 kHz, full scale ±32768.

        Returns:
            `[batch, 512]`, each row of unit length.
        """
        x = audio[:, None]
        for layer in self.encoder:
            x = nn.functional.leaky_relu(layer(x), ENCODER_SLOPE, inplace=True)
        return nn.functional.normalize(x.mean(-1)[:, :ACOUSTIC], dim=1)

    def between(self, first: Tensor, second: Tensor) -> Tensor:
        """Distances `[batch]`, at least 0, of two batches of vectors from `embed`."""
        total = first.new_zeros(first.shape[0])
        for n, layer in enumerate(self.head):
            first, second = layer(first), layer(second)
            if n < len(HEAD) - 1:
                first = nn.functional.leaky_relu(first, HEAD_SLOPE)
                second = nn.functional.leaky_relu(second, HEAD_SLOPE)
            importance = cast(Tensor, getattr(self, f"importance_{n}"))
            total = total + ((first - second) * importance).abs().sum(1)
        return total

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Distances `[batch]` of two batches `[batch, samples]` of sounds as `embed` takes them."""
        return self.between(self.embed(first), self.embed(second))


class CDPAMLoss(nn.Module):
    """CDPAM of sounds at any rate and full scale ±1, as the mean over the batch.

    Where the points are every k-th sample, both sounds are judged as a listener would hear those
    points: decimated without a low-pass, and so folded alike.

    Args:
        metric: the distance at 22.05 kHz and the scale of integers.
        seconds: that the points of a sound are spread over, more than 0.

    Shape: two `[batch, points]`, full scale ±1, to a scalar. The second one gets no gradient.
    """

    def __init__(self, metric: CDPAM, seconds: float) -> None:
        super().__init__()
        self.metric = metric
        self.samples = max(round(RATE * seconds), 1)

    @staticmethod
    def installed(seconds: float) -> CDPAMLoss:
        """The loss with the weights of the installed package; raises as `CDPAM.installed` does.

        Args:
            seconds: that the points of a sound are spread over.
        """
        return CDPAMLoss(CDPAM.installed(), seconds)

    def embed(self, audio: Tensor) -> Tensor:
        """Vectors `[batch, 512]` of sounds `[batch, points]`, full scale ±1."""
        dtype = next(self.metric.parameters()).dtype
        with torch.autocast(audio.device.type, enabled=False):
            return self.metric.embed(FULL_SCALE * resample(audio.to(dtype), self.samples))

    def between(self, made: Tensor, meant: Tensor) -> Tensor:
        """Distances `[batch]` of two batches of vectors from `embed`."""
        return self.metric.between(made, meant)

    def forward(self, made: Tensor, meant: Tensor) -> Tensor:
        with torch.no_grad():
            goal = self.embed(meant)
        return self.between(self.embed(made), goal).mean()


def channels(layer: int) -> tuple[int, int]:
    """Input and output channels of the encoder's layer of this number, 0 … 15."""
    first = FIRST_CHANNELS << (layer // DECIMATE_EVERY)
    doubles = (layer + 1) % DECIMATE_EVERY == 0
    return (1 if layer == 0 else first), (2 * first if doubles else first)


def _encoder_layer(weights: Mapping[str, Tensor], n: int) -> nn.Conv1d:
    """Convolution and batch norm as one: with s = γ/√(v + ε), w' = s w and b' = s (b - m) + β."""
    into, out = channels(n)
    stride = 2 if (n + 1) % DECIMATE_EVERY == 0 else 1
    layer = nn.Conv1d(into, out, KERNEL, stride=stride, padding=KERNEL // 2)
    name = f"base_encoder.encoder.{n}"
    weight = _take(weights, f"{name}.weight", (out, into, KERNEL)).double()
    bias = _take(weights, f"{name}.bias", (out,)).double()
    norm = f"base_encoder.ebatch.{n}"
    gain = _take(weights, f"{norm}.weight", (out,)).double()
    mean = _take(weights, f"{norm}.running_mean", (out,)).double()
    variance = _take(weights, f"{norm}.running_var", (out,)).double()
    scale = gain / (variance + NORM_EPSILON).sqrt()
    layer.weight.data = (scale[:, None, None] * weight).float()
    offset = _take(weights, f"{norm}.bias", (out,)).double()
    layer.bias = nn.Parameter((scale * (bias - mean) + offset).float())
    return layer


def _take(weights: Mapping[str, Tensor], name: str, shape: tuple[int, ...]) -> Tensor:
    tensor = weights.get(name)
    if tensor is None or tuple(tensor.shape) != shape:
        came = "nothing" if tensor is None else str(tuple(tensor.shape))
        raise ModelFileError(f"CDPAM's {name} needs shape {shape}, got {came}; cdpam 0.0.6 fits")
    return tensor.float()
