"""`Manifest`: an instrument file's description of itself.

It travels inside the file (ONNX: metadata key `synth.manifest`; TorchScript: extra file
`synth.manifest`) as JSON, so that the file needs no second one beside it to be played.
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from synth.contract.control import LARGEST, Control
from synth.contract.curves import BENT
from synth.contract.errors import ConfigError, ModelFileError
from synth.contract.patches import MAX_PATCHES, BankPatch, check_bank
from synth.contract.roles import ROLES_SINCE_FORMAT_3, ROLES_SINCE_FORMAT_4, role_of_name

FORMAT_VERSION = 4  # 1 had no roles, 2 no map, 3 no patches and no exponents
METADATA_KEY = "synth.manifest"
KINDS = ("effect", "generator")
DTYPES = ("float32", "int64")
RESERVED = {"audio", "audio_out", "frames"}
MAX_JSON_BYTES = 4_000_000
MAX_PLACES = 1_024  # they stay below half of the bytes, whatever characters the names have
MAX_PLACE_NAME = 100
MAP_NAME = "map"  # the last part of the map's OSC address, so no control's where there is a map


@dataclass(frozen=True)
class TensorSpec:
    """A state or random input of a step.

    Args:
        name: of the graph input; a state has the graph output `<name>_out` for its next value.
        shape: without the leading axis of voices; -1 stands for a free axis of noise, such as
            `n * hop`.
        dtype: "float32" or "int64". All state starts as zeros.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"


@dataclass(frozen=True)
class Place:
    """The place of a training sound in the latent space of an instrument.

    Args:
        name: of the sound, for people, 1 to 100 characters; several places may share it.
        position: coordinates along the first three latent axes. Setting the first elements of the
            control with the role "latent" to them goes to the sound, where a control with the role
            "place", if there is one, is at its maximum; the third counts for nothing where the
            control has only two elements. The first two are the place on a flat map.

    Raises:
        ModelFileError: a field is out of its range; the message names it.
    """

    name: str
    position: tuple[float, float, float]

    def __post_init__(self) -> None:
        _require(
            isinstance(self.name, str) and 0 < len(self.name) <= MAX_PLACE_NAME,
            f"the name {self.name!r:.50} of a place is not a text of 1 to {MAX_PLACE_NAME}"
            " characters",
        )
        where = f"position {self.position!r:.80} of place {self.name!r:.50}"
        _require(
            isinstance(self.position, list | tuple) and len(self.position) == 3,
            f"{where} is not made of 3 numbers",
        )
        _require(
            all(type(x) in (int, float) and abs(x) <= LARGEST for x in self.position),
            f"{where} is not made of finite numbers",
        )
        object.__setattr__(self, "position", tuple(float(x) for x in self.position))


@dataclass(frozen=True)
class Manifest:
    """Everything a host must know to play a file.

    Args:
        name: of the instrument, for people, 1 to 200 characters.
        family: model family, such as "codec".
        kind: "effect" (audio in) or "generator" (plays notes, no audio in).
        sample_rate: Hz, of the audio that a step makes, 4000 … 384000.
        hop: samples made by one step, 1 … 1048576.
        channels_in, channels_out: audio channels, up to 64; only a generator may have no input.
        latency: the model's own, in samples at `sample_rate`, from a change of the input to the
            same change of the output.
        controls: the movable inputs, in graph order.
        state: state tensors.
        random: noise inputs (standard normal), fed by the host.
        sounds: names of the sounds that a program change selects (the control of the role
            "sound" is an index into them), may be empty.
        key_range: lowest and highest MIDI key that is in tune, or None.
        map: places of the training sounds in the latent space, at most 1024; needs a control with
            the role "latent" of at least two elements. May be empty.
        patches: the bank: settings of controls, one for each of `sounds` and called as that is, at
            most 512; needs a control with the role "sound". May be empty: then sounds aren't made
            of controls.
        provenance: config, data description, licence, library versions, parity figure.
        format_version: of the manifest, 1 … 4.

    Raises:
        ModelFileError: a field is out of its range; the message names it.
    """

    name: str
    family: str
    kind: str
    sample_rate: int
    hop: int
    channels_in: int
    channels_out: int
    latency: int = 0
    controls: tuple[Control, ...] = ()
    state: tuple[TensorSpec, ...] = ()
    random: tuple[TensorSpec, ...] = ()
    sounds: tuple[str, ...] = ()
    key_range: tuple[int, int] | None = None
    map: tuple[Place, ...] = ()
    patches: tuple[BankPatch, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        _require(self.kind in KINDS, f"kind {self.kind!r} is none of {', '.join(KINDS)}")
        for name, low, high in (
            ("sample_rate", 4_000, 384_000),
            ("hop", 1, 1 << 20),
            ("channels_in", 1 if self.kind == "effect" else 0, 64),
            ("channels_out", 1, 64),
            ("latency", 0, 1 << 24),
            ("format_version", 1, FORMAT_VERSION),
        ):
            value = getattr(self, name)
            _require(
                type(value) is int and low <= value <= high,
                f"{name} {value!r} is not a whole number in {low} … {high}",
            )
        for name in ("name", "family"):
            value = getattr(self, name)
            _require(
                isinstance(value, str) and 0 < len(value) <= 200,
                f"{name} {value!r} is not a text of 1 to 200 characters",
            )
        _require(isinstance(self.provenance, dict), "provenance is not a table")
        low, high = self.key_range or (0, 127)
        _require(0 <= low <= high <= 127, f"key_range {low} … {high} is not within 0 … 127")
        self._check_tensors()
        self._check_map()
        self._check_patches()

    def _check_map(self) -> None:
        if not self.map:
            return
        _require(self.format_version >= 3, f"format {self.format_version} has no field 'map'")
        _require(
            len(self.map) <= MAX_PLACES, f"map of {len(self.map)} places; at most {MAX_PLACES}"
        )
        latent = self.with_role("latent")
        _require(
            latent is not None and latent.size >= 2,
            "it has a map, but no control with the role 'latent' of at least two elements",
        )
        _require(
            self.control(MAP_NAME) is None, f"it has a map, and a control called {MAP_NAME!r}, too"
        )

    def _check_patches(self) -> None:
        bent = [c.name for c in self.controls if c.curve in BENT]
        _require(
            self.format_version >= 4 or not bent,
            f"control {bent[:1]} has a curve that format {self.format_version} doesn't know",
        )
        if not self.patches:
            return
        _require(self.format_version >= 4, f"format {self.format_version} has no field 'patches'")
        try:
            check_bank(self.patches, self.controls)
        except ConfigError as error:
            raise ModelFileError(_damaged(str(error))) from None
        _require(
            self.sounds == tuple(patch.name for patch in self.patches),
            "its sounds are not the names of its patches",
        )
        _require(
            self.with_role("sound") is not None,
            "it has patches, but no control with the role 'sound'",
        )

    def _check_tensors(self) -> None:
        names = [c.name for c in self.controls] + [s.name for s in (*self.state, *self.random)]
        _require(len(set(names)) == len(names), "two controls or tensors share a name")
        taken = sorted(RESERVED & set(names))
        _require(not taken, f"{taken[:1]} is the name of a graph input and can't be used again")
        roles = [c.role for c in self.controls if c.role]
        _require(len(set(roles)) == len(roles), "two controls share a role")
        for version, added in ((3, ROLES_SINCE_FORMAT_3), (4, ROLES_SINCE_FORMAT_4)):
            newer = sorted(added.intersection(roles))
            _require(
                self.format_version >= version or not newer,
                f"format {self.format_version} has no role {newer[:1]}",
            )
        for spec in (*self.state, *self.random):
            _require(
                spec.dtype in DTYPES
                and all(type(d) is int and (d > 0 or d == -1) for d in spec.shape)
                and math.prod(abs(d) for d in spec.shape) <= 1 << 26,
                f"tensor {spec.name!r} has shape {spec.shape} of {spec.dtype}",
            )

    def control(self, name: str) -> Control | None:
        """The control called `name`, or None."""
        return next((c for c in self.controls if c.name == name), None)

    def with_role(self, role: str) -> Control | None:
        """The control that has `role` (not ""), or None."""
        return next((c for c in self.controls if c.role == role), None)

    def to_json(self) -> str:
        """The manifest as one line of JSON, in the format of its `format_version`."""
        data = asdict(self)
        if self.format_version == 1:
            for control in data["controls"]:
                del control["role"]
        if self.format_version < 3:
            del data["map"]
        if self.format_version < 4:
            del data["patches"]
            for control in data["controls"]:
                del control["exponent"]
        return json.dumps(data, allow_nan=False, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Parse and check JSON of at most 4 MB.

        Raises:
            ModelFileError: the text isn't a manifest of a known format; the message names the
                fault.
        """
        if len(text) > MAX_JSON_BYTES:
            raise ModelFileError(f"manifest of {len(text)} bytes; at most {MAX_JSON_BYTES} allowed")
        try:
            data = json.loads(text, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise ModelFileError(
                f"manifest is not JSON ({error}); export the model again"
            ) from None
        _require(isinstance(data, dict), "it is not a JSON object")
        version = data.get("format_version")
        if isinstance(version, int) and version > FORMAT_VERSION:
            raise ModelFileError(
                f"manifest format {version} is newer than {FORMAT_VERSION}, the newest known here;"
                " update synth"
            )
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(data) - known)
        _require(not unknown, f"unknown field {unknown[:1]}")
        try:
            found = data.get("controls", ())
            data["controls"] = tuple(_control(c, version) for c in found)
            for name in ("state", "random"):
                data[name] = tuple(_tensor_spec(s) for s in data.get(name, ()))
            sounds = data.get("sounds", [])
            _require(isinstance(sounds, list), f"sounds {sounds!r:.50} is not a list")
            data["sounds"] = tuple(str(s) for s in sounds)
            data["map"] = _places(data, version)
            data["patches"] = _patches(data, version)
            keys = data.get("key_range")
            if keys is not None:
                first, last = (operator.index(key) for key in keys)
                data["key_range"] = (first, last)
            return cls(**data)
        except _DAMAGE as error:
            raise ModelFileError(f"manifest is damaged: {error}; export the model again") from None


# Raised by reading fields of the wrong type.
_DAMAGE = (ConfigError, TypeError, ValueError, IndexError, KeyError, AttributeError, OverflowError)


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is not a number in JSON")


def _control(data: Mapping[str, Any], version: Any) -> Control:
    """A control in a format: in format 1, some names of controls stood for a role."""
    if not isinstance(data, Mapping):
        raise ConfigError(f"control {data!r:.50} is not a table")
    name = data.get("name")
    if version in (1, 2, 3) and "exponent" in data:
        raise ConfigError(f"control {name!r:.50}: format {version} has no field 'exponent'")
    if version != 1:
        return Control.from_dict(data)
    if "role" in data:
        raise ConfigError(f"control {name!r:.50}: format 1 has no field 'role'")
    return Control.from_dict({**data, "role": role_of_name(str(name))})


def _tensor_spec(data: Mapping[str, Any]) -> TensorSpec:
    return TensorSpec(str(data["name"]), tuple(data["shape"]), str(data["dtype"]))


def _places(data: Mapping[str, Any], version: Any) -> tuple[Place, ...]:
    found = data.get("map", [])
    if "map" in data and version in (1, 2):
        raise ConfigError(f"format {version} has no field 'map'")
    if not isinstance(found, list) or not all(isinstance(place, dict) for place in found):
        raise ConfigError(f"map {found!r:.50} is not a list of places")
    if len(found) > MAX_PLACES:
        raise ConfigError(f"map of {len(found)} places; at most {MAX_PLACES} are allowed")
    return tuple(Place(**place) for place in found)


def _patches(data: Mapping[str, Any], version: Any) -> tuple[BankPatch, ...]:
    found = data.get("patches", [])
    if "patches" in data and version in (1, 2, 3):
        raise ConfigError(f"format {version} has no field 'patches'")
    if not isinstance(found, list) or not all(isinstance(patch, dict) for patch in found):
        raise ConfigError(f"patches {found!r:.50} is not a list of patches")
    if len(found) > MAX_PATCHES:
        raise ConfigError(f"a bank of {len(found)} patches; at most {MAX_PATCHES} are allowed")
    return tuple(BankPatch(**patch) for patch in found)


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise ModelFileError(_damaged(problem))


def _damaged(problem: str) -> str:
    return f"manifest is damaged: {problem}; export the model again"
