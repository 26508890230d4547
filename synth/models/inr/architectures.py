"""The architectures of the decoder, in one table."""

from __future__ import annotations

from dataclasses import dataclass

MAPPING_WIDTH = 256  # of every mapping network's hidden layers


@dataclass(frozen=True)
class Architecture:
    """One row of the table: a coordinate network and how a latent conditions it.

    Attributes:
        widths: of the layers before the output, first layer first; empty where time is no input.
        first, hidden, last: activations of the first layer, the ones after it and the output.
        film: the latent modulates every layer's phase by one shared pair (gamma, beta); otherwise
            it is joined to the inputs of the first layer.
        mapping: depth of the mapping network, None where the latent is used as it is.
        joined: at which further layers latent and time join the inputs: "none", "middle" or "all".
        weight_norm: always there, whatever the config says.
        gated: units of the first layer have frequencies of their own, and their gates open one
            group after the other.
        omegas: whether `first_omega_0` and `hidden_omega_0` scale the layers; 1 otherwise.
        weight_init, bias_init: of all layers; None chooses by their activations.
    """

    widths: tuple[int, ...] = (256,) * 8
    first: str = "sine"
    hidden: str = "sine"
    last: str = "none"
    film: bool = True
    mapping: int | None = 3
    joined: str = "none"
    weight_norm: bool = False
    gated: bool = False
    omegas: bool = True
    weight_init: str | None = None
    bias_init: str | None = None

    @property
    def resizable(self) -> bool:
        """Whether width and depth may be chosen: only where all layers have one width."""
        return len(set(self.widths)) == 1


# `pi-gan` and its variants are the PCINRs of Zuiderveld et al. 2021 (arXiv 2111.08462), `im-net`
# follows Chen and Zhang 2019, `wavegan` is the generator of Donahue et al. 2019 as a decoder. A
# plain `siren` (Sitzmann et al. 2020) takes the latent as further coordinates of its first layer,
# which is the same as a shift of that layer's phases; nothing else of it changes.
ARCHITECTURES: dict[str, Architecture] = {
    "wavegan": Architecture(widths=(), film=False, mapping=None, omegas=False),
    "im-net": Architecture(
        widths=(1024, 512, 256, 128, 64),
        first="relu",
        hidden="relu",
        last="tanh",
        film=False,
        mapping=None,
        joined="all",
        omegas=False,
        weight_init="basic",
        bias_init="zero",
    ),
    "pi-gan": Architecture(weight_norm=True),
    "pi-gan_prog": Architecture(weight_norm=True, gated=True),
    "pi-gan_sine_first": Architecture(hidden="relu"),
    "pi-gan_sine_last": Architecture(first="relu", hidden="relu", last="sine"),
    "pi-gan_relu": Architecture(first="relu", hidden="relu"),
    "pi-gan_concat_middle": Architecture(film=False, joined="middle"),
    "pi-gan_concat_all": Architecture(film=False, joined="all"),
    "pi-gan_min_mapping": Architecture(mapping=0),
    "pi-gan_five_mapping": Architecture(mapping=5),
    "pi-gan_shrinking": Architecture(widths=(1024, 512, 256, 128)),
    "pi-gan_deep": Architecture(widths=(210,) * 12),
    "pi-gan_wide": Architecture(widths=(365,) * 4),
    "siren": Architecture(widths=(256,) * 3, film=False, mapping=None),
}
