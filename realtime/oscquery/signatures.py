"""What the commands that OSC answers in words take, and what they do: for the OSCQuery tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Signature(NamedTuple):
    """The type tags of a command's arguments, the optional ones too (I: none are needed), and a
    sentence about it."""

    types: str
    text: str


SIGNATURES: Mapping[str, Signature] = {
    "/status": Signature("I", "answers /status.reply with numbers"),
    "/status/floats": Signature("I", "answers /status.floats with the same numbers as floats"),
    "/status/names": Signature("I", "answers /status/names.reply: what those numbers are"),
    "/version": Signature("I", "answers /version.reply"),
    "/sync": Signature("i", "id: answers /synced once all before it is taken"),
    "/notify": Signature("i", "1: send changes of state here; 0: no more"),
    "/replyport": Signature("i", "port to answer to; 0: the one sent from"),
    "/dumpOSC": Signature("i", "print what comes in: 0 nothing, 1 messages, 2 bytes, 3 both"),
    "/clearSched": Signature("I", "forgets what is scheduled"),
    "/subscribe": Signature("sf", "address, rate in Hz: streams its value here"),
    "/unsubscribe": Signature("s", "address: streams it no more; without one, all"),
    "/learn": Signature("sff", "control, minimum, maximum: what moves next moves it"),
    "/forget": Signature("s", "control: nothing moves it any more"),
    "/mapping/save": Signature("s", "name: saves what moves what"),
    "/mapping/load": Signature("s", "name: takes a saved map"),
    "/mapping/list": Signature("I", "answers /mapping/list.reply with names"),
    "/snapshot/store": Signature("s", "name: keeps all controls"),
    "/snapshot/recall": Signature("sf", "name, seconds: brings them back in a glide"),
    "/snapshot/morph": Signature("ssf", "name, name, 0 … 1: a place between two"),
    "/snapshot/list": Signature("i", "answers /snapshot/list.reply with names, from that one on"),
    "/record/start": Signature("s", "name: records sound and events"),
    "/record/stop": Signature("I", "ends the recording"),
}
PAD_SIGNATURES: Mapping[str, Signature] = {
    "store": Signature("ff", "x, y: keeps where the axes stand, at a place of the pad"),
    "clear": Signature("ff", "x, y: forgets the point next to it; without, all"),
}
_OTHER = Signature("s", "")


def signature_of(address: str) -> Signature:
    """The signature of any command; one text for those that are not known here."""
    if address.startswith("/pad/"):
        return PAD_SIGNATURES.get(address.rpartition("/")[2], _OTHER)
    return SIGNATURES.get(address, _OTHER)
