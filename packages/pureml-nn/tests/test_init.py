"""Initialisers: how wide they draw, by which names, and the same for the same seed."""

import numpy as np
import pytest
from pureml_core import set_seed
from pureml_nn import NN, Affine, Dropout, init


@pytest.mark.parametrize(
    ("name", "std"),
    [("xavier-glorot-normal", lambda n, m: np.sqrt(2 / (n + m))), ("kaiming-normal", lambda n, m: np.sqrt(2 / n))],
)
@pytest.mark.parametrize(("fan_in", "fan_out"), [(400, 300), (100, 900), (900, 100)])
def test_standard_deviation(name, std, fan_in, fan_out):
    W = init.by_name(name)(fan_in, fan_out, np.random.default_rng(0))
    assert W.shape == (fan_in, fan_out)
    assert W.std() == pytest.approx(std(fan_in, fan_out), rel=0.01) and abs(W.mean()) < 0.01 * W.std() * 2
    layer = Affine(fan_in, fan_out, name, seed=0)
    assert layer.W.data.std() == pytest.approx(std(fan_in, fan_out), rel=0.01) and not layer.b.data.any()


@pytest.mark.parametrize("name", ["xavier", "", None, 3, ["kaiming-normal"]])
def test_an_unknown_name_lists_those_there_are(name):
    with pytest.raises(ValueError, match="there are kaiming-normal, xavier-glorot-normal"):
        init.by_name(name)


def test_seeds():
    assert np.array_equal(Affine(4, 3, seed=1).W.data, Affine(4, 3, seed=1).W.data)
    assert not np.array_equal(Affine(4, 3, seed=1).W.data, Affine(4, 3, seed=2).W.data)
    assert not np.array_equal(Affine(4, 3).W.data, Affine(4, 3).W.data)
    unseeded = Affine(4, 3)
    assert np.array_equal(unseeded.W.data, Affine(4, 3, seed=unseeded.seed).W.data)


def test_one_seed_makes_whole_models_reproducible():
    class Model(NN):
        def __init__(self):
            self.layers = [Affine(4, 6), Dropout(), Affine(6, 3)]

        def predict(self, X):
            for layer in self.layers:
                X = layer(X)
            return X

    outputs = []
    for seed in (5, 5, 6):
        set_seed(seed)
        model = Model()
        outputs.append([model(np.ones((2, 4))).data for _ in range(3)])
    assert np.array_equal(outputs[0], outputs[1]) and not np.array_equal(outputs[0], outputs[2])
