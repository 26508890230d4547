"""From patches to an instrument file: what `synth export` does with patch.json files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from export.families import EXPORT
from export.row import ALL_FORMATS, SUFFIXES
from export.threads import one_thread
from export.written import Exported, check_name, make_folder, write_instrument
from synth.contract import ConfigError


def export_patches(
    paths: Sequence[str | Path],
    *,
    form: str | None = None,
    format: str = "onnx",
    out: str | Path | None = None,
    name: str | None = None,
    on_notice: Callable[[str], None] = lambda text: None,
    **options: Any,
) -> list[Exported]:
    """Make an instrument of patches: they are its bank, and it begins with the first one.

    Args:
        paths: of the patches, all of one voice.
        form, format: as of `export.export_model.export_model`; only a generator in ONNX is made.
        out: folder, by default that of the first patch; created if missing.
        name: of the instrument and its file, by default that of the patch, or of the voice where
            there are several.
        on_notice: not used.
        options: settings of the form, by name; None: the default.

    Raises:
        ConfigError: a form, format or option isn't for patches; two patches have one name, or are
            of two voices.
        DataError: a file isn't a patch, or the folder can't be written.
        ModelFileError: the export doesn't play what the voice does.
    """
    family, patches = next((f, row.patches) for f, row in EXPORT.items() if row.patches)
    chosen = EXPORT[family].form(family, None)
    if form not in (None, chosen.name):
        raise ConfigError(f"patches are exported as {chosen.name}, not as {form}; leave --as out")
    if format not in (*chosen.formats, ALL_FORMATS):
        raise ConfigError(f"patches are exported as {', '.join(chosen.formats)}, not as {format}")
    (rate,) = chosen.options
    wanted = options.pop(rate.name, None)
    if wanted is not None:
        rate.check(wanted)
    for key, value in options.items():
        if value is not None:
            flag = "--" + key.replace("_", "-")
            raise ConfigError(f"{flag} {value} is not an option for patches; leave it out")
    if name:
        check_name(name)
    folder = Path(paths[0]).resolve().parent if out is None else Path(out)
    with one_thread():
        made = patches()([Path(path) for path in paths], name, wanted or rate.default)
    make_folder(folder)
    title, data, manifest = made
    return [write_instrument(folder / f"{title}{SUFFIXES['onnx']}", data, manifest)]
