"""What `synth export` does: a trained model, or patches of a voice, become instrument files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from export.export_model import export_model
from export.written import Exported
from synth.contract import ConfigError

PATCH = ".json"


def export_files(
    models: Sequence[str | Path],
    *,
    on_notice: Callable[[str], None] = lambda text: None,
    **settings: Any,
) -> list[Exported]:
    """Export a model, or an instrument of patches.

    Args:
        models: one `model.pt`, or one or several patches (`.json`).
        on_notice: called with a sentence that a person should read.
        settings: as of `export.export_model.export_model`.

    Raises:
        ConfigError: several files of which one is no patch; and see there.
        ModelFileError, DataError: see there.
    """
    if all(Path(path).suffix.lower() == PATCH for path in models):
        # Only here, because it loads the voices.
        from export.export_patches import export_patches

        return export_patches(models, on_notice=on_notice, **settings)
    if len(models) > 1:
        other = next(path for path in models if Path(path).suffix.lower() != PATCH)
        raise ConfigError(
            f"{other}: among {len(models)} files, but no patch ({PATCH}); give one model.pt, or"
            " patches alone"
        )
    return export_model(models[0], on_notice=on_notice, **settings)
