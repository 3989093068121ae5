"""State is found by walking, copied, and restored all or nothing."""

import enum
import json
import pickle
import sys
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pureml_core import Buffer, Composite, Parameter, Saved, State, Stateful, Tensor, named_tensors, parameters
from pureml_core.state import StateMismatch, collect, decode, encode, is_literal, restore_tensors


class Thing(Composite):
    def __init__(self, **attributes):
        vars(self).update(attributes)


def names(obj):
    return [name for name, _ in named_tensors(obj)]


def tracked(*shape):
    return Tensor(np.ones(shape), requires_grad=True)


# ---- walking


def test_what_counts():
    thing = Thing(
        W=Parameter(np.ones((2, 3))),
        _W=Parameter(np.ones(1)),
        mean=Buffer(np.zeros(3)),
        _count=Buffer(0),
        rng=np.random.default_rng(0),
        _rng=np.random.default_rng(1),
        direct=tracked(2),
        _cache=tracked(2),
        _caches=[{"x": tracked(2)}],
        constant=Tensor([1.0]),
        computed=tracked(2) * 2,
        array=np.ones(3),
        number=3,
    )
    assert names(thing) == ["W", "_W", "mean", "_count", "rng", "_rng", "direct"]
    assert list(parameters(thing)) == ["W", "_W", "direct"]


def test_frozen_stays_a_parameter():
    thing = Thing(W=Parameter(np.ones(2)), t=tracked(2))
    thing.W.requires_grad = thing.t.requires_grad = False
    assert list(parameters(thing)) == ["W", "t"]


def test_through_containers_and_nothing_else():
    class Opaque:
        def __init__(self):
            self.W = tracked(1)

    pair = namedtuple("pair", "x y")
    thing = Thing(
        blocks=[Thing(W=tracked(1)), (tracked(1), {"k": tracked(1), 7: tracked(1)})],
        pair=pair(tracked(1), None),
        opaque=Opaque(),
        set={1, 2},
        text="text",
        _inner=Thing(W=tracked(1)),
    )
    assert names(thing) == ["blocks.0.W", "blocks.1.0", "blocks.1.1.k", "blocks.1.1.7", "pair.0", "_inner.W"]
    assert names([tracked(1), tracked(1)]) == ["0", "1"]
    assert names(tracked(1)) == [""]
    assert names(Opaque()) == names(3) == []


def test_each_object_once_under_its_first_name():
    W = Parameter(np.ones(2))
    layer = Thing(W=W)
    assert names(Thing(a=layer, b=layer, c=Thing(W=W))) == ["a.W"]


def test_a_cached_tensor_counts_where_it_is_in_the_open():
    t = tracked(2)
    assert names(Thing(_all=[t], t=t)) == ["t"]
    ts = [t]
    assert names(Thing(_all=ts, ts=ts)) == ["ts.0"]


def test_cycles_and_depth_are_harmless():
    thing = Thing(W=tracked(1))
    thing.me = [thing, {"again": thing}]
    assert names(thing) == ["W"]
    deep = tracked(1)
    for _ in range(5000):
        deep = [deep]
    assert len(names(deep)) == 1


def test_one_name_for_two_objects_is_an_error():
    with pytest.raises(ValueError, match=r"two different objects have the name 'a\.b'"):
        names({"a": {"b": tracked(1)}, "a.b": tracked(1)})
    with pytest.raises(ValueError, match=r"two arrays have the name 'r\.state\.key'"):
        collect({"r": np.random.Generator(np.random.MT19937(0)), "r.state.key": tracked(1)})


# ---- collect and restore


def model():
    return Thing(W=Parameter(np.ones((2, 3))), kids=[Thing(mean=Buffer(np.zeros(3))), np.random.default_rng(0)])


def test_arrays_are_copies():
    thing = model()
    arrays, _ = collect(thing)
    thing.W.data[...] = 5
    assert (arrays["W"] == 1).all()
    restore_tensors(thing, *collect(model()))
    assert (thing.W.data == 1).all()


def test_restore_writes_in_place_and_counts_the_change():
    thing = model()
    before, loss = thing.W.data, (thing.W * thing.W).sum()
    arrays, generators = collect(thing)
    assert restore_tensors(thing, arrays | {"W": np.full((2, 3), 2.0)}, generators) == []
    assert thing.W.data is before and before.dtype == np.float32 and (before == 2).all()
    with pytest.raises(RuntimeError):
        loss.backward()


@pytest.mark.parametrize("kind", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_generators_continue(kind):
    thing = Thing(rng=np.random.Generator(getattr(np.random, kind)(1)))
    thing.rng.random(5, dtype=np.float32)
    arrays, generators = collect(thing)
    expected = thing.rng.random(3)
    generators = json.loads(json.dumps(generators))
    assert restore_tensors(thing, arrays, generators) == []
    np.testing.assert_array_equal(thing.rng.random(3), expected)


def without(name):
    return lambda arrays, generators: (arrays.pop(name, None), generators.pop(name, None))


def given_array(name, value):
    return lambda arrays, generators: arrays.update({name: np.asarray(value)})


def given_rng(**changes):
    return lambda arrays, generators: generators["kids.1"].update(changes)


MISFITS = {
    "missing": (without("W"), "missing 'W'"),
    "unexpected": (given_array("V", 1), "unexpected 'V'"),
    "shape": (given_array("W", np.ones((3, 2))), r"'W' has shape \(3, 2\), needed \(2, 3\)"),
    "broadcastable": (given_array("W", np.ones((1, 3))), "'W' has shape"),
    "complex": (given_array("W", np.ones((2, 3), complex)), "'W' has dtype complex128, needed float32"),
    "text": (given_array("W", np.full((2, 3), "a")), "'W' has dtype <U1"),
    "overflow": (given_array("W", np.full((2, 3), 1e300)), "beyond the range of float32"),
    "generator missing": (without("kids.1"), r"missing generator 'kids\.1'"),
    "other generator": (given_rng(bit_generator="MT19937"), "is 'MT19937', needed 'PCG64'"),
    "no state": (given_rng(state=3), r"kids\.1\.state' is 3, needed an object"),
    "no integer": (given_rng(state={"state": "1.5", "inc": "1"}), "is '1.5', needed a decimal number"),
    "impossible": (given_rng(uinteger="9" * 40), "impossible state"),
    "generator unexpected": (lambda arrays, generators: generators.update(x={}), "unexpected 'x'"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_all_or_nothing(name):
    spoil, message = MISFITS[name]
    other = model()
    other.W.data[...] = 3
    arrays, generators = collect(other)
    spoil(arrays, generators)

    thing = model()
    thing.kids[1].random()
    before = collect(thing)
    with pytest.raises(StateMismatch, match=f"nothing was changed.*{message}") as caught:
        restore_tensors(thing, arrays, generators)
    assert isinstance(caught.value, ValueError) and str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    after = collect(thing)
    assert before[1] == after[1]
    assert all(np.array_equal(before[0][k], after[0][k]) for k in before[0])

    skipped = restore_tensors(thing, arrays, generators, strict=False)
    assert len(skipped) == 1 and (thing.kids[0].mean.data == 0).all()
    assert (thing.W.data == (1 if "'W'" in skipped[0] else 3)).all()


def test_everything_wrong_is_listed():
    thing = model()
    with pytest.raises(StateMismatch) as caught:
        restore_tensors(thing, {"V": np.ones(1), "kids.0.mean": np.ones(4)}, {})
    assert len(caught.value.problems) == 4


def test_integers_are_not_wrapped_and_read_only_memory_is_refused():
    with pytest.raises(StateMismatch, match="beyond the range of int8"):
        restore_tensors({"n": Buffer(np.zeros(1, "i1"))}, {"n": np.array([300])}, {})
    frozen = Tensor(np.broadcast_to(1.0, (3,)), requires_grad=True, ensure_writable=False)
    with pytest.raises(StateMismatch, match="read-only"):
        restore_tensors({"t": frozen}, {"t": np.ones(3)}, {})


# ---- literals

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates()
scalars |= st.datetimes().map(lambda t: t.replace(fold=0))  # which of two equal times is not kept
nested = st.recursive(
    scalars,
    lambda x: (
        st.lists(x, max_size=3)
        | st.lists(x, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=5) | st.sampled_from(["__pureml__", "value"]), x, max_size=3)
    ),
    max_leaves=10,
)


@given(nested)
def test_literals_come_back_as_they_were(x):
    text = json.dumps(encode(x), allow_nan=False)
    assert is_literal(x)
    assert repr(decode(json.loads(text))) == repr(x)  # equal, of the same types, and nan is nan


def test_large_integers():
    x = 1 << 20_000
    assert decode(json.loads(json.dumps(encode([x, -x])))) == [x, -x]


@pytest.mark.parametrize(
    ("x", "plain"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array(2.0), 2.0),
        (np.str_("a"), "a"),
    ],
)
def test_numpy_scalars_become_plain(x, plain):
    assert decode(encode(x)) == plain and type(decode(encode(x))) is type(plain)


class Colour(enum.IntEnum):
    RED = 1


def contains_itself():
    x = []
    x.append([x, x])
    return x


@pytest.mark.parametrize(
    "x",
    [
        *(1j, b"a", {1: 2}, {1}, object(), len, Colour.RED, OrderedDict(a=1), namedtuple("p", "x")(1), np.ones(2)),
        *(np.longdouble(1), np.complex64(1), np.datetime64(1, "ns"), np.array(None), Tensor([1.0]), contains_itself()),
    ],
    ids=lambda x: type(x).__name__,
)
def test_what_is_no_literal(x):
    assert not is_literal(x) and not is_literal([x])
    with pytest.raises(TypeError):
        encode({"x": x})


@pytest.mark.parametrize(
    "x",
    [
        {"__pureml__": "module", "value": "os"},
        {"__pureml__": "tuple"},
        {"__pureml__": "tuple", "value": "ab"},
        {"__pureml__": "int", "value": 3},
        {"__pureml__": "float", "value": "x"},
        {"__pureml__": "date", "value": "yesterday"},
        {"__pureml__": [], "value": 1},
    ],
)
def test_decode_refuses_what_encode_never_wrote(x):
    with pytest.raises(ValueError, match="not an encoded literal"):
        decode([x])


# ---- files


class Counter(Saved):
    def __init__(self):
        self.n = 0

    def state(self):
        return State("Counter/1", {}, {"n": self.n})

    def restore(self, state, *, strict=True):
        self.n = state.literals["n"]


def install(folder, name):
    """A package on sys.path that declares itself as a store of states."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[pureml.state_store]\nstore = {name}\n")
    (folder / f"{name}.py").write_text(
        "files = {}\n"
        "def save(state, path, **settings):\n    files[path] = state, settings\n    return path\n"
        "def load(path):\n    return files[path][0]\n"
    )


def test_the_installed_store_is_found_at_use(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    counter = Counter()
    assert isinstance(counter, Stateful)
    with pytest.raises(ImportError, match="pip install pureml-io"):
        counter.save_state("f")

    install(tmp_path, "one_store_of_states")
    counter.n = 5
    assert counter.save_state("f", compression_level=1) == "f"
    assert sys.modules["one_store_of_states"].files["f"][1] == {"compression_level": 1}
    fresh = Counter()
    assert fresh.load_state("f") is fresh and fresh.n == 5

    install(tmp_path, "other_store_of_states")
    with pytest.raises(RuntimeError, match="one_store_of_states, other_store_of_states"):
        fresh.load_state("f")
