"""A TouchDesigner script that builds the operators for an instrument."""

from __future__ import annotations

import json

from realtime.clients.surface import Surface, number

_SCRIPT = '''\
# Builds a COMP that plays `{name}` on a running `synth play`: a parameter for every control, a
# pulse for every button, OSC out and in. Made by `synth clients`.
#
# In TouchDesigner: put this text into a Text DAT and choose Run Script, or in the Textport
#     exec(open("build.py").read())
# Running it again builds the COMP anew. Afterwards, with op("synth") being the COMP:
#     op("synth").par.{first} = {far}
#     op("synth/oscout").sendOSC("/note/on", [60, 100])
#     op("synth/oscout").sendOSC("/note/off", [60])
# Answers come into the DAT op("synth/answers"). Numbers that stream go into a CHOP, which takes
# numbers only, so they are asked for by a sender of their own:
#     op("synth/subscriber").sendOSC("/subscribe", ["/meter/peak", 30.0])
#     op("synth/values")["meter/peak"]

HOST, PORT = "{host}", {port}
REPLY_PORT, VALUES_PORT = 9012, 9013

# Parameter, address, lowest value, highest value, default, whether whole, label.
CONTROLS = (
{controls}
)

# Parameter, address.
BUTTONS = (
{buttons}
)

CALLBACKS = """
def onValueChange(par, prev):
    address = ADDRESSES.get(par.name)
    if address is not None:
        op("oscout").sendOSC(address, [par.eval()])


def onPulse(par):
    address = ADDRESSES.get(par.name)
    if address is not None:
        op("oscout").sendOSC(address, [])
"""


def build(place):
    """The COMP, inside the COMP `place`."""
    old = place.op("synth")
    if old is not None:
        old.destroy()
    comp = place.create(baseCOMP, "synth")
    page = comp.appendCustomPage("{page}")
    for name, _, low, high, default, whole, label in CONTROLS:
        append = page.appendInt if whole else page.appendFloat
        (par,) = append(name, label=label)
        par.normMin, par.normMax, par.min, par.max = low, high, low, high
        par.clampMin = par.clampMax = True
        par.default = par.val = default
    for name, address in BUTTONS:
        page.appendPulse(name, label=address)
    add_operators(comp)
    return comp


def add_operators(comp):
    """OSC out and in, and what sends a parameter when it changes."""
    out = comp.create(oscoutDAT, "oscout")
    subscriber = comp.create(oscoutDAT, "subscriber")
    for sender in (out, subscriber):
        sender.par.address, sender.par.port = HOST, PORT
        sender.par.shared = False
    answers = comp.create(oscinDAT, "answers")
    answers.par.port = REPLY_PORT
    values = comp.create(oscinCHOP, "values")
    values.par.port = VALUES_PORT
    watch = comp.create(parameterexecuteDAT, "sender")
    addresses = {{entry[0]: entry[1] for entry in CONTROLS + BUTTONS}}
    watch.text = "ADDRESSES = " + repr(addresses) + "\\n" + CALLBACKS
    watch.par.op = ".."
    watch.par.pars = "*"
    watch.par.custom, watch.par.builtin = True, False
    watch.par.valuechange, watch.par.onpulse = True, True
    for index, made in enumerate((out, subscriber, answers, values, watch)):
        made.nodeX, made.nodeY = 0, -150 * index
    out.sendOSC("/replyport", [REPLY_PORT])
    subscriber.sendOSC("/replyport", [VALUES_PORT])


build(parent() if "parent" in globals() else op("/project1"))
'''


def touchdesigner_script(surface: Surface) -> str:
    """The script of a surface."""
    names = [_parameter(f.label, i) for i, f in enumerate(surface.faders)]
    controls = "\n".join(
        f'    ("{name}", "{f.address}", {number(f.minimum)}, {number(f.maximum)},'
        f" {number(f.default)}, {f.whole}, {json.dumps(f.name)}),"
        for name, f in zip(names, surface.faders, strict=True)
    )
    buttons = "\n".join(
        f'    ("{_parameter(address, i)}", "{address}"),'
        for i, address in enumerate(surface.buttons, len(names))
    )
    first = surface.faders.index(surface.mover)
    return _SCRIPT.format(
        name=surface.name, host=surface.host, port=surface.port, controls=controls,
        buttons=buttons, first=names[first], far=number(surface.mover.sweep[1]),
        page=surface.name.capitalize(),
    )  # fmt: skip


def _parameter(label: str, index: int) -> str:
    """A name as TouchDesigner wants it: one capital first, then small letters and digits; no two
    are alike because the number of the control is in it."""
    letters = "".join(c for c in label.lower() if c.isalnum() and c.isascii())
    return f"{letters[:1].upper()}{letters[1:24]}x{index}" if letters[:1].isalpha() else f"C{index}"
