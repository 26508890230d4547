"""A trained SampleRNN becomes an instrument file: ONNX, in fp32 or int8."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch

from export.manifest import describe
from export.onnx.instrument_graph import make_session, with_manifest
from export.parity import PARITY_LIMIT
from export.samplernn.live_graph import live_graph
from export.samplernn.prime_bank import (
    Material,
    build_primes,
    even_places,
    excerpts,
    hear,
    read_material,
)
from export.samplernn.proof import PROOF_HOPS, Proof, proof
from export.samplernn.tuning_range import find_tuning
from synth.contract import Manifest, ModelFileError, find_audio
from synth.models.package import Package
from synth.models.samplernn import SampleRNN
from synth.models.samplernn.instrument import SampleRNNInstrument
from synth.models.samplernn.live import bits_per_sample, make_int8

INT8_LIMIT = 0.05  # of a state: a step of a rounded number may fall to the other side
FLIPPED = 0.25  # of the hops that may part at a border
JUDGED_S, JUDGED_ROWS = 0.5, 8
HELD_OUT = 0.9  # from where on training holds one recording out


def generator_onnx(
    package: Package, name: str, options: Mapping[str, Any], on_notice: Callable[[str], None]
) -> tuple[bytes, Manifest]:
    """The ONNX file of a SampleRNN that plays notes, and the manifest in it.

    Args:
        package: of the family samplernn.
        name: of the instrument.
        options: `sounds`, recordings that notes start from; `max_seconds` of each; `weights`,
            "fp32" or "int8".
        on_notice: called with a sentence for each recording that is left out.

    Raises:
        DataError: the recordings can't be used.
        ModelFileError: the file plays something else.
    """
    files = find_audio(options["sounds"])
    model = cast(SampleRNN, package.model)
    live, exact, facts = live_instrument(
        model, files, options["max_seconds"], options["weights"], on_notice
    )
    told = {**package.provenance, **facts}
    return export_live(live, describe(live, name, package.family, told), exact)


def live_instrument(
    model: SampleRNN,
    files: Sequence[Path],
    max_seconds: float,
    weights: str,
    on_notice: Callable[[str], None] | None = None,
) -> tuple[SampleRNNInstrument, SampleRNNInstrument | None, dict[str, Any]]:
    """The instrument of a model, and what its manifest says of its weights.

    Args:
        model: trained, in eval mode; is not changed.
        files: recordings that notes start from.
        max_seconds: how much of each is read.
        weights: "fp32" or "int8".
        on_notice: called with a sentence for each recording that is left out.

    Returns:
        the instrument; the same with its weights not yet rounded, None where they are not; what the
        manifest says of its weights.

    Raises:
        DataError: the recordings can't be used.
    """
    material = read_material(model, files, max_seconds, on_notice)
    instrument = SampleRNNInstrument(model, build_primes(model, material)).eval()
    facts: dict[str, Any] = {"weights": weights}
    exact = None
    if weights == "int8":
        exact = copy.deepcopy(instrument)
        facts["bits_per_sample"] = {"fp32": _bits(model, instrument, material)}
        make_int8(instrument.live, lambda: _bits(model, instrument, material, (0.0, HELD_OUT)))
        facts["bits_per_sample"]["int8"] = _bits(model, instrument, material)
    return instrument, exact, facts


def export_live(
    instrument: SampleRNNInstrument, manifest: Manifest, exact: SampleRNNInstrument | None = None
) -> tuple[bytes, Manifest]:
    """Build the graph, prove it, find the keys that it plays in tune, and embed the manifest.

    Args:
        instrument: in eval mode.
        manifest: as `export.manifest.describe` makes it; `provenance["weights"]` says how close
            the graph must come.
        exact: the instrument before its weights were rounded, where they were.

    Returns:
        the bytes of the file and the manifest in it, with `provenance["parity"]`, the largest
        difference of sound and state in hops that agree, and `provenance["parted_hops"]`. With
        `exact`, the first of them is `graph_parity`, and `parity` and `codes_differing` tell how
        far the file is from the instrument before it was rounded (see `Proof`). Where the model
        knows pitch, `tuning_cents` and `keys_within_10_cents` tell how exactly `key_range` is
        played (see `Tuning`).

    Raises:
        ModelFileError: the file plays something else.
    """
    graph = live_graph(instrument)
    data = graph.SerializeToString()
    found = proof(instrument, data, exact=exact)
    limit = INT8_LIMIT if manifest.provenance.get("weights") == "int8" else PARITY_LIMIT
    if not found.difference <= limit or found.parted > FLIPPED * PROOF_HOPS:
        raise ModelFileError(
            f"the exported graph differs from the model by {found.difference:.2g} (at most"
            f" {limit:g} is allowed) and parts from it in {found.parted} of {PROOF_HOPS} hops;"
            " nothing was written"
        )
    provenance = {**manifest.provenance, **_figures(found, exact is not None)}
    keys = instrument.key_range
    if keys is not None:
        tuning = find_tuning(instrument, make_session(data), *keys)
        keys = tuning.keys
        exact_keys = tuning.exact_keys and list(tuning.exact_keys)
        provenance |= {"tuning_cents": tuning.cents, "keys_within_10_cents": exact_keys}
    manifest = replace(manifest, provenance=provenance, key_range=keys)
    return with_manifest(graph, manifest), manifest


def _figures(found: Proof, rounded: bool) -> dict[str, Any]:
    """What the manifest says of a proof."""
    if not rounded:
        return {"parity": found.difference, "parted_hops": found.parted}
    return {
        "parity": found.exact_difference,
        "codes_differing": round(found.codes_differing, 4),
        "graph_parity": found.difference,
        "parted_hops": found.parted,
    }


def _bits(
    model: SampleRNN,
    instrument: SampleRNNInstrument,
    material: Material,
    share: tuple[float, float] = (HELD_OUT, 1.0),
) -> float:
    """Bits per sample of the instrument's parts over a share of the material."""
    config = model.config
    judged = max(round(JUDGED_S * config.sample_rate / config.hop), 1) * config.hop
    judged = min(judged, len(material.codes) // (4 * config.hop) * config.hop)
    starts = even_places(material, config, 2 * judged, JUDGED_ROWS, share)
    _, state = hear(model, *excerpts(material, config, starts, judged))
    codes, steering = excerpts(material, config, starts + judged, judged)
    with torch.inference_mode():
        steered = instrument.steering.steer(steering)
        return bits_per_sample(instrument.live, codes, steered, state)[0]
