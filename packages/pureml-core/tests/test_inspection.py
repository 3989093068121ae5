"""For people who look inside: hooks, anomalies, gradient reports, checkpoints."""

import numpy as np
import pureml_core as pm
import pytest
from pureml_core import (
    AnomalyError,
    Buffer,
    Composite,
    Observer,
    Parameter,
    Tensor,
    check_grad,
    check_vjp,
    checkpoint,
    detect_anomaly,
    exp,
    generator,
    gradients,
    no_grad,
    op,
)


def leaf(*shape):
    return Tensor(np.random.default_rng(0).standard_normal(shape), requires_grad=True)


# ---- hooks


def test_hooks_see_the_whole_gradient_once_and_may_replace_it():
    x, seen = leaf(3), []
    y = x * 2.0
    y.register_hook(lambda g: seen.append(g.copy()))
    handle = y.register_hook(lambda g: g * 10)
    (y.sum() + (y * 3.0).sum()).backward(keep_graph=True)
    assert [g.tolist() for g in seen] == [[4.0, 4.0, 4.0]]
    assert x.grad.tolist() == [80.0] * 3
    handle.remove()
    handle.remove()
    x.zero_grad()
    y.sum().backward()
    assert x.grad.tolist() == [2.0] * 3


def test_hooks_of_leaves_change_their_grad():
    x = leaf(3)
    x.register_hook(lambda g: g.clip(-1, 1))
    (x * 5.0 + x).backward()
    (x * 0.5).backward()
    assert x.grad.tolist() == [1.5] * 3  # 1, clipped, and 0.5
    assert gradients((x * 5.0).sum(), x).tolist() == [1.0] * 3


def test_hooks_with_retained_and_sparse_and_recorded_gradients():
    x = leaf(4, 2)
    y = x * x
    y.retain_grad()
    y.register_hook(lambda g: -g)
    y.sum().backward()
    assert (y.grad == -1).all() and np.allclose(x.grad, -2 * x.data)
    x.zero_grad()
    shapes = []
    x.register_hook(lambda g: shapes.append(g.shape))
    x[[1]].sum().backward()
    assert shapes == [(4, 2)]
    z = leaf()
    z.register_hook(lambda g: g * 2.0)
    assert float(gradients(gradients(z**3, z, create_graph=True), z)) == pytest.approx(24 * float(z))


def test_hooks_are_checked():
    x = leaf(3)
    handle = x.register_hook(lambda g: g[:2])
    with pytest.raises(ValueError, match=r"shape \(2,\).*needed \(3,\)"):
        x.sum().backward()
    assert x.grad is None
    handle.remove()
    x.register_hook(lambda g: g.__imul__(2))
    with pytest.raises(ValueError, match="read-only"):
        x.sum().backward()
    with pytest.raises(RuntimeError, match="not tracked"):
        Tensor([1.0]).register_hook(print)


# ---- anomalies


def loss(x):
    return pm.log(x - 1.0).sum()  # the line to be named


def test_the_first_non_finite_value_is_named():
    x = Tensor([1.0, 2.0], requires_grad=True)
    with np.errstate(divide="ignore"), detect_anomaly(), pytest.raises(AnomalyError) as caught:
        loss(x)
    text = str(caught.value)
    assert text.startswith("log: its value has inf")
    assert "test_inspection.py" in text and "the line to be named" in text
    assert "input: shape (2,), float64, min 0, max 1" in text and "1 of 2 inf" in text


def test_a_nan_that_came_in_is_told_from_one_that_was_made():
    with detect_anomaly(), pytest.raises(ArithmeticError, match="exp: one of its inputs has nan"):
        exp(Tensor([np.nan]))
    with detect_anomaly(inf=False):
        exp(Tensor([-np.inf]))
    with pytest.raises(AnomalyError), np.errstate(divide="ignore"), no_grad(), detect_anomaly():
        pm.log(Tensor(0.0))


def test_the_first_non_finite_gradient_is_named():
    x = Tensor([0.0, 4.0], requires_grad=True)
    with detect_anomaly():
        y = pm.sqrt(x)
        with pytest.raises(AnomalyError, match="sqrt, backward: its gradient for input 0 has inf") as caught:
            (y * 3.0).sum().backward()
    assert "pm.sqrt(x)" in str(caught.value) and "incoming gradient: shape (2,), float64, min 3" in str(caught.value)
    assert x.grad is None


def test_a_write_into_a_saved_array_is_noticed():
    x = leaf(3)
    with detect_anomaly():
        y = exp(x)
        y.data[...] = 3.0  # no counter sees this
        with pytest.raises(AnomalyError, match=r"exp: an array that its gradient needs.*was written to"):
            y.sum().backward()
    y = exp(x)
    with detect_anomaly():
        y.sum().backward()  # what was computed outside is swept as usual


def test_observers_nest_and_leave():
    class Names(Observer):
        def __init__(self):
            self.names = []

        def computed(self, op, inputs, value, node):
            self.names.append((op.name, node is not None))

    outer, inner = Names(), Names()
    x = leaf(2)
    with outer:
        y = x * 2.0
        with inner, no_grad():
            exp(y)
    exp(y)
    assert outer.names == [("multiply", True), ("exp", False)] and inner.names == [("exp", False)]


# ---- reports


@op
def skewed(x, w, /):
    return x * w, lambda g: g * w, lambda g: 2 * g * x


def test_a_report_says_where_and_what():
    assert check_grad(lambda x: (x**2).sum(), leaf(3)).ok
    with pytest.raises(AssertionError) as caught:
        check_grad(skewed, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    text = str(caught.value)
    assert "input 0, shape (2,): ok" in text
    assert "input 1, shape (2,): WRONG in 2 of 2 entries" in text and "is 2 times what it should be" in text


@pytest.mark.parametrize(
    ("vjp", "hint"),
    [
        (lambda g: -2 * g, "sign is wrong"),
        (lambda g: 0 * g, "the gradient is zero"),
        (lambda g: g * np.nan, "nan"),
    ],
)
def test_a_report_has_hints(vjp, hint):
    def doubled(x, /):
        return 2 * x, vjp

    doubled.__module__, doubled.__qualname__ = "__main__", "doubled"
    f = op(doubled)
    try:
        with pytest.raises(AssertionError, match=hint):
            check_grad(f, np.array([1.0, 2.0]))
    finally:
        del pm.OPS["__main__.doubled"]


def test_nothing_to_check_is_an_error_and_a_wrong_definition_is_found():
    with pytest.raises(TypeError, match="nothing to differentiate by"):
        check_grad(np.square, np.array([1, 2]))

    @op(definition=lambda x: x**3)
    def squared(x, /):
        return x * x, lambda g: 2 * g * x

    with pytest.raises(AssertionError, match="the recorded gradient is another"):
        check_vjp(squared, np.array([0.5, 2.0]), order=2)


def test_a_transposed_gradient_is_recognised():
    @op
    def twisted(x, /):
        return x * np.arange(4.0).reshape(2, 2), lambda g: (g * np.arange(4.0).reshape(2, 2)).T

    with pytest.raises(AssertionError, match="transposed"):
        check_grad(twisted, np.ones((2, 2)))


# ---- checkpoints


class Block(Composite):
    def __init__(self):
        self.W = Parameter(np.random.default_rng(1).standard_normal((3, 3)), np.float64)
        self.rng = generator(0)
        self.steps = Buffer(np.zeros(()))

    def __call__(self, x, scale=1.0):
        with no_grad():
            self.steps += 1
        mask = self.rng.random(x.shape) < 0.5
        return np.tanh(x @ self.W) * mask * scale


def test_a_checkpoint_changes_nothing_but_what_is_kept():
    results = []
    for wrap in (lambda f: f, checkpoint):
        block, x = Block(), leaf(2, 3)
        w = Tensor(2.0, requires_grad=True)
        y = wrap(block)(x * 1.5, scale=w)
        after = block.rng.bit_generator.state
        block.rng.random()
        (y**2).sum().backward()
        assert float(block.steps) == 1.0
        results.append([y.data, x.grad, block.W.grad, w.grad, after["state"], block.rng.random()])
    for a, b in zip(*results, strict=True):
        assert np.array_equal(a, b)


def test_a_checkpoint_recomputes_and_keeps_nothing():
    runs, x = [], leaf(3)

    def f(x):
        runs.append(None)
        return exp(exp(x)), {"again": exp(x)}

    y, more = checkpoint(f)(x)
    assert len(runs) == 1
    (y + more["again"]).sum().backward()
    assert len(runs) == 2
    np.testing.assert_allclose(x.grad, np.exp(np.exp(x.data)) * np.exp(x.data) + np.exp(x.data))
    with no_grad():
        assert not checkpoint(f)(x)[0].requires_grad


def test_derivatives_of_a_checkpoint():
    w = leaf(3)

    def f(x):
        return checkpoint(lambda x, pair: pm.tanh(x * w) ** 2 * pair[0])(x, (x,))

    check_vjp(f, np.array([0.3, -0.5, 1.0]), order=2)
    direct = lambda x: (pm.tanh(x * w) ** 2 * x).sum()  # noqa: E731
    for g in (lambda x: f(x).sum(), direct):
        x = leaf(3)
        first = gradients(g(x), w, create_graph=True)
        results = [d.data for d in gradients((first * first).sum(), [x, w])]
        if g is not direct:
            ours = results
    for a, b in zip(ours, results, strict=True):
        np.testing.assert_allclose(a, b)


def test_hooks_of_what_a_checkpoint_reaches_see_the_whole_gradient_once():
    w = Tensor([2.0], requires_grad=True)
    w.register_hook(lambda g: g * 10)
    checkpoint(lambda x: x * w)(Tensor([3.0], requires_grad=True)).backward()
    assert w.grad.tolist() == [30.0]
    w = Tensor([2.0], requires_grad=True)
    h = w * 1.0
    h.register_hook(lambda g: g * 10)
    (checkpoint(lambda x: x * h)(Tensor([3.0], requires_grad=True)) + h).backward()
    assert w.grad.tolist() == [40.0]


def test_a_checkpoint_around_inner_derivatives():
    X = np.random.default_rng(0).standard_normal((4, 2))

    def inner(w):
        return np.sum((X @ w - 1) ** 2)

    def outer(w):
        for _ in range(3):
            w = w - 0.1 * pm.grad(inner)(w)
        return inner(w)

    w = np.array([0.1, 0.2])
    np.testing.assert_allclose(pm.grad(checkpoint(outer))(w), pm.grad(outer)(w))


def test_a_checkpoint_that_computes_something_else_says_so():
    shapes = [(3,), (1,)]
    y = checkpoint(lambda x: x * np.ones(shapes.pop(0)))(Tensor([1.0], requires_grad=True))
    with pytest.raises(RuntimeError, match=r"shapes \[\(1,\)\], at first they were \[\(3,\)\]"):
        y.backward(np.ones(3))


def test_checkpoints_nest_and_sweep_twice():
    x = leaf(3)
    inner = checkpoint(exp)
    y = checkpoint(lambda x: inner(x) * x)(x)
    y.sum().backward(keep_graph=True)
    first = x.grad.copy()
    y.sum().backward()
    np.testing.assert_allclose(x.grad, 2 * first)
    np.testing.assert_allclose(first, np.exp(x.data) * (1 + x.data))


def test_global_randomness_is_set_back():
    import random

    pm.seed_everything(3)
    x = leaf(4)

    def f(x):
        draws = random.random() + np.random.rand() + generator().random()  # noqa: NPY002
        return x * draws

    y = checkpoint(f)(x)
    after = (random.random(), np.random.rand(), generator().random())  # noqa: NPY002
    y.sum().backward()
    np.testing.assert_allclose(x.grad * x.data, y.data)
    pm.seed_everything(3)
    f(x)
    assert after == (random.random(), np.random.rand(), generator().random())  # noqa: NPY002


def tracked(value):
    return Tensor(value, requires_grad=True)


def test_what_a_checkpointed_function_reaches_gets_its_gradient_once():
    W, x = tracked([2.0]), tracked([3.0])
    h = W * W
    checkpoint(lambda x: x * h * W)(x).sum().backward()
    assert W.grad.tolist() == [36.0] and x.grad.tolist() == [8.0]
    W = tracked([2.0])
    a, b = checkpoint(lambda x: (x * 2, W))(tracked([1.0]))
    (a + b).sum().backward()
    assert W.grad.tolist() == [1.0]

    W = tracked([[5.0]])

    def clipping(x):
        with no_grad():
            W[...] = np.clip(W.data, -1, 1)
        return x @ W

    checkpoint(clipping)(tracked([[2.0]])).backward()
    assert W.grad.tolist() == [[2.0]]


def test_a_checkpoint_knows_its_arguments_as_they_were():
    x, y = tracked([3.0]), tracked([5.0])
    z = checkpoint(lambda a, b: a * a * b)(x, y)
    x.requires_grad_(False)
    z.backward()
    assert x.grad.tolist() == [30.0] and y.grad.tolist() == [9.0]
    x, factors = tracked([3.0]), [2.0]
    z = checkpoint(lambda x, k: x * k[0])(x, factors)
    factors[0] = 100.0
    z.backward()
    assert x.grad.tolist() == [2.0]
    x, m = tracked([2.0]), Tensor([1.0])
    z = checkpoint(lambda x, m: x * m)(x, m)
    m *= 10
    with pytest.raises(RuntimeError, match="changed in place"):
        z.backward()
    _, back = pm.vjp(checkpoint(np.exp), np.zeros(2))
    seed = Tensor(np.ones(2))
    assert [back(seed)[0].tolist() for _ in range(2)] == [[1.0, 1.0]] * 2


def test_generators_in_methods_and_classes_are_found():
    class Drawing(Composite):
        rng = np.random.default_rng(0)

        def forward(self, x):
            return x * self.rng.random() * OUTSIDE.random()

        def __call__(self, x):
            return self.forward(x)

    x = tracked([1.0])
    z = checkpoint(Drawing())(x)
    z.backward()
    assert x.grad.tolist() == z.tolist()


OUTSIDE = np.random.default_rng(1)


def test_observers_all_look_at_a_sweep_and_at_each_position():
    class Positions(Observer):
        def __init__(self):
            self.seen = []

        def differentiate(self, node, position, vjp, g):
            self.seen.append(position)
            return vjp(*g)

    a, b = Positions(), Positions()
    x = leaf(2)
    with a, b:
        (x * x).sum().backward()
    assert a.seen == b.seen == [0, 0, 1]
