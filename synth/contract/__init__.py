"""The types and files that all parts share (numpy, no torch).

- `errors`: `SynthError` and its branches; errors as one line, and from another process.
- `control`: `Control`, one movable value of an instrument; `roles`: who moves it.
- `manifest`: `Manifest`, an instrument file's description of itself.
- `audio`: reads and writes audio files; `reading`: mixes and resamples them for a model.
- `files`: writes files that are whole or absent.
- `config`: checked dataclass configs from defaults, YAML and flags.
"""

from synth.contract.audio import AudioInfo, audio_info, find_audio, read_audio, write_audio
from synth.contract.config import (
    config_from_dict,
    config_to_dict,
    read_yaml,
    require_one_of,
    require_within,
)
from synth.contract.control import Control
from synth.contract.errors import (
    ConfigError,
    DataError,
    DeviceError,
    ModelFileError,
    ProtocolError,
    SynthError,
    error_named,
    one_line,
)
from synth.contract.files import remove_leftovers, write_bytes
from synth.contract.manifest import FORMAT_VERSION, METADATA_KEY, Manifest, TensorSpec

__all__ = [
    "FORMAT_VERSION",
    "METADATA_KEY",
    "AudioInfo",
    "ConfigError",
    "Control",
    "DataError",
    "DeviceError",
    "Manifest",
    "ModelFileError",
    "ProtocolError",
    "SynthError",
    "TensorSpec",
    "audio_info",
    "config_from_dict",
    "config_to_dict",
    "error_named",
    "find_audio",
    "one_line",
    "read_audio",
    "read_yaml",
    "remove_leftovers",
    "require_one_of",
    "require_within",
    "write_audio",
    "write_bytes",
]
