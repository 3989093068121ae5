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
    target: str | int | Sequence[str | int] | None = None,
    *,
    features: str | Sequence[str | int] | None = None,
    labels: LabelEncoder | None = None,
    dtype: Any = None,
) -> TensorDataset:
    """The rows of a DataFrame as samples (x, y), or (x,) without a target.

    Args:
        frame: columns of numbers or booleans; that of the target may hold anything that `labels` can encode.
        target: the column y, (N,), or several, (N, K). Integers and booleans become int64: class numbers; floating
            numbers take `dtype`, and so do all when one is floating. Columns without a header go by their numbers.
        features: the columns x, (N, F), in this order. None: all but the target.
        labels: encodes the target; one that is not fitted yet is fitted on it, so that the same encoder then reads
            the test data.
        dtype: floating, of x; None: the default dtype.

    Raises:
        KeyError: there is no such column.
        TypeError: a column holds other things than numbers, `dtype` is not floating, or `frame` is no table.
        ValueError: values are missing, there are no features, names repeat, or `labels` have not one target.
    """
    if not hasattr(frame, "columns"):
        raise TypeError(f"from_pandas: frame must be a DataFrame, given {type(frame).__name__}")
    dtype = np.dtype(default_dtype() if dtype is None else dtype)
    if dtype.kind != "f":
        raise TypeError(f"from_pandas: dtype must be floating, given {dtype}")
    targets: list[Any]
    if single := isinstance(target, str | int | np.integer):  # columns without a header are numbered
        targets = [target]
    else:
        targets = [] if target is None else list(target)
    if labels is not None and len(targets) != 1:
        raise ValueError(f"from_pandas: labels encode one target, given {targets}")
    if isinstance(features, str):
        features = [features]
    names = [name for name in frame.columns if name not in targets] if features is None else list(features)
    if missing := [name for name in [*names, *targets] if name not in frame.columns]:
        raise KeyError(f"from_pandas: no columns {missing}; there are {list(frame.columns)}")
    if not frame.columns[frame.columns.isin([*names, *targets])].is_unique:
        raise ValueError(f"from_pandas: names of columns repeat in {list(frame.columns)}")
    if not names:
        raise ValueError(f"from_pandas: no features left of the columns {list(frame.columns)}")
    if gaps := {name: int(n) for name in [*names, *targets] if (n := frame[name].isna().sum())}:
        raise ValueError(f"from_pandas: missing values in {gaps}; frame.dropna() or frame.fillna(...) first")
    x = np.stack([_numeric(frame, name).astype(dtype) for name in names], axis=1)
    if not targets:
        return TensorDataset(x)
    if labels is not None:
        values = frame[targets[0]].to_numpy()
        encoder = labels if labels.classes is not None else labels.fit(values)
        return TensorDataset(x, encoder(values))
    columns = [_numeric(frame, name) for name in targets]
    if any(c.dtype.kind == "u" and c.max(initial=0) > np.iinfo(np.int64).max for c in columns):
        raise ValueError(f"from_pandas: {targets} holds integers beyond int64; labels=LabelEncoder() numbers them")
    whole = all(c.dtype.kind in "biu" for c in columns)
    y = np.stack([c.astype(np.int64 if whole else dtype) for c in columns], axis=1)
    return TensorDataset(x, y[:, 0] if single else y)


def read_csv(
    path: str | PathLike[str],
    target: str | int | Sequence[str | int] | None = None,
    *,
    features: str | Sequence[str | int] | None = None,
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
    target: str | int | Sequence[str | int] | None = None,
    *,
    features: str | Sequence[str | int] | None = None,
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


def _numeric(frame: DataFrame, name: Any) -> np.ndarray:
    from pandas.api import types

    if types.is_bool_dtype(frame[name]) or types.is_integer_dtype(frame[name]) or types.is_float_dtype(frame[name]):
        values: np.ndarray = frame[name].to_numpy()  # pandas' own integers (Int64) come as objects
        kind = np.int64 if types.is_integer_dtype(frame[name]) else np.float64
        return values if values.dtype.kind in "biuf" else values.astype(kind)
    raise TypeError(
        f"from_pandas: column {name!r} holds {frame[name].dtype}, needed numbers; labels=LabelEncoder() encodes a "
        "target, pandas.get_dummies(frame) features"
    )
