"""A SuperCollider script that plays an instrument over OSC; the language alone is enough."""

from __future__ import annotations

from realtime.clients.surface import Surface, number

_SCRIPT = """\
// Plays `{name}` on a running `synth play`. No server has to be booted.
// Evaluate the block: it plays a phrase. Then, one line at a time:
//     ~synthPhrase.value;                           the phrase once more
//     ~synthFaders.value;                           a window with a fader for every control
//     ~synth.sendMsg("{mover}", {far});
//     ~synth.sendMsg("/panic");                     silence, at once
// Made by `synth clients`.
(
~synth = NetAddr("{host}", ~synthPort ? {port});

// Every control: address, lowest value, highest value, default, step.
~synthControls = [
{controls}
];

// What synth says: refusals, and the numbers of /status.
OSCdef(\\synthFail, {{ |msg| ("refused: " ++ msg[1] ++ ", " ++ msg[2]).postln }}, '/fail');
OSCdef(\\synthStatus, {{ |msg| ("status: " ++ msg[1..]).postln }}, '/status.reply');

// Three notes while a control moves, then a chord: a bundle per note, a tenth of a second apart.
~synthPhrase = {{
    fork {{
        [60, 64, 67].do {{ |key, number|
            ~synth.sendMsg("/note/on", key, 90);
            10.do {{ |step|
                ~synth.sendMsg("{mover}", {low} + ({width} * (number * 10 + step) / 30));
                0.03.wait;
            }};
            ~synth.sendMsg("/note/off", key);
        }};
        ~synth.sendMsg("{mover}", {low});
        [60, 64, 67].do {{ |key, number|
            ~synth.sendBundle(0.1 + (0.1 * number), ["/note/on", key, 70]);
        }};
        1.wait;
        ~synth.sendMsg("/all_notes_off");
        ~synth.sendMsg("/status");
    }};
}};

~synthFaders = {{
    var window = Window("{name}", Rect(100, 100, 500, 24 * ~synthControls.size));
    window.view.decorator = FlowLayout(window.view.bounds, 4@2, 4@2);
    ~synthControls.do {{ |control|
        EZSlider(window, 480@20, control[0], ControlSpec(control[1], control[2], \\lin, control[4]),
            {{ |slider| ~synth.sendMsg(control[0], slider.value) }}, control[3], labelWidth: 180);
    }};
    window.front;
}};

~synthPhrase.value;
)
"""


def supercollider_script(surface: Surface) -> str:
    """The script of a surface."""
    low, high = surface.mover.sweep
    controls = ",\n".join(
        f'    ["{f.address}", {number(f.minimum)}, {number(f.maximum)}, {number(f.default)},'
        f" {1 if f.whole else 0}]"
        for f in surface.faders
    )
    return _SCRIPT.format(
        name=surface.name, host=surface.host, port=surface.port, controls=controls,
        mover=surface.mover.address, low=float(low), width=number(high - low), far=number(high),
    )  # fmt: skip
