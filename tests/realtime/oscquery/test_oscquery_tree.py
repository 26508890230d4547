"""The tree that OSCQuery shows: every address once, with what the proposal wants to be said."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from realtime.namespace.event import NOW, Event
from realtime.namespace.global_addresses import GLOBAL_EVENTS, GLOBAL_VALUES
from realtime.namespace.namespace import Namespace
from realtime.namespace.values import Values
from realtime.oscquery.tree import (
    ATTRIBUTES,
    NoContentError,
    Tree,
    UnknownAttributeError,
    UnknownPathError,
)
from synth.contract import Control, Place

CONTROLS = (
    Control("position", unit="s", description="where it plays"),
    Control(
        "latent",
        3,
        (-1.0, -2.0, -3.0),
        (1.0, 2.0, 3.0),
        (0.0, 0.5, 0.0),
        per_voice=True,
        role="latent",
    ),
    Control("sound", 1, (0.0,), (7.0,), (2.0,), curve="integer", role="sound"),
    Control("hold", curve="toggle"),
)


@pytest.fixture
def namespace() -> Namespace:
    return Namespace({"codec": CONTROLS})


def walk(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node, *(found for child in node.get("CONTENTS", {}).values() for found in walk(child))]


def test_every_address_is_there_once_and_can_be_sent(namespace: Namespace) -> None:
    """What the tree says of TYPE and RANGE is what the namespace takes, unclamped."""
    nodes = walk(Tree(namespace).node("/"))
    paths = [n["FULL_PATH"] for n in nodes]
    assert len(paths) == len(set(paths))
    assert {*namespace.controls, *GLOBAL_EVENTS} <= set(paths)
    assert {f"/codec/latent/{i}" for i in range(3)} <= set(paths)
    for node in nodes:
        if node["ACCESS"] & 2 and "RANGE" in node:
            for end in ("MIN", "MAX"):
                namespace.resolve(node["FULL_PATH"], [r[end] for r in node["RANGE"]])
    assert namespace.counters == {"clamped": 0, "refused": 0}


def test_members_mirror_the_type_tag(namespace: Namespace) -> None:
    """ "The number of elements in VALUE, RANGE, UNIT and CLIPMODE is determined by TYPE." """
    for node in walk(Tree(namespace).node("/")):
        assert set(node) <= ATTRIBUTES
        assert node["FULL_PATH"].startswith("/")
        assert ("TYPE" in node) or ("CONTENTS" in node)
        for name in ("VALUE", "RANGE", "UNIT", "CLIPMODE"):
            if name in node:
                assert len(node[name]) == len(node["TYPE"]), node
        assert ("VALUE" in node) == bool(node["ACCESS"] & 1)


def test_a_scalar_a_vector_an_integer_and_a_toggle(namespace: Namespace) -> None:
    tree = Tree(namespace)
    assert tree.node("/codec/position") == {
        "FULL_PATH": "/codec/position",
        "ACCESS": 3,
        "TAGS": ["control"],
        "TYPE": "f",
        "DESCRIPTION": "where it plays",
        "RANGE": [{"MIN": 0.0, "MAX": 1.0}],
        "CLIPMODE": ["both"],
        "UNIT": ["time.second"],
        "VALUE": [0.0],
    }
    vector = tree.node("/codec/latent")
    assert vector["TYPE"] == "fff"
    assert vector["RANGE"][1] == {"MIN": -2.0, "MAX": 2.0}
    assert vector["VALUE"] == [0.0, 0.5, 0.0]
    assert vector["TAGS"] == ["control", "per_voice", "latent"]
    assert vector["CONTENTS"]["1"]["VALUE"] == [0.5]
    assert vector["CONTENTS"]["1"]["RANGE"] == [{"MIN": -2.0, "MAX": 2.0}]
    assert tree.node("/codec/sound")["TYPE"] == "i"
    assert json.dumps(tree.node("/codec/sound")["VALUE"]) == "[2]"
    assert tree.node("/codec/hold")["RANGE"] == [{"MIN": 0, "MAX": 1, "VALS": [0, 1]}]


def test_notes_can_only_be_sent_and_a_button_needs_nothing(namespace: Namespace) -> None:
    tree = Tree(namespace)
    note = tree.node("/note/on")
    assert (note["ACCESS"], note["TYPE"], note["RANGE"][0]) == (2, "if", {"MIN": 0, "MAX": 127})
    assert "starts a note" in note["DESCRIPTION"]
    panic = tree.node("/panic")
    assert (panic["ACCESS"], panic["TYPE"]) == (2, "I")
    assert "RANGE" not in panic
    assert all(tree.readable(address) for address in GLOBAL_VALUES)
    assert not tree.readable("/note/on")


def test_values_are_those_of_the_moment(namespace: Namespace) -> None:
    values = Values()
    values.set_namespace(namespace)
    tree = Tree(namespace, values.get, ["/meter/rms_db"])
    assert tree.value("/codec/latent") == [0.0, 0.5, 0.0]
    values.observe(Event(NOW, "/codec/latent/2", (-1.5,)))
    values.observe(Event(NOW, "/codec/sound", (5.0,)))
    values.meter("/meter/rms_db", -math.inf)
    assert tree.value("/codec/latent") == [0.0, 0.5, -1.5]
    assert tree.value("/codec/latent/2") == [-1.5]
    assert tree.value("/codec/sound") == [5]
    meter = tree.node("/meter/rms_db")
    assert (meter["ACCESS"], meter["TYPE"]) == (1, "f")
    assert math.isfinite(meter["VALUE"][0])
    json.dumps(tree.node("/"), allow_nan=False)


def test_attributes_and_what_is_wrong_with_a_query(namespace: Namespace) -> None:
    """204, 400 and 404 of the proposal are told apart."""
    tree = Tree(namespace)
    assert tree.attribute("/codec/position", "TYPE") == {"TYPE": "f"}
    assert set(tree.attribute("/", "CONTENTS")["CONTENTS"]) >= {"codec", "note", "panic"}
    for path, name in (("/note/on", "VALUE"), ("/codec", "TYPE"), ("/panic", "RANGE")):
        with pytest.raises(NoContentError, match=name):
            tree.attribute(path, name)
    with pytest.raises(UnknownAttributeError, match="GABBAGABBAHEY"):
        tree.attribute("/codec/position", "GABBAGABBAHEY")
    for path in ("/codec/nothing", "/codec/latent/3", "", "codec", "//"):
        with pytest.raises(UnknownPathError):
            tree.node(path)


def test_what_says_whether_latent_is_a_place_has_a_tag() -> None:
    tree = Tree(Namespace({"codec": (*CONTROLS, Control("free", role="place"))}))
    assert tree.node("/codec/free")["TAGS"] == ["control", "place"]


def test_elements_know_their_vector(namespace: Namespace) -> None:
    tree = Tree(namespace)
    assert tree.owner("/codec/latent/1") == "/codec/latent"
    assert tree.owner("/codec/position") == "/codec/position"


def test_a_map_can_only_be_read(namespace: Namespace) -> None:
    """In arrays, as the proposal writes them: "[" and "]" in TYPE, a list in VALUE."""
    places = (Place("oboe", (0.5, -1.0, 0.25)), Place("Flöte", (1.0, 2.0, 0.0)))
    tree = Tree(Namespace({"codec": CONTROLS}, maps={"codec": places}), commands=["/codec/map"])
    node = tree.node("/")["CONTENTS"]["codec"]["CONTENTS"]["map"]
    assert node["TYPE"] == "[sfff][sfff]"
    assert node["VALUE"] == [["oboe", 0.5, -1.0, 0.25], ["Flöte", 1.0, 2.0, 0.0]]
    assert (node["ACCESS"], node["TAGS"]) == (1, ["map"])
    assert set(node) <= ATTRIBUTES
    assert tree.attribute("/codec/map", "VALUE") == {"VALUE": node["VALUE"]}
    assert not tree.readable("/codec/map")
    assert "/codec/map" not in Tree(namespace).methods


def test_commands_say_what_they_take(namespace: Namespace) -> None:
    tree = Tree(namespace, commands=["/snapshot/recall", "/pad/blend/store", "/something/new"])
    recall = tree.node("/snapshot/recall")
    assert (recall["ACCESS"], recall["TYPE"], recall["TAGS"]) == (2, "sf", ["command"])
    assert "glide" in recall["DESCRIPTION"]
    assert tree.node("/pad/blend/store")["TYPE"] == "ff"
    assert tree.node("/something/new")["TYPE"] == "s"
