"""Gradient noise: its size, where it falls, and the same noise after stopping."""

import numpy as np
import pytest
from pureml_core import Parameter, RowSparse, State, Stateful, set_seed
from pureml_optim import SGD, GradientNoise


def noise_of(shape=(2, 3), dtype=np.float64, **settings):
    w = Parameter(np.zeros(shape), dtype)
    return w, GradientNoise([w], **settings)


def draw(w, noise):
    w.grad = np.zeros(w.shape)
    noise.add()
    return w.grad.copy()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("eta", "gamma"), [(0.3, 0.55), (1.0, 0.0), (0.0, 0.55)])
def test_its_standard_deviation_falls(dtype, eta, gamma):
    w, noise = noise_of(20_000, dtype, eta=eta, gamma=gamma, seed=1)
    for t in range(4):
        expected = np.sqrt(eta / (1 + t) ** gamma)
        assert noise.sigma == pytest.approx(expected)
        g = draw(w, noise)
        assert g.dtype == dtype
        assert g.astype(float).std() == pytest.approx(expected, rel=0.03)
        assert abs(g.astype(float).mean()) <= 0.03 * expected
        assert noise.t == t + 1


def test_it_is_added():
    w, noise = noise_of(seed=3)
    g = np.arange(6.0).reshape(2, 3)
    w.grad = g
    assert noise.add() == 0.1
    other, same = noise_of(seed=3)
    np.testing.assert_allclose(w.grad - g, draw(other, same), atol=1e-15)


def test_only_gradients_that_are_there_receive_noise():
    a, b, scale = Parameter(np.zeros(3)), Parameter(np.zeros(3)), Parameter(0.0)
    noise = GradientNoise(SGD([a, b, scale], lr=0.1), seed=0)
    b.grad, scale.grad = np.zeros(3), 0.0
    noise.add()
    assert a.grad is None
    assert b.grad.all()
    assert scale.grad.all()
    assert scale.grad.dtype == np.float32


def test_only_touched_rows_receive_noise():
    w, noise = noise_of((6, 2), seed=0)
    w.grad = RowSparse(np.array([4, 1, 4]), np.ones((3, 2)), (6, 2))
    noise.add()
    assert w.sparse_grad.rows.tolist() == [1, 4]
    assert sorted(set(np.nonzero(w.grad)[0])) == [1, 4]
    assert np.abs(w.grad[4] - 2).max() < 1
    assert (w.grad[4] != 2).all()


@pytest.mark.parametrize("at", [0, 1, 3])
@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.MT19937])
def test_resuming_gives_the_same_noise(at, bits):
    w, noise = noise_of(seed=np.random.Generator(bits(5)), eta=0.3)
    for _ in range(at):
        draw(w, noise)
    state = noise.state()
    rest = [draw(w, noise) for _ in range(3)]
    new, resumed = noise_of(seed=np.random.Generator(bits(6)))
    assert resumed.restore(state) == []
    np.testing.assert_array_equal([draw(new, resumed) for _ in range(3)], rest)
    assert isinstance(noise, Stateful)


def test_one_seed_rules_it():
    set_seed(4)
    first = draw(*noise_of())
    set_seed(4)
    np.testing.assert_array_equal(draw(*noise_of()), first)
    assert not np.array_equal(draw(*noise_of()), first)


def changed(drop=(), **literals):
    _, noise = noise_of(seed=9, eta=0.7)
    noise.t = 5
    state = noise.state()
    return State(state.kind, {}, {k: v for k, v in (state.literals | literals).items() if k not in drop})


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (lambda: State("pureml_optim.EMA/1"), "needed 'pureml_optim.GradientNoise/1'"),
        (lambda: changed(t=-1), "t: given -1"),
        (lambda: changed(eta=-1.0), "eta: given -1"),
        (lambda: changed(gamma="a"), "gamma: given 'a'"),
        (lambda: changed(generators=3), "generators: given 3"),
        (lambda: changed(generators={}), "missing generator 'rng'"),
        (lambda: changed(generators={"rng": {"bit_generator": "MT19937"}}), "needed 'PCG64'"),
        (lambda: changed(drop=["t"]), "missing 't'"),
        (lambda: changed(more=1), "unexpected 'more'"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(state, message):
    _, noise = noise_of(seed=1)
    before = noise.state()
    with pytest.raises(ValueError, match=f"GradientNoise: .*{message}"):
        noise.restore(state())
    assert noise.state() == before
    if "needed 'pureml_optim" not in message:
        assert noise.restore(state(), strict=False)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"eta": -1}, ValueError),
        ({"gamma": np.nan}, ValueError),
        ({"seed": "a"}, TypeError),
        ({"seed": -1}, ValueError),
    ],
)
def test_settings_that_are_refused(settings, error):
    with pytest.raises(error):
        noise_of(**settings)


def test_repr():
    assert repr(noise_of()[1]) == "GradientNoise(eta=0.01, gamma=0.55, t=0)"
