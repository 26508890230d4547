"""Reads ONNX files, and refuses those that are unsafe or can't be played.

A file that passes is one file, read as bytes, of bounded size and node count. It has no external
data (a way out of the file's folder), no operators but ONNX's own (custom ones are native code),
and finite weights; an instrument has a manifest of a known format with the same tensors as the
graph.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnx
from google.protobuf.message import DecodeError

from synth.contract import METADATA_KEY, Manifest, ModelFileError

MAX_BYTES = 512 << 20
MAX_NODES = 20_000
DOMAINS = ("", "ai.onnx")
Judged = TypeVar("Judged")
_FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE)


def read_instrument(path: str | Path) -> tuple[bytes, Manifest]:
    """Read and check an instrument file.

    Args:
        path: of the file, at most 512 MB.

    Returns:
        The bytes for a runtime session, and the manifest.

    Raises:
        ModelFileError: the file is missing, too large, not ONNX, truncated, unsafe, without a
            manifest, of a newer format, or its graph doesn't agree with the manifest.
    """
    return read_model(path, "an instrument", _judge)


def read_model(path: str | Path, what: str, judge: Callable[[Any], Judged]) -> tuple[bytes, Judged]:
    """Read and check an ONNX file of any kind.

    Args:
        path: of the file, at most 512 MB.
        what: is wanted, such as "an instrument", for the message.
        judge: makes its manifest of the checked model; a `ModelFileError` that it raises gets the
            path in front.

    Returns:
        The bytes for a runtime session, and what `judge` returned.

    Raises:
        ModelFileError: the file is missing, too large, not ONNX, truncated or unsafe, or `judge`
            refuses it.
    """
    path = Path(path)
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ModelFileError(f"{path}: not a file; give {what}'s .onnx")
        size = found.st_size
        if size > MAX_BYTES:
            raise ModelFileError(f"{path}: {size >> 20} MB; at most {MAX_BYTES >> 20} are opened")
        data = path.read_bytes()
    except OSError as error:
        raise ModelFileError(
            f"{path}: can't be read ({error.strerror}); give {what}'s .onnx"
        ) from None
    try:
        model = onnx.load_from_string(data)
        _check_safe(model)
        judged = judge(model)
    except (DecodeError, ValueError, TypeError):  # names that are not text arrive as bytes
        raise ModelFileError(f"{path}: truncated, or not an ONNX file; export it again") from None
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from None
    return data, judged


def _check_safe(model: Any) -> None:
    if not model.graph.node or not model.opset_import:
        raise ModelFileError("truncated, or not an ONNX file; export it again")
    strange = [o.domain for o in model.opset_import if o.domain not in DOMAINS]
    if strange or model.functions:
        raise ModelFileError(f"it uses operators of {strange or 'its own'}; only ONNX's are run")
    nodes = 0
    for graph in _graphs(model.graph):
        nodes += len(graph.node)
        if nodes > MAX_NODES:
            raise ModelFileError(f"more than {MAX_NODES} nodes")
        if any(node.domain not in DOMAINS for node in graph.node):
            raise ModelFileError("it uses custom operators; only ONNX's own are run")
        for tensor in _tensors(graph):
            if tensor.external_data or tensor.data_location == onnx.TensorProto.EXTERNAL:
                raise ModelFileError(
                    f"tensor {tensor.name!r} is in another file, which is refused; export the model"
                    " as one file"
                )
            _check_finite(tensor)


def _judge(model: Any) -> Manifest:
    texts = metadata(model)
    if METADATA_KEY not in texts:
        raise ModelFileError("no manifest inside: it was not exported by synth; use synth export")
    manifest = Manifest.from_json(texts[METADATA_KEY])
    _check_interface(model.graph, manifest)
    return manifest


def metadata(model: Any) -> dict[str, str]:
    """The texts that a model carries, by their keys."""
    return {p.key: p.value for p in model.metadata_props}


def free_inputs(graph: Any) -> list[str]:
    """The names of the inputs that a graph must be fed."""
    weights = {i.name for i in graph.initializer}
    return [i.name for i in graph.input if i.name not in weights]


def _graphs(graph: Any) -> Iterator[Any]:
    waiting = [graph]
    while waiting:
        graph = waiting.pop()
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    waiting.append(attribute.g)
                waiting.extend(attribute.graphs)


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _check_finite(tensor: Any) -> None:
    if tensor.data_type not in _FLOATS:
        return
    if not np.isfinite(onnx.numpy_helper.to_array(tensor)).all():
        raise ModelFileError(f"tensor {tensor.name!r} holds values that are not finite")


def _check_interface(graph: Any, manifest: Manifest) -> None:
    feed = "audio" if manifest.kind == "effect" else "frames"
    states = [s.name for s in manifest.state]
    inputs = [feed, *(c.name for c in manifest.controls), *states]
    inputs += [r.name for r in manifest.random]
    outputs = ["audio_out", *(f"{s}_out" for s in states)]
    found = free_inputs(graph)
    if sorted(found) != sorted(inputs) or sorted(o.name for o in graph.output) != sorted(outputs):
        odd = sorted(set(found) ^ set(inputs)) or ["outputs"]
        raise ModelFileError(
            f"graph and manifest disagree about {', '.join(odd[:4])}; export the model again"
        )
