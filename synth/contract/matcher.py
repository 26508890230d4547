"""`MatcherManifest`: the description inside the file of a matching model.

Such a model hears a sound and proposes patches that may make it.

It travels inside the file (ONNX: metadata key `synth.matcher`) as JSON. The graph has the inputs
`audio` `[1, samples]` and `noise` `[patches, names]` (standard normal) and the outputs `values`
`[patches, names]`, in the units of the parameters, and `heard` `[1, 3]`: the MIDI key that was
heard, how surely it is one (0 … 1), and the seconds that the sound is audible.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from synth.contract.errors import ModelFileError

MATCHER_FORMAT = 1
MATCHER_KEY = "synth.matcher"
MATCHER_INPUTS, MATCHER_OUTPUTS = ("audio", "noise"), ("values", "heard")
# RMS of the loudest 10 ms of a sound that a model is given: the median of those that it learned.
MATCHER_LEVEL = 0.2
MAX_JSON_BYTES = 1_000_000
MAX_NAMES, MAX_NAME = 1_024, 100
MAX_SAMPLES = 1 << 22


@dataclass(frozen=True)
class MatcherManifest:
    """Everything a host must know to ask for patches.

    Args:
        voice: name of the voice whose patches it proposes.
        names: of the voice's parameters, in the order of the columns.
        key: the one of them that is the MIDI key; duration: the one that is the time that the key
            is held, in s.
        sample_rate: Hz, of the audio, 4000 … 384000.
        samples: of audio that it hears, 1 … 4194304; shorter sounds are followed by silence.
        provenance: config, data description, library versions, parity figure.
        format_version: of the manifest, 1.

    Raises:
        ModelFileError: a field is out of its range; the message names it.
    """

    voice: str
    names: tuple[str, ...]
    key: str
    duration: str
    sample_rate: int
    samples: int
    provenance: dict[str, Any] = field(default_factory=dict)
    format_version: int = MATCHER_FORMAT

    def __post_init__(self) -> None:
        for name, low, high in (
            ("sample_rate", 4_000, 384_000),
            ("samples", 1, MAX_SAMPLES),
            ("format_version", 1, MATCHER_FORMAT),
        ):
            value = getattr(self, name)
            _require(
                type(value) is int and low <= value <= high,
                f"{name} {value!r:.40} is not a whole number in {low} … {high}",
            )
        texts = (self.voice, *self.names)
        _require(
            all(isinstance(t, str) and 0 < len(t) <= MAX_NAME for t in texts),
            f"a name is not a text of 1 to {MAX_NAME} characters",
        )
        _require(
            0 < len(self.names) <= MAX_NAMES and len(set(self.names)) == len(self.names),
            f"{len(self.names)} names of parameters; 1 to {MAX_NAMES} different ones are allowed",
        )
        for name in (self.key, self.duration):
            _require(name in self.names, f"it has no parameter {name!r:.40}")
        _require(isinstance(self.provenance, dict), "provenance is not a table")

    def to_json(self) -> str:
        """The manifest as one line of JSON."""
        return json.dumps(asdict(self), allow_nan=False, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> MatcherManifest:
        """Parse and check JSON of at most 1 MB.

        Raises:
            ModelFileError: the text isn't such a manifest; the message names the fault.
        """
        if len(text) > MAX_JSON_BYTES:
            raise ModelFileError(
                f"the manifest of the matching model has {len(text)} bytes; at most"
                f" {MAX_JSON_BYTES} are allowed"
            )
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ModelFileError(
                f"the manifest of the matching model is not JSON ({error}); export the model again"
            ) from None
        _require(isinstance(data, dict), "it is not a JSON object")
        version = data.get("format_version")
        if isinstance(version, int) and version > MATCHER_FORMAT:
            raise ModelFileError(
                f"format {version} of a matching model is newer than {MATCHER_FORMAT}, the newest"
                " known here; update synth"
            )
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(data) - known)
        _require(not unknown, f"unknown field {unknown[:1]}")
        _require(isinstance(data.get("names"), list), "names is not a list")
        try:
            return cls(**{**data, "names": tuple(data["names"])})
        except TypeError as error:
            raise ModelFileError(
                f"the manifest of the matching model is damaged ({error}); export the model again"
            ) from None


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise ModelFileError(
            f"the manifest of the matching model is damaged: {problem}; export the model again"
        )
