"""Literals: values as JSON and back, none of them changed on the way."""

from __future__ import annotations

import datetime
import math
from typing import Any, TypeAlias

import numpy as np

JSON: TypeAlias = Any  # None, bool, int, float, str, list of JSON, dict of str to JSON

_TAG = "__pureml__"  # {"__pureml__": "tuple", "value": [...]}: what JSON has no word for
_DEPTH = 50


def is_literal(x: Any) -> bool:
    """Whether `encode` can put a value into JSON."""
    try:
        encode(x)
    except TypeError:
        return False
    return True


def encode(x: Any) -> JSON:
    """A value as JSON, from which `decode` makes an equal value of the same type.

    None, bool, int, float (with nan and infinities), str, date, datetime, and lists, tuples and dicts with string
    keys of these. NumPy scalars and 0-d arrays become Python scalars.

    Raises:
        TypeError: anything else, subclasses included, and nesting deeper than 50 (an object that contains itself).

    >>> encode({"betas": (0.9, float("inf"))})
    {'betas': {'__pureml__': 'tuple', 'value': [0.9, {'__pureml__': 'float', 'value': 'inf'}]}}
    """
    return _encode(x, _DEPTH)


def _encode(x: Any, depth: int) -> JSON:
    if depth < 0:
        raise TypeError(f"nested deeper than {_DEPTH}; a literal cannot contain itself")
    if isinstance(x, np.generic) or (isinstance(x, np.ndarray) and x.ndim == 0):
        x = x.item() if x.dtype.kind in "biufU" else x
    kind = type(x)
    if x is None or kind in (bool, str):
        return x
    if kind is int:  # a JSON reader may round what does not fit 64 bits, and decimal text has a length limit
        return x if x.bit_length() < 64 else {_TAG: "int", "value": hex(x)}
    if kind is float:
        return x if math.isfinite(x) else {_TAG: "float", "value": str(x)}
    if kind is list:
        return [_encode(item, depth - 1) for item in x]
    if kind is tuple:
        return {_TAG: "tuple", "value": [_encode(item, depth - 1) for item in x]}
    if kind is dict and all(type(key) is str for key in x):
        plain = {key: _encode(value, depth - 1) for key, value in x.items()}
        return {_TAG: "dict", "value": plain} if _TAG in x else plain
    if kind in (datetime.date, datetime.datetime):
        return {_TAG: kind.__name__, "value": x.isoformat()}
    raise TypeError(
        f"given {x!r:.100} of type {kind.__name__}: not a literal (None, bool, number, str, date, list, tuple, dict)"
    )


def decode(x: JSON) -> Any:
    """The value that `encode` wrote.

    Raises:
        ValueError: `x` is not of its making.
    """
    if isinstance(x, list):
        return [decode(item) for item in x]
    if not isinstance(x, dict):
        return x
    if _TAG not in x:
        return {key: decode(value) for key, value in x.items()}
    try:
        value = x["value"]
        match x[_TAG]:
            case "tuple" if isinstance(value, list):
                return tuple(decode(item) for item in value)
            case "dict" if isinstance(value, dict):
                return {key: decode(item) for key, item in value.items()}
            case "int":
                return int(value, 16)
            case "float":
                return float(value)
            case "date":
                return datetime.date.fromisoformat(value)
            case "datetime":
                return datetime.datetime.fromisoformat(value)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not an encoded literal: {x!r:.200}") from error
    raise ValueError(f"not an encoded literal: {x!r:.200}")
