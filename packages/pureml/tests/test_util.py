"""`pureml.util`: what a program written for the paper's library asks of it."""

import datetime
import random
from collections import Counter, defaultdict, deque

import numpy as np
import pureml
import pureml_core as core
import pytest
from pureml import util
from pureml.machinery import Tensor
from pureml.training_utils import TensorDataset
from pureml.util import batches_of, compose_steps, is_json_literal

LETTERS = "abcdefg"
SOURCES = {
    "text": lambda: LETTERS,
    "a list": lambda: list(LETTERS),
    "an array": lambda: np.array(list(LETTERS)),
    "a generator": lambda: (c for c in LETTERS),
    "a dict": lambda: dict.fromkeys(LETTERS),
    "a set of one": lambda: {"abcdefg"},
    "a queue": lambda: deque(LETTERS),
    "a counter": lambda: Counter(LETTERS),
    "a dict with a default": lambda: defaultdict(list, dict.fromkeys(LETTERS)),
    "a pandas series": lambda: pytest.importorskip("pandas").Series(list(LETTERS), index=range(3, 10)),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("size", [-1, 0, 1, 3, np.int64(7), 100])
def test_batches(source, size):
    items = list(SOURCES[source]())
    step = len(items) if size <= 0 else int(size)
    starts = range(0, len(items), step)
    make = SOURCES[source]
    assert [list(b) for b in batches_of(make(), size)] == [items[i : i + step] for i in starts]
    assert list(batches_of(make(), size, out_as=tuple)) == [tuple(items[i : i + step]) for i in starts]
    for inclusive in (False, True):
        ends = [min(i + step, len(items)) - inclusive for i in starts]
        found = batches_of(make(), size, ranges=True, inclusive_end=inclusive)
        assert list(found) == [[i, end] for i, end in zip(starts, ends, strict=True)]


@pytest.mark.parametrize("source", SOURCES)
def test_shuffled_batches(source):
    runs = [list(batches_of(SOURCES[source](), 3, True, rng=random.Random(seed))) for seed in (1, 1, 2)]
    items = list(SOURCES[source]())
    assert runs[0] == runs[1] and [len(b) for b in runs[0]] == [len(items[i : i + 3]) for i in range(0, len(items), 3)]
    assert sorted(x for b in runs[0] for x in b) == items and (runs[0] != runs[2] or len(items) == 1)
    random.seed(0)
    first = list(batches_of(SOURCES[source](), 3, shuffle=True))
    random.seed(0)
    assert list(batches_of(SOURCES[source](), 3, shuffle=True)) == first


@pytest.mark.parametrize("size", [-1, 0, 3])
@pytest.mark.parametrize("shuffle", [False, True])
def test_nothing_makes_no_batches(size, shuffle):
    for empty in ([], iter(()), np.zeros((0, 2)), {}):
        assert list(batches_of(empty, size, shuffle)) == []


@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_of_a_dataset_are_of_its_samples(shuffle):
    data = TensorDataset(np.arange(5), np.arange(5) * 2)
    found = [[(int(x), int(y)) for x, y in batch] for batch in batches_of(data, 2, shuffle)]
    assert [len(batch) for batch in found] == [2, 2, 1]
    assert sorted(pair for batch in found for pair in batch) == [(i, 2 * i) for i in range(5)]
    rows = [[x.tolist() for x in batch] for batch in batches_of(Tensor(np.arange(6).reshape(3, 2)), 2)]
    assert rows == [[[0, 1], [2, 3]], [[4, 5]]]
    for nothing in (None, 3, np.array(3)):
        with pytest.raises(TypeError):
            next(batches_of(nothing, 2, shuffle))


def test_batches_stream():
    taken = []

    def numbers():
        for i in range(10**9):
            taken.append(i)
            yield i

    assert next(batches_of(numbers(), 3)) == [0, 1, 2] and len(taken) == 3


def test_what_batches_of_refuses():
    with pytest.raises(ValueError, match="shuffled"):
        batches_of(LETTERS, 2, shuffle=True, ranges=True)
    with pytest.raises(TypeError):
        batches_of(LETTERS, 2.0)


def test_compose_steps():
    pipeline = compose_steps((lambda a, *, c: a * c, {"c": 2}), (lambda a, *, b: a + b, {"b": 3}), (abs, None))
    assert pipeline(-10) == 17 and pipeline(1) == 5 and compose_steps()(7) == 7
    for wrong in (abs, (abs,), (3, None), (abs, {}, {}), (abs, 3), [abs, None]):
        with pytest.raises(TypeError, match="step 1"):
            compose_steps((abs, None), wrong)


LITERALS = {
    True: [True, 1, 1.5, "x", None, float("nan"), np.float32(1), np.int8(1), np.array(1), datetime.date(2026, 1, 2)],
    False: [object(), np.arange(2), {1: 2}, {"a": {1: 2}}, [object()], 1j, b"x", {1}],
}


def test_is_json_literal():
    for want, values in LITERALS.items():
        assert [is_json_literal(v) for v in values] == [want] * len(values)
        assert all(is_json_literal({"a": [(v,)]}) == want for v in values)


def test_seeds():
    assert util.current_time() == datetime.datetime.strptime(util.current_time(), "%Y-%m-%d_%H%M%S").strftime(
        "%Y-%m-%d_%H%M%S"
    )
    seeds = [util.get_random_seed() for _ in range(4)]
    assert len(set(seeds)) == 4 and all(0 <= s < 2**64 for s in seeds) and max(seeds) > 2**40
    rng, seed = util.rng_from_seed()
    assert rng.random() == np.random.default_rng(seed).random()
    rng, seed = util.rng_from_seed(np.int64(7))
    assert (rng.random(), seed, type(seed)) == (np.random.default_rng(7).random(), 7, int)
    core.set_seed(3)
    first = util.get_random_seed()
    core.set_seed(3)
    assert util.get_random_seed() == first  # one seed rules everything


class Layered:
    def __init__(self, parameters, buffers=None):
        self.parameters = parameters
        if buffers is not None:
            self.named_buffers = lambda: buffers


T = Tensor([1.0], requires_grad=True)
CONTRACTS = {
    "a layer of pureml": (None, pureml.layers.BatchNorm1d(3)),
    "buffers": (None, Layered((T,), {"a": T, "b": np.ones(2), "c": [1, "x"]})),
    "an array": (TypeError, Layered((T, np.ones(2)))),
    "untrained": (ValueError, Layered((Tensor([1.0]),))),
    "no dict": (TypeError, Layered((T,), [1])),
    "a number as name": (TypeError, Layered((T,), {1: 1})),
    "an object": (TypeError, Layered((T,), {"a": object()})),
}


@pytest.mark.parametrize("name", CONTRACTS)
def test_layer_contract(name):
    error, layer = CONTRACTS[name]
    if error is None:
        util.validate_layer_contract(layer, tensor_type=Tensor)
    else:
        with pytest.raises(error):
            util.validate_layer_contract(layer, tensor_type=Tensor)


def test_what_has_no_parameters_is_no_layer():
    with pytest.raises(TypeError, match="needed a layer"):
        util.validate_layer_contract(object(), tensor_type=Tensor)


def test_checks():
    ctx = {}
    assert util.ensure_context_dict(ctx) is ctx
    with pytest.raises(TypeError, match="settings"):
        util.ensure_context_dict([], name="settings")
    util.ensure_forward_output(T, fn_name="f")
    util.ensure_forward_output(np.ones(2), fn_name="f", tensor_type=Tensor)
    with pytest.raises(TypeError, match="f returned a Tensor"):
        util.ensure_forward_output(T, fn_name="f", tensor_type=Tensor)


def test_names_of_the_package():
    assert pureml.ArrayStorage is util.ArrayStorage and pureml.batches_of is batches_of
    assert pureml.compose_steps is compose_steps and pureml.util is util
