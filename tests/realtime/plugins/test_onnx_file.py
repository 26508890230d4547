"""Instrument files are judged before a runtime sees them, wherever in the graph the fault hides."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from builders import effect_bytes, sampler_bytes, write_effect, write_sampler
from onnx import TensorProto, helper, numpy_helper

from realtime.plugins.onnx import file as loader
from realtime.plugins.onnx.file import read_instrument
from synth.contract import ModelFileError

Change = Callable[[Any], object]
WEIGHT = numpy_helper.from_array(np.ones(3, np.float32), "hidden")


@pytest.mark.parametrize("write", [write_sampler, write_effect])
def test_a_good_file_comes_back_as_it_is(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    path = write(tmp_path)
    data, manifest = read_instrument(str(path))
    assert data == path.read_bytes()
    assert manifest.name == path.stem


def refused(path: Path, change: Change) -> str:
    """What is said of the effect after `change(model)`."""
    model = onnx.load_from_string(effect_bytes())
    change(model)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError) as caught:
        read_instrument(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert "\n" not in said
    return said


def elsewhere(tensor: Any) -> Any:
    """The tensor, its data in another file."""
    moved = TensorProto()
    moved.CopyFrom(tensor)
    moved.ClearField("raw_data")
    moved.data_location = TensorProto.EXTERNAL
    moved.external_data.add(key="location", value="/etc/passwd")
    return moved


def branch(*nodes: Any, weights: tuple[Any, ...] = ()) -> Any:
    """A node that has a graph of its own."""
    out = helper.make_tensor_value_info("b", TensorProto.FLOAT, None)
    graph = helper.make_graph(list(nodes), "branch", [], [out], weights)
    return helper.make_node("If", ["c"], ["d"], then_branch=graph, else_branch=graph)


def constant(tensor: Any) -> Any:
    return helper.make_node("Constant", [], ["k"], value=tensor)


def sparse(values: Any, indices: Any) -> Any:
    return helper.make_sparse_tensor(values, indices, [9])


INDICES = numpy_helper.from_array(np.arange(3, dtype=np.int64), "indices")
OUTSIDE: dict[str, Change] = {
    "weight": lambda m: m.graph.initializer.append(elsewhere(WEIGHT)),
    "constant": lambda m: m.graph.node.append(constant(elsewhere(WEIGHT))),
    "in a branch": lambda m: m.graph.node.append(branch(weights=(elsewhere(WEIGHT),))),
    "in a branch of a branch": lambda m: m.graph.node.append(
        branch(branch(constant(elsewhere(WEIGHT))))
    ),
    "sparse values": lambda m: m.graph.sparse_initializer.append(
        sparse(elsewhere(WEIGHT), INDICES)
    ),
    "sparse indices": lambda m: m.graph.sparse_initializer.append(
        sparse(WEIGHT, elsewhere(INDICES))
    ),
}


@pytest.mark.parametrize("place", OUTSIDE)
def test_data_in_other_files_is_found_everywhere(tmp_path: Path, place: str) -> None:
    assert "is in another file" in refused(tmp_path / "x.onnx", OUTSIDE[place])


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_found(
    tmp_path: Path, kind: type[np.floating[Any]], value: float
) -> None:
    tensor = numpy_helper.from_array(np.array([0, value, 1], kind), "hidden")
    for place in (constant(tensor), branch(constant(tensor))):
        said = refused(tmp_path / "x.onnx", lambda m, n=place: m.graph.node.append(n))  # type: ignore[misc]
        assert "'hidden' holds values that are not finite" in said


OWN = helper.make_node("Relu", ["a"], ["b"], domain="com.example")


def add_function(model: Any) -> None:
    made = helper.make_function("com.example", "F", ["a"], ["b"], [], [helper.make_opsetid("", 18)])
    model.functions.append(made)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.graph.node.append(OWN),
        lambda m: m.graph.node.append(branch(OWN)),
        lambda m: m.opset_import.append(helper.make_opsetid("com.example", 1)),
        add_function,
    ],
    ids=["node", "node in a branch", "imported", "function"],
)
def test_operators_of_others_are_refused(tmp_path: Path, change: Change) -> None:
    assert "only ONNX's" in refused(tmp_path / "x.onnx", change)


def test_size_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_sampler(tmp_path)
    nodes = len(onnx.load_from_string(sampler_bytes()).graph.node)
    monkeypatch.setattr(loader, "MAX_NODES", nodes - 1)
    with pytest.raises(ModelFileError, match=f"more than {nodes - 1} nodes"):
        read_instrument(path)
    monkeypatch.setattr(loader, "MAX_BYTES", path.stat().st_size - 1)
    with pytest.raises(ModelFileError, match=r"MB; at most"):
        read_instrument(path)


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    """Not there, a folder, and a pipe that nobody will ever write to."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "nowhere", tmp_path, tmp_path / "pipe"):
        with pytest.raises(ModelFileError) as caught:
            read_instrument(path)
        assert str(caught.value).startswith(f"{path}: ")


def test_wounded_files_are_read_or_refused(tmp_path: Path) -> None:
    """Flipped, cut and repeated bytes end in nothing but a `ModelFileError`."""
    random_, whole = random.Random(1), sampler_bytes()
    # Most of a file is weights; its structure is what follows names.
    marks = [i for i in range(len(whole) - 8) if whole[i : i + 4] in (b"stat", b"audi", b"ai.o")]
    path, said, read = tmp_path / "wounded.onnx", [], 0
    for turn in range(200):
        data = bytearray(whole)
        for _ in range(random_.randint(1, 4)):
            near = random_.choice(marks) if turn % 2 else random_.randrange(len(data))
            data[min(near + random_.randint(-8, 8), len(data) - 1)] = random_.randrange(256)
        if turn % 5 == 0:
            del data[random_.randrange(len(data)) :]
        path.write_bytes(data)
        try:
            read_instrument(path)
            read += 1
        except ModelFileError as error:
            said.append(str(error))
    assert read
    assert said
    assert all(text.startswith(f"{path}: ") for text in said)
