# Builds a COMP that plays `default` on a running `synth play`: a parameter for every control, a
# pulse for every button, OSC out and in. Made by `synth clients`.
#
# In TouchDesigner: put this text into a Text DAT and choose Run Script, or in the Textport
#     exec(open("build.py").read())
# Running it again builds the COMP anew. Afterwards, with op("synth") being the COMP:
#     op("synth").par.Defaultpositionx1 = 0.3
#     op("synth/oscout").sendOSC("/note/on", [60, 100])
#     op("synth/oscout").sendOSC("/note/off", [60])
# Answers come into the DAT op("synth/answers"). Numbers that stream go into a CHOP, which takes
# numbers only, so they are asked for by a sender of their own:
#     op("synth/subscriber").sendOSC("/subscribe", ["/meter/peak", 30.0])
#     op("synth/values")["meter/peak"]

HOST, PORT = "127.0.0.1", 9000
REPLY_PORT, VALUES_PORT = 9012, 9013

# Parameter, address, lowest value, highest value, default, whether whole, label.
CONTROLS = (
    ("Defaultsoundx0", "/default/sound", 0, 7, 0, True, "sound"),
    ("Defaultpositionx1", "/default/position", 0, 1, 0, False, "position"),
    ("Defaultspeedx2", "/default/speed", -4, 4, 1, False, "speed"),
    ("Defaultloopx3", "/default/loop", 0, 2, 1, True, "loop"),
    ("Defaultattackx4", "/default/attack", 0.001, 4, 0.003, False, "attack"),
    ("Defaultreleasex5", "/default/release", 0.01, 8, 0.4, False, "release"),
    ("Defaultlatent0x6", "/default/latent/0", -9.22424984, 10.7973919, 0, False, "latent/0"),
    ("Defaultlatent1x7", "/default/latent/1", -10.2841692, 9.06108379, 0, False, "latent/1"),
    ("Defaultlatent2x8", "/default/latent/2", -11.815937, 6.73949862, 0, False, "latent/2"),
    ("Defaultlatent3x9", "/default/latent/3", -7.1947999, 7.21983051, 0, False, "latent/3"),
    ("Defaultlatent4x10", "/default/latent/4", -5.30969381, 5.40229654, 0, False, "latent/4"),
    ("Defaultlatent5x11", "/default/latent/5", -5.08238602, 5.25233173, 0, False, "latent/5"),
    ("Defaultlatent6x12", "/default/latent/6", -4.17908049, 4.17470551, 0, False, "latent/6"),
    ("Defaultlatent7x13", "/default/latent/7", -3.76585507, 3.63846064, 0, False, "latent/7"),
    ("Gainx14", "/gain", -80, 12, 0, False, "gain"),
    ("Sustainx15", "/sustain", 0, 1, 0, True, "sustain"),
    ("Sostenutox16", "/sostenuto", 0, 1, 0, True, "sostenuto"),
    ("Softx17", "/soft", 0, 1, 0, True, "soft"),
    ("Pitchbendx18", "/pitch_bend", -96, 96, 0, False, "pitch_bend"),
    ("Pressurex19", "/pressure", 0, 1, 0, False, "pressure"),
    ("Timbrex20", "/timbre", 0, 1, 0.5, False, "timbre"),
    ("Tempox21", "/tempo", 20, 500, 120, False, "tempo"),
)

# Parameter, address.
BUTTONS = (
    ("Allnotesoffx22", "/all_notes_off"),
    ("Panicx23", "/panic"),
    ("Transportstartx24", "/transport/start"),
    ("Transportstopx25", "/transport/stop"),
    ("Transportcontinuex26", "/transport/continue"),
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
    page = comp.appendCustomPage("Default")
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
    addresses = {entry[0]: entry[1] for entry in CONTROLS + BUTTONS}
    watch.text = "ADDRESSES = " + repr(addresses) + "\n" + CALLBACKS
    watch.par.op = ".."
    watch.par.pars = "*"
    watch.par.custom, watch.par.builtin = True, False
    watch.par.valuechange, watch.par.onpulse = True, True
    for index, made in enumerate((out, subscriber, answers, values, watch)):
        made.nodeX, made.nodeY = 0, -150 * index
    out.sendOSC("/replyport", [REPLY_PORT])
    subscriber.sendOSC("/replyport", [VALUES_PORT])


build(parent() if "parent" in globals() else op("/project1"))
