"""Parts of a module that nn~ loads: attributes, their methods, and levels that don't click."""

# The scripting compiler needs annotations that are types, so no `from __future__` import here.
import torch
from torch import Tensor

from synth.contract import Control

BOOL, INT, FLOAT = 0, 1, 2  # type ids of nn~


def ramp(y: Tensor, before: float, now: float) -> Tensor:
    """Audio at a new level, which is reached over the block, so that it does not click.

    Args:
        y: `[batch, channels, samples]`.
        before: factor at the end of the block before.
        now: factor at the end of this block.
    """
    if before == now:
        return y * now
    steps = torch.arange(1, y.size(2) + 1, device=y.device) / y.size(2)
    return y * (before + (now - before) * steps)


def type_id(control: Control) -> int:
    """Type of a setting in nn~: `INT` or `FLOAT`."""
    return INT if control.curve == "integer" else FLOAT


def axis_labels(ranges: list[tuple[float, float]]) -> list[str]:
    """Labels of the inlets or outlets that carry a latent.

    Args:
        ranges: lowest and highest usual value along each axis.
    """
    return [
        f"(signal) latent axis {i}, {low:.3g} to {high:.3g}"
        for i, (low, high) in enumerate(ranges, 1)
    ]


def accessors(
    control: Control, get: str, set_: list[str], span: tuple[float, float] | None = None
) -> str:
    """Source of `get_` and `set_` of one setting, for `define` of a scripted module.

    A value outside the range changes nothing and returns 1.

    Args:
        control: the setting.
        get: expression of its value.
        set_: statements that take over `value`.
        span: lowest and highest value, by default those of the control.
    """
    kind = "int" if type_id(control) == INT else "float"
    low, high = span or (control.minimum[0], control.maximum[0])
    return "\n".join(
        [
            f"def get_{control.name}(self) -> Tuple[{kind}]:",
            f"    return ({get},)",
            f"def set_{control.name}(self, value: {kind}) -> int:",
            f"    if not ({low!r} <= value and value <= {high!r}):",
            "        return 1",
            *(f"    {statement}" for statement in set_),
            "    return 0",
            "",
        ]
    )
