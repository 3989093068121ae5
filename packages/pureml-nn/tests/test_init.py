"""Initialisers: how wide they draw, by which names, and the same for the same seed."""

import functools
import math

import numpy as np
import pytest
from pureml_core import Parameter, set_seed
from pureml_nn import NN, Affine, Dropout, init

STD = {
    "glorot": lambda n, m: np.sqrt(2 / (n + m)),
    "he": lambda n, m: np.sqrt(2 / n),
    "lecun": lambda n, m: np.sqrt(1 / n),
}
NAMES = [
    *[(f"{family}-{kind}", STD[family]) for family in STD for kind in ("normal", "uniform")],
    ("xavier-glorot-normal", STD["glorot"]),
    ("kaiming-normal", STD["he"]),
    ("Kaiming_Uniform", STD["he"]),
    ("truncated normal", STD["lecun"]),
]


@pytest.mark.parametrize(("name", "std"), NAMES)
@pytest.mark.parametrize(("fan_in", "fan_out"), [(400, 300), (100, 900), (900, 100)])
def test_standard_deviation(name, std, fan_in, fan_out):
    W = init.by_name(name)(fan_in, fan_out, np.random.default_rng(0))
    assert W.shape == (fan_in, fan_out)
    assert W.std() == pytest.approx(std(fan_in, fan_out), rel=0.01) and abs(W.mean()) < 0.01 * W.std() * 2
    layer = Affine(fan_in, fan_out, name, seed=0)
    assert layer.W.data.std() == pytest.approx(std(fan_in, fan_out), rel=0.01) and not layer.b.data.any()
    if "uniform" in name.lower():
        assert abs(W).max() <= math.sqrt(3) * std(fan_in, fan_out)
    double = init.by_name(name)(fan_in, fan_out, np.random.default_rng(0), gain=2.0)
    assert double.std() == pytest.approx(
        2 * STD["lecun" if std is not STD["glorot"] else "glorot"](fan_in, fan_out), rel=0.01
    )


@pytest.mark.parametrize("name", ["xavier", "", None, 3, ["kaiming-normal"]])
def test_an_unknown_name_lists_those_there_are(name):
    with pytest.raises(ValueError, match=r"there are glorot-normal, .*xavier-glorot-normal.*any function"):
        init.by_name(name)


def test_truncated_normal_stays_within_two_standard_deviations():
    W = init.truncated_normal(100, 100, np.random.default_rng(0), std=0.02)
    assert abs(W).max() <= 0.04 and W.std() == pytest.approx(0.02 * init.STD_WITHIN_2, rel=0.02)
    layer = Affine(50, 40, functools.partial(init.truncated_normal, std=0.02), seed=0)
    assert 0.035 < abs(layer.W.data).max() <= 0.04


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (1, 6), (6, 2, 3, 1), (2, 3, 3)])
def test_orthogonal_rows_or_columns(shape):
    W = init.orthogonal(7, 7, np.random.default_rng(0), shape=shape, gain=2.0)
    assert W.shape == shape
    M = W.reshape(shape[0], -1)
    small = M.T @ M if M.shape[0] >= M.shape[1] else M @ M.T
    assert np.allclose(small, 4 * np.eye(len(small)), atol=1e-12)


def test_orthogonal_prefers_no_direction():
    rng = np.random.default_rng(0)
    first = np.array([init.orthogonal(2, 2, rng)[0, 0] for _ in range(2000)])
    assert abs(first.mean()) < 0.06  # without the sign of R's diagonal it is always negative


def test_constants():
    rng = np.random.default_rng(0)
    assert init.draw("zeros", (2, 3), 2, 3, rng).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert init.draw("ones", (3, 1, 2), 2, 3, rng, gain=0.5).tolist() == [[[0.5, 0.5]]] * 3
    assert Affine(2, 1, init.constant(0.25)).W.data.tolist() == [[0.25], [0.25]]


def test_draw_of_any_shape_by_name_or_function():
    for method in ("he-normal", init.he_normal):
        rng = np.random.default_rng(0)
        W = init.draw(method, (64, 8, 3, 3), 72, 576, rng)
        assert W.shape == (64, 8, 3, 3) and W.std() == pytest.approx(np.sqrt(2 / 72), rel=0.03)
    W = init.draw("he-normal", (64, 8, 3, 3), 72, 576, rng, gain=init.calculate_gain("tanh"))
    assert W.std() == pytest.approx(5 / 3 / np.sqrt(72), rel=0.03)
    own = init.draw(lambda fan_in, fan_out, rng: np.full((fan_in, fan_out), fan_in), (2, 3), 2, 3, rng)
    assert own.tolist() == [[2, 2, 2], [2, 2, 2]]
    with pytest.raises(ValueError, match=r"gave an array of shape \(3, 2\), needed \(2, 3\)"):
        init.draw(lambda fan_in, fan_out, rng: np.zeros((fan_out, fan_in)), (2, 3), 2, 3, rng)


@pytest.mark.parametrize(
    ("name", "param", "gain"),
    [
        *[(name, None, 1.0) for name in ("Affine", "Conv1D", "Conv2D", "sigmoid", "linear")],
        ("tanh", None, 5 / 3),
        ("relu", None, math.sqrt(2)),
        ("ReLU", 0.3, math.sqrt(2)),
        ("leaky_relu", None, math.sqrt(2 / (1 + 0.01**2))),
        ("leaky_relu", 1, 1.0),
        ("leaky_relu", np.float32(0), math.sqrt(2)),
        ("selu", None, 0.75),
    ],
)
def test_gain(name, param, gain):
    assert init.calculate_gain(name, param) == pytest.approx(gain, rel=1e-15)


def test_gain_refuses():
    for name in ("gelly", None, 3):
        with pytest.raises(ValueError, match="there are affine"):
            init.calculate_gain(name)
    for param in (True, "0.1", [0.1]):
        with pytest.raises(TypeError, match="negative slope"):
            init.calculate_gain("leaky_relu", param)
    for param in (math.nan, math.inf):
        with pytest.raises(ValueError, match="finite slope"):
            init.kaiming_normal(2, 3, "leaky_relu", param=param)


def test_published_functions():
    for f, std in ((init.xavier_glorot_normal, np.sqrt(2 / 700)), (init.kaiming_normal, np.sqrt(2 / 400))):
        W, b = f(400, 300, rng=np.random.default_rng(0))
        assert W.shape == (300, 400) and b.shape == (300,) and not b.data.any()
        assert all(isinstance(p, Parameter) and p.requires_grad for p in (W, b))
        assert W.data.std() == pytest.approx(std, rel=0.01)
        assert np.array_equal(W.data, f(400, 300, rng=np.random.default_rng(0))[0].data)
        for sizes in [(0, 3), (3, -1), (1.5, 2)]:
            with pytest.raises(ValueError, match="needed a positive integer"):
                f(*sizes)
    W, _ = init.kaiming_normal(400, 300, "tanh", rng=np.random.default_rng(0))
    assert W.data.std() == pytest.approx(5 / 3 / 20, rel=0.01)


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
