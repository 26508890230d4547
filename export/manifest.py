"""The manifest of an instrument: everything that a host must know of the file."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import onnx
import onnxruntime
import torch

from synth import __version__
from synth.contract import Manifest, TensorSpec
from synth.models.instrument import Instrument

_DTYPES = {torch.float32: "float32", torch.int64: "int64"}


def state_name(key: str) -> str:
    """Name of a state tensor in graph and manifest.

    Args:
        key: name of the tensor in the instrument's state, such as "decoder.0.past".
    """
    return "state_" + key.replace(".", "_")


def describe(
    instrument: Instrument, name: str, family: str, provenance: Mapping[str, Any]
) -> Manifest:
    """The manifest of an instrument whose parity is not yet measured.

    Args:
        instrument: what will be played.
        name: of the instrument, for people.
        family: key of `synth.models.FAMILIES`.
        provenance: JSON-ready; the versions of the libraries are added.
    """
    state = instrument.init_state(1)
    return Manifest(
        name=name,
        family=family,
        kind=instrument.kind,
        sample_rate=instrument.sample_rate,
        hop=instrument.hop,
        channels_in=instrument.channels_in,
        channels_out=instrument.channels_out,
        latency=instrument.latency,
        controls=instrument.controls,
        state=tuple(
            TensorSpec(state_name(k), tuple(v.shape[1:]), _DTYPES[v.dtype])
            for k, v in state.items()
        ),
        random=instrument.random,
        sounds=instrument.sounds,
        key_range=instrument.key_range,
        map=instrument.map,
        patches=instrument.patches,
        provenance={**provenance, "versions": versions(torch, onnx, onnxruntime)},
    )


def versions(*libraries: ModuleType) -> dict[str, str]:
    """Versions of synth, Python and the libraries that had a part in a file."""
    found = {library.__name__: str(library.__version__) for library in libraries}
    return {"synth": __version__, **found, "python": platform.python_version()}
