"""Checkpoints and models on disk."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from synth.contract import write_bytes


def save_tensors(path: Path, data: dict[str, Any]) -> None:
    """`torch.save` of plain data and tensors through `write_bytes`."""
    buffer = io.BytesIO()
    torch.save(data, buffer)
    write_bytes(path, buffer.getbuffer())
