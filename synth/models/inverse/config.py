"""The settings of the networks between sounds and patches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from synth.contract import ConfigError, require_one_of, require_within
from synth.dsp.pqmf import MOST_BANDS
from synth.models.inverse.encoders import ENCODERS, OF_PICTURES
from synth.models.inverse.flow import NETWORKS
from synth.models.inverse.frontends import FRONTENDS
from synth.models.inverse.voices import VOICES

THIRD_VIEWS = ("", "sample", "multiresolution", "diagonal")


@dataclass(frozen=True)
class InverseConfig:
    """The networks between the sounds of a voice and its parameters.

    Args:
        sample_rate: Hz, of the sounds.
        audio_channels: channels of the sounds, 1.
        voice: name of the voice: "modular", "fm" or "drum".
        nebula: curves of the voice's parameters: the name of a nebula, or a JSON file.
        frontend: what sounds become before the encoder: "mel", "trained_mel", "log_stft", "multi",
            "pqmf" or "waveform", the sound itself.
        bands: number of the front end's bands; of "pqmf", 2 … 31.
        window: samples of a frame of the front end.
        hop: samples from one of its frames to the next.
        encoder: network between front end and embedding: "mobile" or "pretrained" for pictures;
            "sample", "multiresolution", "diagonal" or "joined" for the front end "waveform".
        dim: size of an embedding.
        widths: channels of the encoder's stages, or from its first block to its last.
        depths: blocks of each stage of "mobile".
        expansion: channels within a block of "mobile" over those outside.
        patch: pixels, in height and in width, that become one place of the first stage of
            "mobile".
        dilations: steps along the frequency of the filters in successive blocks of "mobile".
        waveform: encoder of a third view, the sound itself, in the stage "vicreg"; "": none.
        dropout: share of the hidden values of parameter encoder, head and the encoder "sample"
            that is left out while they learn.
        projection: widths of the layers of the projector.
        flow: the flow's network: "tokens", a transformer, or "plain", a perceptron.
        flow_width: its width.
        flow_depth: number of its blocks.
        flow_tokens: tokens that the transformer makes of the parameters.
        flow_heads: heads of its attention; they divide the width.

    The range of each number is in `RANGES`, that of the numbers of a list in `LISTS`.

    Raises:
        ConfigError: a value is out of its range, or values don't go together.
    """

    sample_rate: int = 44_100
    audio_channels: int = 1
    voice: str = "modular"
    nebula: str = "default"
    frontend: str = "mel"
    bands: int = 128
    window: int = 2_048
    hop: int = 1_024
    encoder: str = "mobile"
    dim: int = 256
    widths: tuple[int, ...] = (32, 64, 128, 256)
    depths: tuple[int, ...] = (0, 1, 2, 1)
    expansion: int = 2
    patch: int = 4
    dilations: tuple[int, ...] = (1,)
    waveform: str = ""
    dropout: float = 0.1
    projection: tuple[int, ...] = (1_024, 1_024)
    flow: str = "tokens"
    flow_width: int = 128
    flow_depth: int = 4
    flow_tokens: int = 16
    flow_heads: int = 4

    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        "sample_rate": (8_000, 192_000),
        "audio_channels": (1, 1),
        "bands": (2, 2_048),
        "window": (64, 65_536),
        "hop": (16, 65_536),
        "dim": (4, 8_192),
        "expansion": (1, 16),
        "patch": (1, 64),
        "dropout": (0.0, 0.9),
        "flow_width": (4, 4_096),
        "flow_depth": (1, 64),
        "flow_tokens": (1, 1_024),
        "flow_heads": (1, 64),
    }
    LISTS: ClassVar[Mapping[str, tuple[int, int]]] = {
        "widths": (1, 8_192),
        "depths": (0, 64),
        "dilations": (1, 64),
        "projection": (1, 65_536),
    }

    def __post_init__(self) -> None:
        for name, (low, high) in self.RANGES.items():
            require_within(name, getattr(self, name), low, high)
        for name, (least, most) in self.LISTS.items():
            numbers = getattr(self, name)
            if not numbers:
                raise ConfigError(f"{name} is empty; give at least one number")
            for number in numbers:
                require_within(name, number, least, most)
        require_one_of("voice", self.voice, tuple(VOICES))
        require_one_of("frontend", self.frontend, FRONTENDS)
        require_one_of("encoder", self.encoder, ENCODERS)
        require_one_of("waveform", self.waveform, THIRD_VIEWS)
        require_one_of("flow", self.flow, NETWORKS)
        if (self.frontend == "waveform") == (self.encoder in OF_PICTURES):
            raise ConfigError(
                f"encoder is {self.encoder!r}, which doesn't go with frontend {self.frontend!r};"
                f" {' and '.join(OF_PICTURES)} take pictures, the others the frontend waveform"
            )
        if self.frontend == "pqmf":
            require_within("bands of the frontend pqmf", self.bands, 2, MOST_BANDS)
        if self.flow_width % self.flow_heads:
            raise ConfigError(
                f"flow_heads is {self.flow_heads}; it has to divide flow_width, {self.flow_width}"
            )


PRESETS: dict[str, InverseConfig] = {
    "tiny": InverseConfig(
        bands=32, hop=4_096, dim=32, widths=(16, 32), depths=(1, 1), projection=(64, 64),
        flow_width=32, flow_depth=1, flow_tokens=4,
    ),
    "live": InverseConfig(),
    "full": InverseConfig(
        dim=512, widths=(64, 128, 256, 512), depths=(2, 3, 6, 2), waveform="sample",
        projection=(4_096, 4_096, 4_096), flow_width=256, flow_depth=8, flow_tokens=64,
    ),
}  # fmt: skip
