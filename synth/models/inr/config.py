"""Shape of a coordinate network of sounds, and the presets."""

from __future__ import annotations

from dataclasses import dataclass

from synth.contract import ConfigError, require_one_of, require_within
from synth.models.inr.architectures import ARCHITECTURES, Architecture

METHODS = ("autodecoder", "autoencoder")
GROUPS = 8  # of a progressive gate, where the config doesn't say
WAVEGAN_LENGTH = 16_000
SHORTEST_ENCODED = 2_048  # samples; the encoder's pooling leaves nothing of much less


@dataclass(frozen=True)
class INRConfig:
    """Shape of an `INR`. Every field changes the model or how it is used.

    Args:
        architecture: kind of the decoder: "pi-gan" or a variant of it, "siren", "im-net" or
            "wavegan", see `ARCHITECTURES`.
        meta_architecture: where latents come from: "autodecoder" (descent, into a table) or
            "autoencoder" (an encoder).
        sample_rate: samples per second of the sounds, in Hz, 8000 … 48000.
        audio_length: samples of one sound, 256 … 480000; `wavegan` makes exactly 16000.
        num_latent: size of a latent, 1 … 4096.
        first_omega_0: frequency scale of the first layer, 0.001 … 1000000; `wavegan` and `im-net`
            have none.
        hidden_omega_0: frequency scale of the layers after the first, 0.001 … 1000000; `wavegan`
            and `im-net` have none.
        coord_multi: factor on the time that the network sees, 0.001 … 1000000.
        weight_norm: weight norm in every layer (`pi-gan` and `pi-gan_prog` always have it).
        num_groups: groups of units that `pi-gan_prog` lets in one after the other, up to its
            width; 0 is 8 there, and the only value elsewhere.
        width: width of the layers before the output, 1 … 4096, for architectures whose layers are
            of one width; 0 is the architecture's own.
        depth: number of the layers before the output, 1 … 64, for architectures whose layers are
            of one width; 0 is the architecture's own.
        branches: parallel networks that share each width evenly and whose outputs are added up,
            1 … 256.
        latent_init_std: standard deviation of the latents before training, 0 … 10.
        sounds: rows of the table of latents, 1 … 65536.
        names: one per sound, or none at all.
        keys: MIDI key of each sound, 0 … 127, -1 where it is unknown; as many, or none.

    Raises:
        ConfigError: a value is out of its range, or the architecture has no use for it.
    """

    architecture: str = "pi-gan"
    meta_architecture: str = "autodecoder"
    sample_rate: int = 16_000
    audio_length: int = 16_000
    num_latent: int = 256
    first_omega_0: float = 155.0
    hidden_omega_0: float = 390.0
    coord_multi: float = 1.0
    weight_norm: bool = False
    num_groups: int = 0
    width: int = 0
    depth: int = 0
    branches: int = 1
    latent_init_std: float = 0.001
    sounds: int = 1
    names: tuple[str, ...] = ()
    keys: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        require_one_of("architecture", self.architecture, list(ARCHITECTURES))
        require_one_of("meta_architecture", self.meta_architecture, METHODS)
        require_within("sample_rate", self.sample_rate, 8_000, 48_000)
        require_within("audio_length", self.audio_length, 256, 480_000)
        require_within("num_latent", self.num_latent, 1, 4096)
        for name in ("first_omega_0", "hidden_omega_0", "coord_multi"):
            require_within(name, getattr(self, name), 1e-3, 1e6)
        require_within("latent_init_std", self.latent_init_std, 0.0, 10.0)
        require_within("sounds", self.sounds, 1, 65_536)
        self._require_shape()
        self._require_labels()
        if self.meta_architecture == "autoencoder":
            require_within(
                "audio_length of an autoencoder", self.audio_length, SHORTEST_ENCODED, 480_000
            )

    @property
    def row(self) -> Architecture:
        """The architecture's row in the table."""
        return ARCHITECTURES[self.architecture]

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of the layers before the output, first layer first."""
        own = self.row.widths
        if not self.row.resizable:
            return own
        return (self.width or own[0],) * (self.depth or len(own))

    @property
    def groups(self) -> int:
        """Groups of the progressive gate; 0 where there is no gate."""
        return (self.num_groups or min(GROUPS, self._gated_units)) if self.row.gated else 0

    @property
    def audio_channels(self) -> int:
        """Always 1: mono."""
        return 1

    @property
    def _gated_units(self) -> int:
        return self.widths[0] // self.branches

    def _require_shape(self) -> None:
        require_within("width", self.width, 0, 4096)
        require_within("depth", self.depth, 0, 64)
        require_within("branches", self.branches, 1, 256)
        if not self.row.resizable and (self.width or self.depth):
            raise ConfigError(
                f"width is {self.width} and depth {self.depth}; {self.architecture} has its own"
                " shape, leave both at 0"
            )
        if not self.widths:
            self._require_grid()
        if any(width % self.branches for width in self.widths):
            raise ConfigError(
                f"branches is {self.branches}; the widths {self.widths} have to be multiples of it"
            )
        most = self._gated_units if self.row.gated else 0
        require_within(f"num_groups of {self.architecture}", self.num_groups, 0, most)

    def _require_grid(self) -> None:
        """A decoder without time as an input makes one fixed grid of samples."""
        require_within(
            f"audio_length of {self.architecture}",
            self.audio_length,
            WAVEGAN_LENGTH,
            WAVEGAN_LENGTH,
        )
        require_within(f"branches of {self.architecture}", self.branches, 1, 1)
        require_within(f"coord_multi of {self.architecture}", self.coord_multi, 1, 1)

    def _require_labels(self) -> None:
        for name, values in (("names", self.names), ("keys", self.keys)):
            if values and len(values) != self.sounds:
                raise ConfigError(
                    f"{len(values)} {name} are given; one per sound, that is {self.sounds}, or none"
                )
        for key in self.keys:
            if key != -1:
                require_within("each of keys (or -1)", key, 0, 127)


# `paper` is the PCINR of Zuiderveld et al. 2021.
PRESETS: dict[str, INRConfig] = {
    "paper": INRConfig(),
    "small": INRConfig(width=128, depth=5, first_omega_0=1000.0, hidden_omega_0=20.0),
}
