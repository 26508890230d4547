"""Finds the matching model for an instrument."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from realtime.match.proposals import read_matcher
from synth.contract import ConfigError, Manifest, MatcherManifest, ModelFileError

SUFFIX = ".onnx"


def bundled_matchers() -> list[Path]:
    """The paths of the matching models that come with synth."""
    return sorted((Path(str(files("synth"))) / "matchers").glob(f"*{SUFFIX}"))


def chosen_matcher(given: str, instrument: Manifest) -> tuple[Path, MatcherManifest]:
    """The matching model for an instrument.

    Args:
        given: path of the one to use; "" for the bundled one of the instrument's voice.
        instrument: what its file says.

    Raises:
        ConfigError: the instrument lacks parameters of the model's voice, or no bundled model is of
            its voice.
        ModelFileError: the file is refused.
    """
    if given:
        manifest = read_matcher(given)
        lacking = _lacking(manifest, instrument)
        if lacking:
            more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
            raise ConfigError(
                f"{given}: proposes patches of the voice {manifest.voice}; {instrument.name} has no"
                f" {', '.join(lacking[:3])}{more}: it is another voice"
            )
        return Path(given), manifest
    there = []
    for path in bundled_matchers():
        try:
            manifest = read_matcher(path)
        except ModelFileError:
            continue  # a damaged one mustn't hide the others
        if not _lacking(manifest, instrument):
            return path, manifest
        there.append(manifest.voice)
    raise ConfigError(
        f"no matching model for the voice of {instrument.name} comes with synth"
        f" ({', '.join(there) or 'there are none'}); give one by --matcher FILE, made by"
        " `synth export model.pt --as matcher`"
    )


def _lacking(matcher: MatcherManifest, instrument: Manifest) -> list[str]:
    """The parameters that an instrument lacks of the voice whose patches are proposed."""
    played = {matcher.key, matcher.duration}
    there = {control.name for control in instrument.controls if control.size == 1}
    return [name for name in matcher.names if name not in played | there]
