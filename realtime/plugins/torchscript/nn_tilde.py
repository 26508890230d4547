"""TorchScript effects made for nn~ (RAVE among them) as plugins.

A TorchScript file is a program that runs from the moment it is loaded, so a file is opened only if
the user says that it is trusted. Torch is imported when the first file is opened.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from realtime.engine.plugin import Array, Rows
from realtime.plugins.osc_name import osc_name
from realtime.plugins.torchscript.file import check_archive, last_words
from synth.contract import ConfigError, Control, Manifest, ModelFileError

ASSUMED_RATE_HZ = 48_000
WARM_UP_RUNS = 4  # the first runs record and compile
_BOOL, _INT, _FLOAT = 0, 1, 2  # type ids of nn~
_CONVERT: dict[int, Callable[[float], Any]] = {
    _BOOL: lambda v: v >= 0.5,
    _INT: round,
    _FLOAT: float,
}
_RATE_IN_NAME = re.compile(r"_r(\d{4,6})(?!\d)")


class TorchScriptPlugin:
    """A `realtime.engine.plugin.Plugin` that runs `forward` of an nn~ file, one module per row.

    The modules share their parameters, so that a further row costs little memory. The module's
    numeric settings are the controls. Torch is limited to one thread, for the whole process.

    Args:
        path: `.ts` file.
        name: OSC name, by default made from the manifest or the file's name.
        trust: whether the user trusts the file: it is a program and may do anything.

    Attributes:
        refused: how often the module answered a setting with an error code.

    Raises:
        ModelFileError: not trusted, refused before loading, or no nn~ effect.
    """

    def __init__(self, path: str | Path, name: str | None = None, trust: bool = False) -> None:
        self._path = Path(path)
        manifest = check_archive(self._path)
        if not trust:
            raise ModelFileError(
                f"{path}: TorchScript is a program that may do anything on this machine; if you"
                " trust where it comes from, add --trust"
            )
        import torch

        torch.set_num_threads(1)
        self._torch = torch
        self._modules = [self._load()]
        params = _params(self._modules[0], "forward")
        if params is None:
            raise ModelFileError(f"{path}: no nn~ effect (no forward with forward_params)")
        _, self._in_ratio, _, self._out_ratio = params
        self._types: dict[str, list[int]] = {}
        found = self._controls()
        self.manifest = manifest or self._describe(params, found)
        known = {c.name: self._types.get(c.name) for c in self.manifest.controls}
        self._types = {n: t or [_FLOAT] for n, t in known.items()}
        self.name = name or osc_name(self.manifest)
        self.refused = 0
        self._start: dict[str, Any] = {}
        self._set = [{c.name: c.default for c in self.manifest.controls}]

    def prepare(self, slots: int) -> None:
        manifest = self.manifest
        self.reset(np.arange(len(self._modules)))
        while len(self._modules) < slots:
            self._modules.append(self._twin())
            self._set.append({c.name: c.default for c in manifest.controls})
        controls = {c.name: c.default_array[None] for c in manifest.controls}
        # The buffers that a sound, however soft, changes are the state; the silence after it lets
        # the state die away.
        shape = (WARM_UP_RUNS, 1, manifest.channels_in, manifest.hop)
        sound = np.random.default_rng(0).normal(0, 1e-3, shape).astype(np.float32)
        sound[WARM_UP_RUNS // 2 :] = 0
        before = {k: v.clone() for k, v in self._modules[0].named_buffers()}
        for row in range(slots):
            for block in sound[: WARM_UP_RUNS // 2]:
                self.process(np.array([row]), controls, block)
            self._start = self._start or self._changed(before)
            for block in sound[WARM_UP_RUNS // 2 :]:
                self.process(np.array([row]), controls, block)
        self.reset(np.arange(slots))

    def process(self, rows: Rows, controls: Mapping[str, Array], audio: Array | None) -> Array:
        if audio is None:
            raise ModelFileError(f"{self._path}: an effect needs audio in")
        out = np.empty((len(rows), self.manifest.channels_out, audio.shape[2]), np.float32)
        try:
            with self._torch.inference_mode():
                for at, row in enumerate(rows.tolist()):
                    values = {name: value[at] for name, value in controls.items()}
                    self._apply(row, values)
                    out[at] = self._forward(row, audio[at])
        except Exception as error:  # noqa: BLE001 - whatever a foreign program raises
            raise ModelFileError(f"{self._path}: doesn't run ({last_words(error)})") from None
        return out

    def reset(self, rows: Rows) -> None:
        with self._torch.inference_mode():
            for row in rows.tolist():
                module = self._modules[row]
                if hasattr(module, "set_reset"):
                    module.set_reset(True)
                for name, value in self._start.items():
                    _replace(module, name, value.clone())

    def close(self) -> None:
        self._modules, self._start = [], {}

    def _forward(self, row: int, audio: Array) -> Array:
        """Run `forward` as nn~ does: the last sample of each group goes in, outputs are held."""
        x = self._torch.from_numpy(np.ascontiguousarray(audio[None], np.float32))
        y = self._modules[row](x[:, :, self._in_ratio - 1 :: self._in_ratio])
        y = y.repeat_interleave(self._out_ratio, dim=2) if self._out_ratio > 1 else y
        shape = (1, self.manifest.channels_out, audio.shape[1])
        if tuple(y.shape) != shape:
            raise ModelFileError(f"it makes {tuple(y.shape)} where {shape} is needed")
        return y[0].numpy()  # type: ignore[no-any-return]

    def _apply(self, row: int, values: Mapping[str, Array]) -> None:
        """Pass the settings that have changed on to a row's module."""
        for name, value in values.items():
            wanted = tuple(value.tolist())
            if self._set[row].get(name) == wanted:
                continue
            self._set[row][name] = wanted
            converted = [_CONVERT[t](v) for t, v in zip(self._types[name], wanted, strict=True)]
            if getattr(self._modules[row], f"set_{name}")(*converted):
                self.refused += 1

    def _changed(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """The former values of the first row's buffers that have changed since `before`."""
        after = dict(self._modules[0].named_buffers())
        return {k: v for k, v in before.items() if not _same(v, after.get(k))}

    def _load(self) -> Any:
        load: Callable[..., Any] = self._torch.jit.load
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "`?torch.jit", DeprecationWarning)
                module: Any = load(str(self._path), map_location="cpu")
        except Exception as error:  # noqa: BLE001 - whatever a foreign program raises
            raise ModelFileError(f"{self._path}: doesn't load ({last_words(error)})") from None
        return module.eval()

    def _twin(self) -> Any:
        """A fresh module for another row. (A module that has played can't be copied.)"""
        twin = self._load()
        for own, shared in zip(twin.parameters(), self._modules[0].parameters(), strict=True):
            own.data = shared.data
        return twin

    def _controls(self) -> list[Control]:
        module, found = self._modules[0], []
        for name in _attributes(module):
            types = getattr(module, f"{name}_params", None)
            get: Any = getattr(module, f"get_{name}", None)
            if types is None or get is None or not hasattr(module, f"set_{name}"):
                continue
            ids = [int(t) for t in types.tolist()]
            if not ids or not set(ids) <= set(_CONVERT):
                continue
            try:
                found.append(_control(name, ids, [float(v) for v in get()]))
            except (ConfigError, TypeError, ValueError, RuntimeError):
                continue  # no fader can have this name or value, and the sound needs none
            self._types[name] = ids
        return found

    def _describe(self, params: list[int], controls: list[Control]) -> Manifest:
        module = self._modules[0]
        methods = [_params(module, name) for name in ("forward", "encode", "decode", "prior")]
        ratios = [max(p[1], p[3]) for p in methods if p]
        rate, source = _sample_rate(module, self._path)
        return Manifest(
            name=self._path.stem[:200],
            family="nn~",
            kind="effect",
            sample_rate=rate,
            hop=max(ratios),
            channels_in=params[0],
            channels_out=params[2],
            controls=tuple(controls),
            provenance={"sample_rate": source, "latency": "unknown"},
        )


def _params(module: Any, method: str) -> list[int] | None:
    """`[in_channels, in_ratio, out_channels, out_ratio]` of a method, None if there is none."""
    params = getattr(module, f"{method}_params", None)
    if params is None or params.numel() < 4 or not hasattr(module, method):
        return None
    return [int(v) for v in params.flatten()[:4].tolist()]


def _attributes(module: Any) -> list[str]:
    try:
        names = list(module.get_attributes())
    except Exception:  # noqa: BLE001 - optional, as in nn~: then every name with params is one
        names = [n[: -len("_params")] for n, _ in module.named_buffers() if n.endswith("_params")]
    return [str(n) for n in names if n != "none"]


def _control(name: str, types: list[int], default: list[float]) -> Control:
    """A control for a setting of unknown range: wide enough to be useful, with room on either side
    of the default."""
    span = [
        (0.0, 1.0) if t == _BOOL else (0.0, 127.0) if t == _INT else (-10.0, 10.0) for t in types
    ]
    curve = {_BOOL: "toggle", _INT: "integer"}.get(types[0]) if len(set(types)) == 1 else None
    return Control(
        name,
        len(types),
        tuple(min(low, 2 * d) for (low, _), d in zip(span, default, strict=True)),
        tuple(max(high, 2 * d) for (_, high), d in zip(span, default, strict=True)),
        tuple(default),
        curve=curve or "linear",
        description="attribute of the model; its range is a guess",
    )


def _sample_rate(module: Any, path: Path) -> tuple[int, str]:
    """The rate the file asks for in Hz, and where that was found."""
    for place in ("get_sample_rate", "sr", "sampling_rate", "_rave.sampling_rate"):
        value = module
        for part in place.split("."):
            value = getattr(value, part, None)
        try:
            rate = int(value() if callable(value) else value)
        except (TypeError, ValueError, RuntimeError):
            continue
        if rate > 0:
            return rate, place
    named = _RATE_IN_NAME.search(path.stem)
    return (int(named[1]), "file name") if named else (ASSUMED_RATE_HZ, "assumed")


def _same(a: Any, b: Any) -> bool:
    return b is not None and a.shape == b.shape and bool((a == b).all())


def _replace(module: Any, name: str, value: Any) -> None:
    *path, leaf = name.split(".")
    for part in path:
        module = getattr(module, part)
    setattr(module, leaf, value)
