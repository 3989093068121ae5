"""Weights in other formats: what goes in comes out, into models all or nothing, and bad files are one clear error."""

import errno
import json
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pureml_core import Buffer, Parameter, Tensor
from pureml_core.state import Composite, State
from pureml_io import (
    ArchiveError,
    MissingArrayError,
    arrays_of,
    from_torch_state_dict,
    load,
    load_npz,
    load_safetensors,
    load_ym_pure_ml,
    restore_arrays,
    restore_ym_pure_ml,
    save_npz,
    save_onnx,
    save_safetensors,
    to_torch_state_dict,
)

try:
    import safetensors  # noqa: F401

    FORMATS = {"safetensors": (save_safetensors, load_safetensors), "npz": (save_npz, load_npz)}
except ImportError:
    FORMATS = {"npz": (save_npz, load_npz)}

needs_safetensors = pytest.mark.skipif("safetensors" not in FORMATS, reason="needs the extra safetensors")
ARCHIVES = Path(__file__).parent / "ym_pure_ml"


class Layer(Composite):
    def __init__(self, *shape, dtype="f4"):
        self.W = Parameter(np.arange(np.prod(shape)).reshape(shape), dtype)
        self.mean = Buffer(np.zeros(shape[-1:]), dtype)
        self.rng = np.random.default_rng(0)
        self._cache = Tensor(np.ones(3), requires_grad=True)


class Model(Composite):
    def __init__(self, dtype="f4"):
        self.layers = [Layer(2, 3, dtype=dtype), Layer(3, 3, dtype=dtype)]
        self.note, self.epoch = "", 0


NAMES = ["layers.0.W", "layers.0.mean", "layers.1.W", "layers.1.mean"]


def values(model):
    return {name: array.copy() for name, array in arrays_of(model).items()}


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name, x in a.items():
        assert (x.shape, x.dtype.newbyteorder("=")) == (b[name].shape, b[name].dtype), name
        np.testing.assert_array_equal(x, b[name])
        assert b[name].flags.writeable


# ---- there and back


ARRAYS = {
    "0-d": np.array(2.5),
    "empty": np.zeros((0, 3), "i4"),
    "transposed": np.arange(12.0).reshape(3, 4).T,
    "strided": np.arange(20)[::-3],
    "big-endian": np.arange(5, dtype=">f4"),
    "special": np.array([np.nan, np.inf, -np.inf, -0.0]),
    "a.dotted/näme": np.ones(3),
    **{f"dtype {name}": np.array([0, 1, 1]).astype(name) for name in ("?", "i1", "u2", "u8", "f2", "f4", "f8", "c8")},
}


@pytest.mark.parametrize("kind", FORMATS)
def test_arrays(tmp_path, kind):
    save, load = FORMATS[kind]
    path = save(ARRAYS, tmp_path / "a.weights")
    assert path == tmp_path / "a.weights"
    assert_same(ARRAYS, load(path))


@pytest.mark.parametrize("kind", FORMATS)
def test_models_and_states(tmp_path, kind):
    save, load = FORMATS[kind]
    model, other = Model(), Model()
    for p in (model.layers[0].W, model.layers[1].mean):
        p.data = p.data + 7
    save(model, tmp_path / "a")
    found = load(tmp_path / "a")
    assert sorted(found) == NAMES
    assert restore_arrays(other, found) == []
    assert_same(values(model), values(other))
    save(State("x", {"a": np.ones(2)}), tmp_path / "a")  # a file that is there is replaced
    assert_same({"a": np.ones(2)}, load(tmp_path / "a"))
    with pytest.raises(TypeError, match="no tensors; needed a model, a State, or a mapping"):
        save(object(), tmp_path / "a")
    assert [x.name for x in tmp_path.iterdir()] == ["a"]


def test_compressed_npz_and_numpys_own(tmp_path):
    zeros = {"a": np.zeros((300, 300)), "b": np.asfortranarray(np.arange(6.0).reshape(2, 3))}
    save_npz(zeros, tmp_path / "a.npz", compressed=True)
    assert (tmp_path / "a.npz").stat().st_size < 5000
    assert_same(zeros, load_npz(tmp_path / "a.npz"))
    with np.load(tmp_path / "a.npz", allow_pickle=False) as numpys:
        assert_same(zeros, dict(numpys))
    np.savez(tmp_path / "b.npz", **zeros)
    assert_same(zeros, load_npz(tmp_path / "b.npz"))


def test_nothing_in_a_mapping_is_passed_by():
    assert arrays_of({"m": Model()}).keys() == {f"m.{name}" for name in NAMES}
    for mapping in ({"w": np.ones(2), "m": Model()}, {"w": Parameter(np.ones(2)), "lr": 0.1}, {"w": 1.0}):
        with pytest.raises(TypeError, match=r"mapping in which '(w|lr)' is a (ndarray|float), needed arrays"):
            arrays_of(mapping)
    with pytest.raises(ValueError, match="are the same as texts"):
        arrays_of({1: np.ones(2), "1": np.zeros(2)})


def test_names_that_a_format_cannot_hold(tmp_path):
    for name in ("a\0b", "ä" * 40000):
        with pytest.raises(ValueError, match="a zip file cuts names"):
            save_npz({name: np.ones(1)}, tmp_path / "a")
    if "safetensors" in FORMATS:
        with pytest.raises(ValueError, match="this name is the format's own"):
            save_safetensors({"__metadata__": np.ones(1)}, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


# ---- into models


def change(**arrays):
    return {name: x for name, x in {**values(Model()), **arrays}.items() if x is not None}


MISFITS = {
    "missing": (change(**{"layers.1.W": None}), "missing 'layers.1.W'"),
    "unexpected": (change(extra=np.ones(2)), "unexpected 'extra'"),
    "misshapen": (change(**{"layers.0.W": np.ones((3, 2))}), r"'layers.0.W' has shape \(3, 2\), needed \(2, 3\)"),
    "complex": (change(**{"layers.0.W": np.ones((2, 3), "c8")}), "'layers.0.W' has dtype complex64"),
    "too large": (change(**{"layers.0.W": np.full((2, 3), 1e300)}), "values beyond the range of float32"),
}


@pytest.mark.parametrize("take", [restore_arrays, from_torch_state_dict])
@pytest.mark.parametrize("case", MISFITS)
def test_all_or_nothing(case, take):
    arrays, message = MISFITS[case]
    arrays = {name: x + x.dtype.type(1) for name, x in arrays.items()}
    model = Model()
    before = values(model)
    with pytest.raises(ValueError, match=f"Model: the state does not fit and nothing was changed: .*{message}"):
        take(model, arrays)
    assert_same(before, values(model))
    skipped = take(model, arrays, strict=False)
    assert len(skipped) == 1 and values(model)["layers.1.mean"].tolist() == [1, 1, 1]


def test_one_error_names_everything():
    model = Model()
    arrays = change(
        **{"layers.0.W": np.ones(1), "layers.1.W": None, "extra": np.ones(1), "layers.1.mean": np.ones(3, "c8")}
    )
    with pytest.raises(ValueError) as caught:
        from_torch_state_dict(model, arrays)
    for name in ("layers.0.W", "layers.1.W", "extra", "layers.1.mean"):
        assert repr(name) in str(caught.value)


def test_dtypes_are_those_of_the_model():
    model = Model("f8")
    restore_arrays(model, {name: x.astype("f2") for name, x in values(model).items()})
    assert {x.dtype for x in values(model).values()} == {np.dtype("f8")}


# ---- names of PyTorch for layers that it does not have


def test_names_can_be_changed():
    model = Model()
    found = to_torch_state_dict(model, rename={"layers": "net", "layers.1": "head", "layers.1.mean": "mu"})
    assert list(found) == ["net.0.W", "net.0.mean", "head.W", "mu"]
    assert next(iter(to_torch_state_dict(model, rename={"": "model"}))) == "model.layers.0.W"
    assert list(to_torch_state_dict(model, rename=str.upper))[3] == "LAYERS.1.MEAN"
    with pytest.raises(ValueError, match="two weights have the name 'same'"):
        to_torch_state_dict(model, rename=lambda name: "same")


def test_shared_weights_have_both_names_and_one_value():
    model = Model()
    model.tied = model.layers[0]
    model.me = model
    found = to_torch_state_dict(model)
    assert list(found) == [*NAMES, "tied.W", "tied.mean"]
    from_torch_state_dict(model, found)
    with pytest.raises(ValueError, match=r"'tied.W' differs from another value of 'layers.0.W', which is shared here"):
        from_torch_state_dict(model, {**found, "tied.W": found["tied.W"] + 1})
    assert len(from_torch_state_dict(model, {**found, "tied.W": found["tied.W"] + 1}, strict=False)) == 1
    np.testing.assert_array_equal(model.layers[0].W.data, found["layers.0.W"])


# ---- bad files


def written(path, data):
    path.write_bytes(data)
    return path


def header(tensors, data=b""):
    text = json.dumps(tensors).encode()
    return struct.pack("<Q", len(text)) + text + data


def spec(dtype, shape, *offsets):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@needs_safetensors
def test_bfloat16_becomes_float32(tmp_path):
    numbers = np.array([1.0, -2.5, 3e38, np.inf], "f4")
    data = (numbers.view("u4") >> 16).astype("<u2").tobytes()
    path = written(tmp_path / "a", header({"a": spec("BF16", [2, 2], 0, 8)}, data))
    found = load_safetensors(path)["a"]
    assert (found.dtype, found.shape) == (np.float32, (2, 2))
    np.testing.assert_allclose(found.ravel(), numbers, rtol=2**-7)


@needs_safetensors
@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "not a sound safetensors file"),
        (b"\xff" * 100, "not a sound safetensors file"),
        (header({"a": spec("F32", [10**9], 0, 4 * 10**9)}), "not a sound safetensors file"),
        (header({"a": spec("F32", [2], 0, 8)}, b"1234"), "not a sound safetensors file"),
        (header({"a": spec("BOOL", [2], 0, 2)}, b"\1\2"), "neither true nor false"),
        (header({"a": spec("F8_E4M3", [2], 0, 2)}, b"12"), "'a' has dtype F8_E4M3, which NumPy lacks; convert it"),
        (b"\x80\x02}q\x00.", r"a pickle, as torch.save writes it: .*safetensors.torch.save_file"),
    ],
)
def test_bad_safetensors(tmp_path, data, message):
    with pytest.raises(ArchiveError, match=message):
        load_safetensors(written(tmp_path / "a", data))


@needs_safetensors
@pytest.mark.parametrize("length", [0x80, 0x280, 0x480])
def test_a_header_whose_length_looks_like_a_pickle(tmp_path, length):
    data = header({"a": spec("U8", [1], 0, 1)})[8:]
    path = written(tmp_path / "a", struct.pack("<Q", length) + data.ljust(length) + b"7")
    assert path.read_bytes()[:1] == b"\x80" and load_safetensors(path)["a"].tolist() == [ord("7")]


@needs_safetensors
def test_what_safetensors_cannot_hold(tmp_path):
    for array in (np.ones(2, "c16"), np.array(["text"]), np.array([None])):
        with pytest.raises(TypeError, match=r"array 'a' has dtype .*; safetensors holds"):
            save_safetensors({"a": array}, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("load", [load for _, load in FORMATS.values()])
def test_files_of_torch_are_refused_with_the_way_round(tmp_path, load):
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("model/data.pkl", b"\x80\x02}q\x00.")
    with pytest.raises(ArchiveError, match=r"torch.load\(file, weights_only=True\)"):
        load(tmp_path / "model.pt")


def npy(descr, shape, data=b"", order="False"):
    text = f"{{'descr': {descr!r}, 'fortran_order': {order}, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + data


BAD_NPY = {
    "a pickle": (npy("|O", (1,), b"\x80\x04N."), "has dtype object, needed numbers"),
    "texts": (npy("<U1", (1,), b"a\0\0\0"), "has dtype <U1, needed numbers"),
    "a bomb": (npy("<f8", (1 << 40,), b"1234"), "claims the shape .* but has 4 bytes"),
    "an overflow": (npy("<f8", (1 << 32, 1 << 32), b""), "claims the shape"),
    "a negative size": (npy("<f8", (-1, -1), b"12345678"), "claims the shape"),
    "no header": (b"nothing", "not a sound npz"),
    "code": (npy("<f8", "(__import__('os').getpid(),)", b"12345678"), "not a sound npz"),
    "version 9": (b"\x93NUMPY\x09\x00", "'a' has version"),
    "an open bracket": (npy("<f8", "(1,"), "not a sound npz"),
    "an indentation": (npy("<f8", "(1,)}\n\tx\n y"), "not a sound npz"),
    "a boolean for a size": (npy("<f8", "(True,)", b"12345678"), "claims the shape"),
    "booleans": (npy("|b1", "(2,)", b"\1\2"), "neither true nor false"),
}


@pytest.mark.parametrize("case", BAD_NPY)
def test_bad_npz(tmp_path, case):
    data, message = BAD_NPY[case]
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", data)
    with pytest.raises(ArchiveError, match=message):
        load_npz(tmp_path / "a.npz")


def test_npz_with_damaged_or_short_streams(tmp_path):
    path = save_npz({"a": np.arange(600.0) % 7}, tmp_path / "a", compressed=True)
    good = path.read_bytes()
    for at in range(60, 160, 5):  # an error of zlib, or of the checksum behind it
        with pytest.raises(ArchiveError, match="not a sound npz file"):
            load_npz(written(tmp_path / "b", good[:at] + bytes([good[at] ^ 255]) + good[at + 1 :]))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", npy("<i8", (1,), b"1"))
    short = path.read_bytes()
    size = struct.pack("<I", len(npy("<i8", (1,))) + 1)
    assert short.count(size) == 2
    with pytest.raises(ArchiveError, match="'a' ends early"):
        load_npz(written(path, short.replace(size, struct.pack("<I", len(npy("<i8", (1,))) + 8))))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.npy", npy("|u1", (1,), b"1"))
    with pytest.raises(ArchiveError, match="neither stored nor deflated"):
        load_npz(path)


def test_what_may_be_unpacked_is_limited(tmp_path):
    path = save_npz({"a": np.zeros(1000)}, tmp_path / "a", compressed=True)
    with pytest.raises(ArchiveError, match=r"give max_bytes=8\d{3}"):
        load_npz(path, max_bytes=8000)
    assert load_npz(path, max_bytes=9000)["a"].shape == (1000,)
    with pytest.raises(ArchiveError, match="give max_bytes="):
        load_ym_pure_ml(ARCHIVES / "full.pureml.zip", max_bytes=1000)
    entries = entries_of("params")
    entries[META] = with_json(entries[META], "shape", [1, 1 << 20, 1 << 20])
    entries[META] = with_json(entries[META], "chunk_grid", "configuration", "chunk_shape", [1, 1 << 20, 1 << 20])
    entries["zarr.json"] = with_json(
        entries["zarr.json"], "attributes", "array_shape_in_block", "fc1.0", [1 << 20, 1 << 20]
    )
    del entries[CHUNK]  # zeros of 8 TiB
    with pytest.raises(ArchiveError, match="give max_bytes="):
        load_ym_pure_ml(rewritten(tmp_path / "b", entries))


@pytest.mark.parametrize("load", [load_npz, load_ym_pure_ml, *[load for _, load in FORMATS.values()]])
def test_missing_files_and_rubbish(tmp_path, load):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nowhere")
    with pytest.raises(ArchiveError):
        load(written(tmp_path / "a", b"rubbish" * 20))


@pytest.mark.parametrize(
    "use, package, extra",
    [
        (lambda path: save_safetensors({"a": np.ones(1)}, path), "safetensors", "safetensors"),
        (load_safetensors, "safetensors", "safetensors"),
        (lambda path: save_onnx(np.tanh, path, np.ones(1)), "onnx", "onnx"),
    ],
)
def test_extras_are_asked_for(tmp_path, monkeypatch, use, package, extra):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"pip install pureml-io\[{extra}\]"):
        use(tmp_path / "a")


# ---- archives of ym-pure-ml 1.2


class Affine(Composite):
    def __init__(self, n, m, bias=True):
        self.use_bias = bias
        self.W = Parameter(np.zeros((n, m)))
        self.b = Parameter(np.zeros(m)) if bias else None


class Norm(Composite):
    def __init__(self, n, eps=1e-5, **buffers):
        self.num_features, self.eps = n, eps
        self.gamma, self.beta = Parameter(np.zeros(n)), Parameter(np.ones(n))
        vars(self).update({name: Buffer(np.zeros(n)) for name in buffers})


class Conv(Composite):
    def __init__(self, *shape, bias=True, **settings):
        vars(self).update(settings, use_bias=bias, kernel_size=shape[2:])
        self.W = Parameter(np.zeros(shape))
        self.b = Parameter(np.zeros(shape[0])) if bias else None


class Embedding(Composite):
    def __init__(self):
        self.W, self.padding_idx = Parameter(np.zeros((9, 6))), 2


class Drop(Composite):
    def __init__(self, p):
        self.p = p


class Interop(Composite):
    """The attributes of the samples; with layers of pureml_nn in tests-integration."""

    def __init__(self, eps=1e-4):
        moments = {"running_mean": 0, "running_variance": 0}
        self.emb, self.fc1, self.fc2 = Embedding(), Affine(6, 5), Affine(5, 3, bias=False)
        self.bn, self.ln, self.drop = Norm(5, eps, **moments), Norm(5), Drop(0.25)
        self.conv1 = Conv(3, 2, 3, stride=(2,), padding=(1,))
        self.conv2 = Conv(4, 2, 3, 2, padding=(1, 0), bias=False)
        self.bn2, self.drop2 = Norm(4, **moments), Drop(0.5)
        self.note, self.epoch = "", 0


def test_models_of_ym_pure_ml():
    path = ARCHIVES / "full.pureml.zip"
    state = load_ym_pure_ml(path)
    assert state.kind == "ym-pure-ml/model" and state.literals["literals"]["note"] == "written by hand: é✓"
    assert state.arrays["conv2.param.0"].shape == (4, 12) and state.arrays["conv1.buf.method"] == b"kaiming-normal"
    model = Interop()
    assert restore_ym_pure_ml(model, path) == []
    assert (model.note, model.epoch) == ("written by hand: é✓", 17) and not hasattr(model, "table")
    np.testing.assert_array_equal(model.fc1.W.data, state.arrays["fc1.param.0"].astype("f4"))
    np.testing.assert_array_equal(model.conv2.W.data.reshape(4, 12), state.arrays["conv2.param.0"].astype("f4"))
    np.testing.assert_array_equal(model.bn.running_mean.data, state.arrays["bn.buf.running_mean"])
    assert model.bn.running_variance.data.all() and model.conv1.W.data.all()

    other = Interop()
    assert load_ym_pure_ml(ARCHIVES / "params.pureml.zip").kind == "ym-pure-ml/parameters"
    assert restore_ym_pure_ml(other, ARCHIVES / "params.pureml.zip") == []
    for name, x in values(model).items():
        if "running" not in name:
            np.testing.assert_array_equal(x, values(other)[name])


def test_models_of_ym_pure_ml_that_do_not_fit():
    path = ARCHIVES / "full.pureml.zip"
    model = Interop(eps=1e-5)
    model.fc1, model.extra = Affine(6, 4), Affine(2, 2)
    del model.emb
    before = values(model)
    with pytest.raises(ValueError) as caught:
        restore_ym_pure_ml(model, path)
    for problem in ("'bn.buf.eps' is 0.0001, here it is 1e-05", "'fc1.W' has shape (6, 5)", "unexpected 'emb.param.0'",
                    "missing 'extra.W'"):  # fmt: skip
        assert problem in str(caught.value)
    assert_same(before, values(model))
    assert model.epoch == 0
    assert len(restore_ym_pure_ml(model, path, strict=False)) >= 6 and model.epoch == 17 and model.conv1.W.data.all()


def test_a_literal_never_replaces_what_is_none():
    model = Interop()
    model.note = note = Affine(1, 1)
    assert restore_ym_pure_ml(model, ARCHIVES / "full.pureml.zip", strict=False) == [
        "missing 'note.W'",
        "missing 'note.b'",
    ]
    assert model.note is note and model.epoch == 17


@pytest.mark.parametrize("name", ["full", "params", "adam", "step"])
def test_load_names_the_function_that_reads_them(name):
    with pytest.raises(ArchiveError, match=r"pureml_io.restore_ym_pure_ml\(obj, path\)"):
        load(ARCHIVES / f"{name}.pureml.zip")


def test_optimizers_and_schedulers_of_ym_pure_ml():
    adam, step = (load_ym_pure_ml(ARCHIVES / f"{name}.pureml.zip") for name in ("adam", "step"))
    assert adam.kind == "ym-pure-ml/optimizer" and adam.literals["optim.meta"]["hypers"]["_t"] == 3
    assert sorted(adam.arrays) == [f"optim.{slot}.{i}" for slot in ("_r", "_v", "param") for i in (0, 1)]
    assert step.literals["sched.meta"] == {"last_step": 3, "base_lr": 2.0, "class": "StepLR"}
    with pytest.raises(ValueError, match="archive of kind 'ym-pure-ml/optimizer', needed one of its own"):
        restore_ym_pure_ml(Interop(), adam)


def entries_of(name):
    with zipfile.ZipFile(ARCHIVES / f"{name}.pureml.zip") as archive:
        return {entry: archive.read(entry) for entry in archive.namelist()}


def rewritten(path, entries):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def with_json(data, *path_and_value):
    *path, key, value = path_and_value
    tree = node = json.loads(data)
    for part in path:
        node = node[part]
    node[key] = value
    return json.dumps(tree).encode()


META, CHUNK = "fc1.0/zarr.json", "fc1.0/c/0/0/0"
TAMPERED = {
    "an array goes": ({META: None}, MissingArrayError, "block 'fc1.0' is missing"),
    "a bomb": ({META: lambda d: with_json(d, "shape", [1, 1 << 40, 5])}, ArchiveError, "not what ym-pure-ml writes"),
    "objects": ({META: lambda d: with_json(d, "data_type", "object")}, ArchiveError, "has the dtype 'object'"),
    "another codec": ({META: lambda d: with_json(d, "codecs", 1, "name", "pickle")}, ArchiveError, "not what"),
    "a fill value": ({META: lambda d: with_json(d, "fill_value", 1.0)}, ArchiveError, "not what"),
    "a short chunk": ({CHUNK: lambda d: d[:-3]}, ArchiveError, "the chunk claims"),
    "a chunk of another size": (
        {CHUNK: lambda d: d[:4] + b"\xff\xff\xff\x7f" + d[8:]},
        ArchiveError,
        "the chunk claims",
    ),
    "an empty chunk": ({CHUNK: lambda d: b""}, ArchiveError, "requires a buffer"),
    "an entry too many": ({"../up": lambda d: b"x"}, ArchiveError, r"the entry '../up' does not belong"),
    "no group": ({"zarr.json": None}, ArchiveError, "there is no zarr.json"),
    "an archive of something": ({"zarr.json": lambda d: b'{"attributes": {}}'}, ArchiveError, "lists no blocks"),
    "no JSON": ({"zarr.json": lambda d: b"{"}, ArchiveError, "params"),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_tampered_archives_of_ym_pure_ml(tmp_path, case):
    changes, error, message = TAMPERED[case]
    entries = entries_of("params")
    for name, change in changes.items():
        data = entries.pop(name, b"")
        if change is not None:
            entries[name] = change(data)
    with pytest.raises(error, match=message):
        load_ym_pure_ml(rewritten(tmp_path / "params.zip", entries))


def test_a_block_of_zeros_has_no_chunk(tmp_path):
    entries = entries_of("params")
    del entries[CHUNK]
    array = load_ym_pure_ml(rewritten(tmp_path / "a.zip", entries)).arrays["fc1.0"]
    assert array.shape == (6, 5) and not array.any() and array.flags.writeable


@settings(deadline=None)
@given(st.data())
def test_mutated_files_are_read_or_refused(tmp_path_factory, data):
    """Whatever a few wrong bytes do, it is an ArchiveError or a reading of the allowed kinds."""
    load, kind = data.draw(st.sampled_from([(load_ym_pure_ml, "ym"), *[(load, k) for k, (_, load) in FORMATS.items()]]))
    path = tmp_path_factory.mktemp("mutated") / "a"
    if kind == "ym":
        good = (ARCHIVES / "params.pureml.zip").read_bytes()
    else:
        FORMATS[kind][0]({"a": np.arange(6.0), "b": np.ones((2, 2), "f2")}, path)
        good = path.read_bytes()
    bad = bytearray(good)
    for at in data.draw(st.lists(st.integers(0, len(bad) - 1), min_size=1, max_size=4)):
        bad[at] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(bad[: data.draw(st.integers(len(bad) - 2, len(bad)))]))
    try:
        found = load(path)
    except ArchiveError:
        return
    assert all(x.dtype.kind in "biufcS" for x in (found.arrays if kind == "ym" else found).values())


def test_masks_are_not_lost_in_silence(tmp_path):
    with pytest.raises(TypeError, match="array 'b' is masked"):
        save_npz({"a": np.ones(2), "b": np.ma.masked_less(np.ones(2), 2)}, tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_a_failing_disk_is_no_damage(tmp_path, monkeypatch):
    path = save_npz({"a": np.ones(2)}, tmp_path / "a")

    def failing(*args):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(zipfile.ZipFile, "open", failing)
    with pytest.raises(OSError, match="Input/output error") as raised:
        load_npz(path)
    assert not isinstance(raised.value, ArchiveError)
