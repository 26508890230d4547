"""torchaudio, imported so that it works beside any torch; nothing else here imports it.

Training computes its spectra, filters and resampling without it: mel bands of short windows must
not be empty, and many of torchaudio's are (`mel`); a loss needs resampling that is exact for all
that both rates can hold (`resampling`); and recordings are decoded with libsndfile and soxr, which
the base install has. torchaudio is the reference that tests hold the spectra, filters and
resampling against, and a package that others import which are measured beside this one (EnCodec,
in `bench/decoder.py`).

torchaudio 2.11 for Linux is linked against CUDA: beside a CPU torch its compiled extension can't be
loaded, and the import fails although transforms, resampling and datasets are Python. Where (and
only where) that happens, a stand-in for the module that loads the extension says that there is
none; what needs it then runs in Python (`lfilter`, slowly) or is refused (`forced_align`).
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any, NoReturn

from synth.contract import SynthError
from synth.contract.errors import one_line

_EXTENSION = "torchaudio._extension"


def load_torchaudio() -> ModuleType:
    """Import torchaudio, around its compiled extension where that can't be loaded.

    Raises:
        SynthError: torchaudio is not installed, or is broken in another way.
    """
    try:
        return importlib.import_module("torchaudio")
    except ModuleNotFoundError as error:
        raise _unusable(error) from error
    except (OSError, RuntimeError, ImportError) as first:
        _forget()
        sys.modules[_EXTENSION] = _stand_in()
        try:
            return importlib.import_module("torchaudio")
        except (OSError, RuntimeError, ImportError):
            _forget()
            raise _unusable(first) from first


def _unusable(error: BaseException) -> SynthError:
    return SynthError(
        f"torchaudio can't be used ({one_line(error, 200)});"
        " pip install -c constraints.txt -e '.[train]'"
    )


def _forget() -> None:
    for name in [n for n in sys.modules if n == "torchaudio" or n.startswith("torchaudio.")]:
        del sys.modules[name]


def _stand_in() -> ModuleType:
    module: Any = ModuleType(_EXTENSION, "Says that torchaudio's compiled extension is absent.")
    module._IS_TORCHAUDIO_EXT_AVAILABLE = False
    module._IS_ALIGN_AVAILABLE = False
    module._load_lib = lambda _name: False
    module.fail_if_no_align = lambda _function: _refuse_alignment
    return module  # type: ignore[no-any-return]


def _refuse_alignment(*_args: object, **_kwargs: object) -> NoReturn:
    raise SynthError("forced alignment needs torchaudio's compiled extension; install a CUDA torch")
