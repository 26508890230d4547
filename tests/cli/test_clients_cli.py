"""`synth clients`: writes files and says which; what can't be done is one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import write_effect
from cli_rig import call


def test_it_writes_and_lists_the_clients(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "clients"
    done = call(capsys, "clients", write_effect(tmp_path), "--out", out, "--osc-port", 7777)
    assert done.code == 0, done.err
    written = [Path(line) for line in done.out.splitlines()]
    assert len(written) == 5
    for path in written:
        assert path.is_relative_to(out)
        text = path.read_text("utf-8")
        assert "7777" in text
        assert "mix" in text


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nothing.onnx",), 3, "nothing.onnx"),
        (("default", "--osc-port", "0"), 2, "--osc-port"),
        (("default", "--out", "/dev/null/x"), 3, "--out"),
    ],
)
def test_what_is_wrong_is_one_line(
    arguments: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done = call(capsys, "clients", *arguments)
    assert done.code == code
    assert said in done.err
    assert "Traceback" not in done.err
