"""The contract of the engine: what every operation may rely on."""

import asyncio
import gc
import threading
import tracemalloc

import numpy as np
import pureml_core as pm
import pytest
from pureml_core import NUMPY, OPS, Parameter, Tensor, enable_grad, gradients, is_grad_enabled, kernel, no_grad, op


def leaf(*shape, dtype=np.float64):
    return Tensor(np.random.default_rng(0).standard_normal(shape).astype(dtype), requires_grad=True)


@op
def saved(x, /):
    """Its VJP gives away an array that it keeps."""
    kept = np.ones_like(x)
    return x + 1.0, lambda g: kept


@op
def wrong_shape(x, /):
    return x * 1.0, lambda g: np.ones((7, 7))


@op
def nothing_flows(x, /):
    return x * 1.0, lambda g: None


def exploding():
    raise AssertionError("this gradient is wanted by nobody")


@op
def choosy(a, b, /):
    return a * b, lambda g: g * b, lambda g: exploding()


# ---- ownership


def test_no_two_tensors_share_a_gradient():
    a, b, c = leaf(3), leaf(3), leaf(3)
    seed = np.ones(3)
    (a + b + saved(c) + saved(c)).backward(seed)
    grads = [seed, a.grad, b.grad, c.grad]
    for i, g in enumerate(grads):
        assert g.flags.writeable and g.flags.owndata
        assert not any(np.shares_memory(g, other) for other in grads[:i])


def test_a_kept_array_is_not_given_away():
    x = leaf(3)
    y = saved(x)
    y.backward(keep_graph=True)
    x.grad[...] = 9.0
    x.zero_grad()
    y.backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_backward_through_the_leaf_itself_copies_the_seed():
    x, seed = leaf(3), np.ones(3)
    x.backward(seed)
    x.grad += 1
    assert seed.tolist() == [1.0] * 3


def test_gradients_add_up_over_sweeps_and_uses():
    x = Tensor(3.0, requires_grad=True)
    y = x * x
    z = y + y * 2.0 + x
    z.backward()
    assert x.grad == 19.0
    (x * 2.0).backward()
    assert x.grad == 21.0


def test_gradients_have_the_dtype_of_their_tensor():
    x = leaf(3, dtype=np.float32)
    (x * np.ones(3, np.float64)).sum().backward()
    assert x.grad.dtype == np.float32


def test_an_error_in_a_vjp_leaves_every_gradient_alone():
    x, w = leaf(2, 2), leaf(2, 2)
    w.grad = np.ones((2, 2))
    with pytest.raises(ValueError, match=r"wrong_shape: a VJP returned a gradient of shape \(7, 7\)"):
        (wrong_shape(x) * w).backward()
    assert w.grad.tolist() == [[1.0, 1.0], [1.0, 1.0]] and x.grad is None


def test_integer_tensors_cannot_keep_a_gradient():
    with pytest.raises(TypeError, match="int64"):
        (Tensor([1, 2], requires_grad=True, dtype=np.int64) * 1.5).backward()


# ---- only what is needed


def test_only_needed_vjps_run():
    a, b = leaf(2), Tensor([1.0, 2.0])
    choosy(a, b).backward()
    assert a.grad.tolist() == [1.0, 2.0]


def test_none_means_no_flow():
    x = leaf(2)
    (nothing_flows(x) + x).backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_gradients_walks_only_to_what_is_wanted():
    a, b = leaf(2), leaf(2)
    mid = a * 2.0
    assert gradients((mid * b).sum(), mid).tolist() == b.tolist()
    assert a.grad is None
    (got,) = gradients(choosy(a, b).sum(), [a])
    assert got.tolist() == b.tolist()


def test_gradients_of_computed_tensors_of_one_another():
    x = Tensor(2.0, requires_grad=True)
    y = x * x
    z = y * y
    dz_dy, dz_dx, same = gradients(z, [y, x, x])
    assert (float(dz_dy), float(dz_dx)) == (8.0, 32.0)
    assert not np.shares_memory(dz_dx.data, same.data)
    assert float(gradients(x * 2.0, leaf())) == 0.0


def test_several_values_get_read_only_zeros_where_no_gradient_arrived():
    seen = []

    @op
    def pair(x, /):
        def vjp(ga, gb):
            seen.append((ga, gb))
            return ga + gb

        return (x * 1.0, x * 2.0), vjp

    x = leaf(2)
    a, _ = pair(x)
    a.backward()
    _, gb = seen[0]
    assert gb.tolist() == [0.0, 0.0] and not gb.flags.writeable
    assert x.grad.tolist() == [1.0, 1.0]


# ---- recording


def test_modes_nest_and_are_reused():
    off = no_grad()
    with off, off:
        assert not is_grad_enabled()
        with enable_grad():
            assert is_grad_enabled()
        assert not is_grad_enabled()
    assert is_grad_enabled()

    @no_grad()
    def f(x):
        return x * 2.0

    @no_grad
    def g(x):
        return x * 2.0, enable_grad(f)(x), enable_grad(lambda: x * 2.0)()

    assert not f(leaf(2)).requires_grad
    assert [y.requires_grad for y in g(leaf(2))] == [False, False, True] and g.__name__ == "g"
    assert (leaf(2) * 2.0).requires_grad
    with pytest.raises(TypeError, match="no_grad: given False, needed a function"):
        no_grad(False)
    with pytest.raises(TypeError, match="generator"):

        @no_grad()
        def items():
            yield 1


def test_modes_are_per_thread_and_task():
    inside, outside = threading.Event(), []

    def other():
        inside.wait(5)
        outside.append(is_grad_enabled())

    thread = threading.Thread(target=other)
    thread.start()
    with no_grad():
        inside.set()
        thread.join()

    async def task(mode, results):
        with mode:
            await asyncio.sleep(0.01)
            results.append(is_grad_enabled())

    async def main():
        results = []
        shared = no_grad()
        await asyncio.gather(task(shared, results), task(enable_grad(), results), task(shared, results))
        return results

    assert outside == [True]
    assert sorted(asyncio.run(main())) == [False, False, True]


def test_untracked_backward_says_what_is_untracked():
    with pytest.raises(RuntimeError, match=r"Tensor of shape \(2,\).*not tracked"):
        Tensor([1.0, 2.0]).backward()


def test_a_seed_of_another_shape_is_refused():
    x = leaf(2, 3)
    with pytest.raises(ValueError, match=r"shape \(3,\), needed this tensor's, \(2, 3\)"):
        (x * 2.0).backward(np.ones(3))
    (x * 2.0).backward()
    assert x.grad.tolist() == [[2.0] * 3] * 2


# ---- freeing


def test_a_second_backward_is_one_clear_error():
    x = leaf(2)
    y = np.exp(x)
    y.sum().backward()
    before = x.grad.copy()
    with pytest.raises(RuntimeError, match=r"exp: .*keep_graph=True"):
        y.backward()
    with pytest.raises(RuntimeError, match="keep_graph=True"):
        gradients(y * 2.0, x)
    assert (x.grad == before).all()


def test_keep_graph():
    x = leaf(2)
    y = (x * x).sum()
    y.backward(keep_graph=True)
    y.backward()
    np.testing.assert_allclose(x.grad, 4 * x.data)


def test_memory_returns_by_reference_counting_alone():
    gc.collect()
    gc.disable()
    try:
        tracemalloc.start()
        for backward in (True, False):
            before = tracemalloc.get_traced_memory()[0]
            x = leaf(100, 100)
            w, V = pm.eigh(x @ x.T)
            y = (pm.log_softmax(np.tanh(x) @ V, axis=1)[::2].sum() + w.sum()) * 2.0
            if backward:
                y.backward()
            (hess,) = gradients(gradients((x**3).sum(), x, create_graph=True).sum(), [x])
            del x, y, w, V, hess
            assert tracemalloc.get_traced_memory()[0] - before < 20_000
        assert gc.collect() == 0
    finally:
        tracemalloc.stop()
        gc.enable()


@pytest.mark.parametrize("backward", [True, False])
def test_a_long_chain_needs_no_recursion(backward):
    x = Tensor(1.0, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    if backward:
        y.backward()
        assert x.grad == 1.0
    del y


def test_second_derivatives_of_a_long_chain_need_no_recursion():
    x = Tensor(0.5, requires_grad=True)
    y = x
    for _ in range(5_000):
        y = y * 1.0001
    z = y * y
    del y
    slope = gradients(z, x, create_graph=True)
    assert float(gradients(slope, x)) == pytest.approx(2 * 1.0001**10_000)


# ---- changes


@pytest.mark.parametrize(
    "change",
    [
        lambda x: setattr(x, "data", x.data + 1),
        lambda x: x.touch(),
        lambda x: x.reshape(-1).detach().__iadd__(1.0),
        lambda x: Tensor(x).__setitem__(0, 5.0),
        lambda x: x[1:].detach().__imul__(2.0),
        lambda x: x.T.detach().__isub__(1.0),
    ],
)
def test_a_changed_input_is_refused(change):
    x = leaf(3)
    y = np.exp(x) * x
    with no_grad():
        change(x)
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()
    assert x.grad is None


def test_linear_operations_do_not_mind_changes():
    x = leaf(3)
    y = (x + x).sum()
    with no_grad():
        x += 1.0
    y.backward()
    assert x.grad.tolist() == [2.0] * 3


def test_another_shape_is_refused_by_linear_operations_too():
    x = leaf(2, 3)
    y = (x + 1.0).sum()
    x.data = np.ones((1, 3))
    with pytest.raises(RuntimeError, match=r"add: its input 0, of shape \(1, 3\), was changed"):
        y.backward()
    assert x.grad is None


def test_a_changed_leaf_is_noticed_when_a_value_is_computed_again():
    x = leaf(3)
    z = np.exp(x + 1.0)
    with no_grad():
        x += 1.0
    with pytest.raises(RuntimeError, match=r"add: its input 0.*changed in place"):
        gradients(z, x, create_graph=True)


def test_augmented_assignment():
    x = leaf(2)
    with pytest.raises(RuntimeError, match="no_grad"):
        x += 1.0
    with no_grad():
        same = x
        x += 1.0
    assert x is same
    y = x * 2.0
    before = y
    y += 1.0
    assert y is not before and y.requires_grad
    total = Tensor(0.0)
    total += (x * x).sum()
    total.backward()
    np.testing.assert_allclose(x.grad, 2 * x.data)
    plain = Tensor([1, 2])
    alias = plain
    plain *= 3
    assert alias.tolist() == [3, 6]


# ---- derivatives of derivatives


def test_the_fourth_derivative_of_tanh():
    x = Tensor(0.3, requires_grad=True)
    y = np.tanh(x)
    for _ in range(4):
        y = gradients(y, x, create_graph=True)
    t = np.tanh(0.3)
    assert float(y) == pytest.approx(8 * t * (1 - t**2) * (2 - 3 * t**2), rel=1e-13)


def test_a_definition_counts_each_use_of_a_tensor_once():
    @op(definition=lambda a, b: a * b)
    def fused(a, b, /):
        return fused_product(a, b), lambda g: g * b, lambda g: g * a

    @kernel
    def fused_product(a, b):
        return a * b

    x = Tensor(3.0, requires_grad=True)
    first = gradients(fused(x, x) * x, x, create_graph=True)
    assert float(first) == 27.0
    assert float(gradients(first, x)) == 18.0


def test_kernels_of_several_values_stand_for_recorded_parts():
    @kernel
    def both(x):
        return np.exp(x), np.exp(2 * x)

    @op
    def exps(x, /):
        a, b = both(x)
        return (a, b), lambda ga, gb: ga * a + 2 * gb * b

    x = Tensor(0.5, requires_grad=True)
    a, b = exps(x)
    first = gradients(a + b, x, create_graph=True)
    second = gradients(first, x)
    assert float(second) == pytest.approx(np.exp(0.5) + 4 * np.exp(1.0))


def test_hessian_vector_product_through_a_network():
    rng = np.random.default_rng(0)
    X, labels = rng.standard_normal((6, 4)), rng.integers(0, 3, 6)
    params = [Tensor(rng.standard_normal(s), requires_grad=True) for s in ((4, 5), (5,), (5, 3), (3,))]
    vs = [rng.standard_normal(p.shape) for p in params]

    def slopes(shift=0.0, **settings):
        W1, b1, W2, b2 = [p + shift * v for p, v in zip(params, vs, strict=True)]
        logits = np.tanh(X @ W1 + b1) @ W2 + b2
        loss = -pm.log_softmax(logits)[np.arange(6), labels].mean()
        return gradients(loss, params, **settings)

    first = slopes(create_graph=True)
    dot = sum(((g * v).sum() for g, v in zip(first, vs, strict=True)), Tensor(0.0))
    for hv, plus, minus in zip(gradients(dot, params), slopes(1e-5), slopes(-1e-5), strict=True):
        np.testing.assert_allclose(hv.data, (plus.data - minus.data) / 2e-5, atol=1e-8)


def test_retained_gradients():
    x = leaf(2)
    y = (x * 2.0).retain_grad()
    z = y * y
    z.backward()
    np.testing.assert_allclose(y.grad, 2 * y.data)
    assert z.grad is None
    assert not np.shares_memory(y.grad, x.grad)


# ---- the registry


def test_clashes_are_refused():
    @op
    def once(x, /):
        return x * 1.0, lambda g: g

    with pytest.raises(ValueError, match="already"):
        op(once.op.body)
    with pytest.raises(ValueError, match=r"numpy\.exp"):

        @op(numpy=np.exp)
        def other_exp(x, /):
            return np.exp(x), lambda g: g

    assert NUMPY[np.exp] is pm.exp
    assert not any("other_exp" in key for key in OPS)


def test_in_main_a_definition_replaces():
    def twice(x, /):
        return x * 2.0, lambda g: g * 2.0

    twice.__module__ = "__main__"
    assert float(op(twice)(Tensor(1.0))) == 2.0
    assert float(op(twice)(Tensor(2.0))) == 4.0


def test_ops_without_data_or_with_missing_vjps_are_refused():
    with pytest.raises(TypeError, match="before `/`"):

        @op
        def no_data(x):
            return x, None

    @op
    def too_few(a, b, /):
        return a * b, lambda g: g

    with pytest.raises(TypeError, match="1 VJPs for 2"):
        too_few(leaf(2), leaf(2))


def test_parameters_of_layers():
    made = Parameter.given(None, (2,), lambda: np.zeros(2))
    assert made.dtype == np.float32 and made.requires_grad
    own = np.ones(2)
    kept = Parameter.given(own, (2,), lambda: None)
    kept.data[...] = 0
    assert own.tolist() == [1.0, 1.0] and kept.dtype == np.float64
    assert Parameter.given(kept, (2,), lambda: None) is kept
    with pytest.raises(ValueError, match=r"shape \(2,\), needed \(3,\)"):
        Parameter.given(own, (3,), lambda: None)
    with pytest.raises(ValueError, match="leaf"):
        Parameter.given(kept * 2.0, (2,), lambda: None)


def test_data_taken_from_a_tensor_is_a_copy():
    a, b = leaf(2), leaf(2)
    a.data = b
    y = a * a
    b.data = b.data * 10
    y.sum().backward()
    np.testing.assert_allclose(a.grad, 2 * a.data)


def test_a_hook_on_one_of_several_values_holds_in_recorded_sweeps():
    x = leaf(4)
    a, b = pm.split(x * x, 2)
    seen = []
    a.register_hook(lambda g: seen.append(g.shape))
    gradients((a * a * b).sum(), x, create_graph=True)
    assert seen == [(2,)]
