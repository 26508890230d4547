"""The types and files that all parts share (numpy, no torch).

- `errors`: `SynthError` and its branches; errors as one line, and from another process;
  names that a terminal can take.
- `control`: `Control`, one thing that can be moved.
- `curves`: of faders, from a position to a value and back.
- `manifest`: `Manifest`, what an instrument file says of itself; `Place`, a point of its map;
  `patches`: the bank of an instrument; `matcher`: what a file says of itself whose model proposes
  patches for a sound.
- `audio`: audio files in and out; `reading`: mixed and resampled as a model takes them;
  `recordings`: read in blocks and judged, so that all parts leave out the same files.
- `places`: of recordings, written down in one run and found again in another.
- `naming`: sound and key out of a file's name.
- `files`: files that are whole or absent.
- `config`: checked dataclass configs from defaults, YAML and flags.
"""

from synth.contract.audio import (
    AudioInfo,
    FoundAudio,
    audio_info,
    find_audio,
    read_audio,
    search_audio,
    write_audio,
)
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
    printable,
)
from synth.contract.files import remove_leftovers, write_bytes
from synth.contract.manifest import FORMAT_VERSION, METADATA_KEY, Manifest, Place, TensorSpec
from synth.contract.matcher import MATCHER_KEY, MatcherManifest
from synth.contract.naming import NoteName, parse_name
from synth.contract.patches import BankPatch
from synth.contract.recordings import read_recording

__all__ = [
    "FORMAT_VERSION",
    "MATCHER_KEY",
    "METADATA_KEY",
    "AudioInfo",
    "BankPatch",
    "ConfigError",
    "Control",
    "DataError",
    "DeviceError",
    "FoundAudio",
    "Manifest",
    "MatcherManifest",
    "ModelFileError",
    "NoteName",
    "Place",
    "ProtocolError",
    "SynthError",
    "TensorSpec",
    "audio_info",
    "config_from_dict",
    "config_to_dict",
    "error_named",
    "find_audio",
    "one_line",
    "parse_name",
    "printable",
    "read_audio",
    "read_recording",
    "read_yaml",
    "remove_leftovers",
    "require_one_of",
    "require_within",
    "search_audio",
    "write_audio",
    "write_bytes",
]
