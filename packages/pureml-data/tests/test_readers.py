"""Tables: what becomes features and target, and what is refused, in frames and in files."""

import subprocess
import sys

import numpy as np
import pytest
from pureml_core import Tensor
from pureml_data import LabelEncoder, TensorDataset, from_arrays, from_pandas, read_csv, read_parquet

ROWS = {"a": [1, 2, 3], "b": [0.5, 1.5, 2.5], "c": [True, False, True], "kind": ["x", "y", "x"], "n": [2, 0, 1]}


def test_arrays_by_name_or_place(tmp_path):
    x, y = np.ones((2, 3), np.float32), Tensor(np.array([0, 1]))
    np.savez(tmp_path / "both.npz", x=x, y=y.data)
    with np.load(tmp_path / "both.npz") as file:
        for data in (from_arrays(x, y), from_arrays({"x": x, "y": y}), from_arrays(file)):
            assert type(data) is TensorDataset and len(data) == 2
            assert data[1][0].dtype == np.float32 and data[1][1].item() == 1
    with pytest.raises(ValueError, match=r"given x, y: TensorDataset.*\(2, 3\), \(3,\)"):
        from_arrays({"x": x, "y": np.zeros(3)})
    with pytest.raises(ValueError, match=r"no names.*at least one"):
        from_arrays({})


def table():
    return pytest.importorskip("pandas").DataFrame(ROWS)


def test_features_and_target():
    frame = table()
    numbers = frame.drop(columns="kind")
    (x,) = from_pandas(numbers).arrays
    assert x.dtype == np.float32 and x.tolist() == [[1, 0.5, 1, 2], [2, 1.5, 0, 0], [3, 2.5, 1, 1]]
    x, y = from_pandas(frame, "n", features=["b", "a"], dtype=np.float64).arrays
    assert x.dtype == np.float64 and x.tolist() == [[0.5, 1], [1.5, 2], [2.5, 3]]
    assert y.dtype == np.int64 and y.tolist() == [2, 0, 1]
    assert from_pandas(numbers, "b").arrays[1].dtype == np.float32
    assert from_pandas(numbers, ["n", "b"]).arrays[1].dtype == np.float32
    assert from_pandas(numbers, "n", features="a").arrays[0].tolist() == [[1], [2], [3]]
    assert from_pandas(numbers, ["n", "a"]).arrays[1].tolist() == [[2, 1], [0, 2], [1, 3]]
    assert from_pandas(numbers.convert_dtypes(), "n").arrays[0].tolist() == from_pandas(numbers, "n").arrays[0].tolist()


def test_an_encoder_learns_from_the_first_table_and_reads_the_second():
    frame, labels = table(), LabelEncoder()
    for kinds in (frame["kind"], frame["kind"].astype("category")):
        x, y = from_pandas(frame.assign(kind=kinds), "kind", labels=labels).arrays
        assert x.shape == (3, 4) and y.tolist() == [0, 1, 0]
    assert from_pandas(frame[1:2], "kind", labels=labels).arrays[1].tolist() == [1]
    with pytest.raises(ValueError, match=r"unknown labels \['z'\]"):
        from_pandas(frame.assign(kind="z"), "kind", labels=labels)


def test_tables_that_are_refused():
    frame = table()
    for wrong, arguments, error, says in [
        (frame, {}, TypeError, "column 'kind' holds .*get_dummies"),
        (frame, {"target": "kind"}, TypeError, r"labels=LabelEncoder\(\)"),
        (frame, {"target": "z"}, KeyError, r"no columns \['z'\]"),
        (frame, {"target": "a", "features": ["q"]}, KeyError, "'q'"),
        (frame[["a"]], {"target": "a"}, ValueError, "no features left"),
        (frame["a"], {}, TypeError, "must be a DataFrame, given Series"),
        (frame[["a"]], {"dtype": int}, TypeError, "dtype must be floating, given int64"),
        (frame[["a"]], {"labels": LabelEncoder()}, ValueError, r"labels encode one target, given \[\]"),
        (frame[["a", "b", "b"]], {"target": "a"}, ValueError, "names of columns repeat"),
        (frame.assign(n=np.array([0, 1, 2**63], np.uint64)), {"target": "n", "features": ["a"]}, ValueError, "int64"),
        (frame.assign(b=[1, np.nan, np.nan])[["a", "b"]], {}, ValueError, r"missing values in {'b': 2}.*dropna"),
    ]:
        with pytest.raises(error, match=says):
            from_pandas(wrong, **arguments)


def test_columns_without_a_header_go_by_their_numbers(tmp_path):
    pytest.importorskip("pandas")
    (tmp_path / "table.csv").write_text("1,2,3\n4,5,6\n")
    for target, expected in ((0, [1, 4]), (np.int64(2), [3, 6])):
        x, y = read_csv(tmp_path / "table.csv", target, header=None).arrays
        assert x.shape == (2, 2) and y.tolist() == expected


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet"])
def test_files(tmp_path, kind):
    frame, path = table(), tmp_path / f"table.{kind}"
    if kind == "parquet":
        pytest.importorskip("pyarrow")
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    read = read_parquet if kind == "parquet" else read_csv
    for got, expected in zip(
        read(path, "kind", labels=LabelEncoder()).arrays,
        from_pandas(frame, "kind", labels=LabelEncoder()).arrays,
        strict=True,
    ):
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none", "kind")
    if kind == "csv":
        assert len(read_csv(path, "n", features=["a"], nrows=2)) == 2


def test_without_pandas_an_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    for read in (read_csv, read_parquet):
        with pytest.raises(ImportError, match=r"pip install pureml-data\[pandas\]"):
            read("x")


def test_importing_the_package_loads_no_pandas():
    code = "import sys, pureml_data; assert not {'pandas', 'pyarrow', 'zarr'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
