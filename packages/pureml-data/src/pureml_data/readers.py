"""Tables as datasets: arrays by name, pandas frames, CSV and Parquet files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from pureml_core import default_dtype

from .dataset import TensorDataset
from .encoding import LabelEncoder

if TYPE_CHECKING:
    from pandas import DataFrame


def from_arrays(*arrays: Any) -> TensorDataset:
    """A dataset of arrays, or of the arrays in a mapping, in its order, such as an open npz file.

    Args:
        arrays: (N, ...) each, or a single mapping of names to such.

    Raises:
        ValueError: none, one without axes, or unequal lengths; of a mapping, it names them.

    >>> from_arrays({"x": np.ones((2, 3)), "y": np.array([0, 1])})[1]
    (Tensor([1., 1., 1.]), Tensor(1))
    """
    if len(arrays) != 1 or not isinstance(arrays[0], Mapping):
        return TensorDataset(*arrays)
    try:
        return TensorDataset(*arrays[0].values())
    except ValueError as error:
        raise ValueError(f"from_arrays: given {', '.join(map(str, arrays[0])) or 'no names'}: {error}") from None


def from_pandas(
    frame: DataFrame,
    target: str | Sequence[str] | None = None,
    *,
    features: Sequence[str] | None = None,
    labels: LabelEncoder | None = None,
    dtype: Any = None,
) -> TensorDataset:
    """The rows of a DataFrame as samples (x, y), or (x,) without a target.

    Args:
        frame: columns of numbers or booleans; that of the target may hold anything that `labels` can encode.
        target: the column y, (N,), or several, (N, K). Integers and booleans become int64: class numbers; floating
            numbers take `dtype`.
        features: the columns x, (N, F), in this order. None: all but the target.
        labels: encodes the target; one that is not fitted yet is fitted on it, so that the same encoder then reads
            the test data.
        dtype: floating, of x; None: the default dtype.

    Raises:
        KeyError: there is no such column.
        TypeError: a column holds other things than numbers.
        ValueError: values are missing, or there are no features.
    """
    dtype = np.dtype(default_dtype() if dtype is None else dtype)
    targets = [target] if isinstance(target, str) else list(target or [])
    names = [name for name in frame.columns if name not in targets] if features is None else list(features)
    if missing := [name for name in [*names, *targets] if name not in frame.columns]:
        raise KeyError(f"from_pandas: no columns {missing}; there are {list(frame.columns)}")
    if not names:
        raise ValueError(f"from_pandas: no features left of the columns {list(frame.columns)}")
    if gaps := {name: int(n) for name in [*names, *targets] if (n := frame[name].isna().sum())}:
        raise ValueError(f"from_pandas: missing values in {gaps}; frame.dropna() or frame.fillna(...) first")
    x = np.stack([_numeric(frame, name).astype(dtype) for name in names], axis=1)
    if not targets:
        return TensorDataset(x)
    if labels is not None:
        values = frame[targets[0] if len(targets) == 1 else targets].to_numpy()
        encoder = labels if labels.classes is not None else labels.fit(values)
        return TensorDataset(x, encoder(values))
    columns = [_numeric(frame, name) for name in targets]
    y = np.stack([c.astype(np.int64 if c.dtype.kind in "biu" else dtype) for c in columns], axis=1)
    return TensorDataset(x, y[:, 0] if isinstance(target, str) else y)


def read_csv(
    path: str | PathLike[str],
    target: str | Sequence[str] | None = None,
    *,
    features: Sequence[str] | None = None,
    labels: LabelEncoder | None = None,
    dtype: Any = None,
    **settings: Any,
) -> TensorDataset:
    """The rows of a CSV file as samples; needs `pip install pureml-data[pandas]`.

    Args:
        path: a file, possibly compressed, or whatever `pandas.read_csv` takes.
        target, features, labels, dtype: as in `from_pandas`.
        settings: of `pandas.read_csv`, such as `sep` or `nrows`.

    Raises:
        ImportError: pandas is not installed.
        FileNotFoundError: there is no such file.
        KeyError, TypeError, ValueError: as in `from_pandas`.
    """
    frame = _pandas("read_csv")(path, **settings)
    return from_pandas(frame, target, features=features, labels=labels, dtype=dtype)


def read_parquet(
    path: str | PathLike[str],
    target: str | Sequence[str] | None = None,
    *,
    features: Sequence[str] | None = None,
    labels: LabelEncoder | None = None,
    dtype: Any = None,
    **settings: Any,
) -> TensorDataset:
    """The rows of a Parquet file as samples; needs `pip install pureml-data[pandas]`.

    Args:
        path: a file or folder, or whatever `pandas.read_parquet` takes.
        target, features, labels, dtype: as in `from_pandas`.
        settings: of `pandas.read_parquet`, such as `columns` or `filters`.

    Raises:
        ImportError: pandas or pyarrow is not installed.
        FileNotFoundError: there is no such file.
        KeyError, TypeError, ValueError: as in `from_pandas`.
    """
    frame = _pandas("read_parquet", "pyarrow")(path, **settings)
    return from_pandas(frame, target, features=features, labels=labels, dtype=dtype)


def _pandas(reader: str, *engines: str) -> Callable[..., Any]:
    from importlib import import_module

    try:
        for engine in engines:
            import_module(engine)
        import pandas
    except ImportError as error:
        raise ImportError(f"{reader}: needs pandas; pip install pureml-data[pandas]", name=error.name) from error
    found: Callable[..., Any] = getattr(pandas, reader)
    return found


def _numeric(frame: DataFrame, name: str) -> np.ndarray:
    from pandas.api import types

    if types.is_bool_dtype(frame[name]) or types.is_integer_dtype(frame[name]) or types.is_float_dtype(frame[name]):
        values: np.ndarray = frame[name].to_numpy()  # pandas' own integers (Int64) come as objects
        kind = np.int64 if types.is_integer_dtype(frame[name]) else np.float64
        return values if values.dtype.kind in "biuf" else values.astype(kind)
    raise TypeError(
        f"from_pandas: column {name!r} holds {frame[name].dtype}, needed numbers; labels=LabelEncoder() encodes a "
        "target, pandas.get_dummies(frame) features"
    )
