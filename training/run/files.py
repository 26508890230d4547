"""Tensors on disk: a file is complete or absent."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from synth.contract import write_bytes


def save_tensors(path: Path, data: dict[str, Any]) -> None:
    """Write plain data and tensors with `torch.save`, atomically.

    Args:
        path: of the file; data: plain data and tensors.

    Raises:
        DataError: no room, or the folder can't be written; what was there before stays.
    """
    buffer = io.BytesIO()
    torch.save(data, buffer)
    write_bytes(path, buffer.getbuffer())
