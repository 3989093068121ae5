"""Converters by the keys of operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..onnx_graph import Call

Converter = Callable[["Call"], "str | list[str]"]
CONVERTERS: dict[str, Converter] = {}  # "pureml_core.exp" -> how


def converts(*keys: str) -> Callable[[Converter], Converter]:
    """Enter a converter for the operations of these keys."""

    def enter(f: Converter) -> Converter:
        CONVERTERS.update(dict.fromkeys(keys, f))
        return f

    return enter
