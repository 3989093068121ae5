"""Every loss against its formula, its gradients against finite differences, and the inputs it refuses."""

import numpy as np
import pytest
from pureml_core import Parameter, Tensor, check_vjp, gradients
from pureml_nn import BCE, CCE, MSE, Affine, losses

rng = np.random.default_rng(0)
Z = rng.standard_normal((4, 3))
P = rng.uniform(0.1, 0.9, (4, 3))  # probabilities whose rows do not sum to 1
Y01 = rng.integers(0, 2, (4, 3)).astype(float)
SOFT = rng.uniform(0, 1, (4, 3))  # targets whose rows do not sum to 1
ONE_HOT = np.eye(3)[[2, 0, 1, 1]]


def mse(Y, Y_hat):
    return np.mean((Y_hat - Y) ** 2)


def bce(Y, Y_hat, from_logits=False, label_smoothing=0.0):
    p = 1 / (1 + np.exp(-Y_hat)) if from_logits else Y_hat
    Y = (1 - label_smoothing) * Y + label_smoothing / 2
    return np.mean(-Y * np.log(p) - (1 - Y) * np.log(1 - p))


def cce(Y, Y_hat, from_logits=False, label_smoothing=0.0):
    p = np.exp(Y_hat) / np.exp(Y_hat).sum(-1, keepdims=True) if from_logits else Y_hat
    Y = (1 - label_smoothing) * Y + label_smoothing / Y.shape[-1]
    return np.mean(-(Y * np.log(p)).sum(-1))


# (loss, its formula, targets, predictions, settings)
LOSSES = [
    (MSE, mse, SOFT, Z, {}),
    (MSE, mse, SOFT[0], Z[0], {}),
    (MSE, mse, SOFT[:1, :1], Z[:1, :1], {}),
    (MSE, mse, np.array(0.3), np.array(1.2), {}),
    *[
        (BCE, bce, Y, Y_hat, {"from_logits": logits, "label_smoothing": e})
        for Y in (Y01, SOFT)
        for Y_hat, logits in ((P, False), (Z, True))
        for e in (0.0, 0.1, 1.0)
    ],
    (BCE, bce, Y01[:, 0], P[:, 0], {}),
    (BCE, bce, np.array(1.0), np.array(0.2), {"from_logits": True}),
    *[
        (CCE, cce, Y, Y_hat, {"from_logits": logits, "label_smoothing": e})
        for Y in (ONE_HOT, SOFT)
        for Y_hat, logits in ((P, False), (Z, True))
        for e in (0.0, 0.1, 1.0)
    ],
    (CCE, cce, ONE_HOT[:3], Z[:3], {"from_logits": True}),  # batch = classes
    (CCE, cce, ONE_HOT[:1], Z[:1], {"from_logits": True}),
    (CCE, cce, ONE_HOT[0], Z[0], {"from_logits": True}),
    (CCE, cce, ONE_HOT.reshape(2, 2, 3), Z.reshape(2, 2, 3), {"from_logits": True}),
    (CCE, cce, np.ones((4, 1)), Z[:, :1], {"from_logits": True}),
]
TABLE = pytest.mark.parametrize(("loss", "formula", "Y", "Y_hat", "settings"), LOSSES)


@TABLE
def test_value(loss, formula, Y, Y_hat, settings):
    L = loss(Y, Y_hat, **settings)
    assert isinstance(L, Tensor) and L.shape == ()
    assert float(L) == pytest.approx(formula(Y, Y_hat, **settings), rel=1e-13)


@TABLE
def test_gradients_of_targets_and_predictions(loss, formula, Y, Y_hat, settings):
    check_vjp(loss, Y, Y_hat, order=2, **settings)


@TABLE
def test_precision_follows_the_prediction(loss, formula, Y, Y_hat, settings):
    for dtype in (np.float32, np.float64):
        target, prediction = Tensor(Y, requires_grad=True), Tensor(Y_hat.astype(dtype), requires_grad=True)
        L = loss(target, prediction, **settings)
        L.backward()
        assert L.dtype == prediction.grad.dtype == dtype and target.grad.dtype == np.float64
        assert float(L) == pytest.approx(float(loss(Y, Y_hat, **settings)), rel=1e-5)


@TABLE
def test_arrays_lists_and_untracked_tensors(loss, formula, Y, Y_hat, settings):
    values = {
        float(loss(Y, Y_hat, **settings)),
        float(loss(Tensor(Y), Tensor(Y_hat), **settings)),
        float(loss(Y.tolist(), Y_hat.tolist(), **settings)),
    }
    assert len(values) == 1


@TABLE
def test_bad_input_is_one_clear_error(loss, formula, Y, Y_hat, settings):
    with pytest.raises(ValueError, match=rf"{loss.__name__}: given targets of shape .*\(7, 9\)"):
        loss(np.zeros((7, 9)), Y_hat, **settings)
    with pytest.raises(TypeError, match=r"predictions of dtype int64.*target comes first"):
        loss(Y, Y_hat.astype(int), **settings)
    with pytest.raises(TypeError, match="targets of dtype complex128"):
        loss(Y + 0j, Y_hat, **settings)


@pytest.mark.parametrize("loss", [MSE, BCE, CCE])
def test_nothing_broadcasts(loss):
    for Y, Y_hat in [((4,), (4, 1)), ((4, 1), (4,)), ((1, 3), (4, 3)), ((3,), (4, 3)), ((), (4,))]:
        with pytest.raises(ValueError) as error:
            loss(np.zeros(Y), np.full(Y_hat, 0.5))
        assert str(Y) in str(error.value) and str(Y_hat) in str(error.value)


@pytest.mark.parametrize("loss", [MSE, BCE, CCE])
def test_no_entries_have_no_mean(loss):
    for shape in [(0, 3), (0,), (3, 0)]:
        with pytest.raises(ValueError, match="no mean over no entries"):
            loss(np.zeros(shape), np.zeros(shape))


@pytest.mark.parametrize("loss", [BCE, CCE])
@pytest.mark.parametrize("e", [-0.1, 1.1, float("nan"), float("inf")])
def test_label_smoothing_outside_the_unit_interval(loss, e):
    with pytest.raises(ValueError, match=r"label_smoothing=.*needed 0 to 1"):
        loss(SOFT, P, label_smoothing=e)


def test_a_numpy_scalar_does_not_widen():
    z = Tensor(Z.astype(np.float32), requires_grad=True)
    for loss in (BCE, CCE):
        assert loss(SOFT, z, from_logits=True, label_smoothing=np.float64(0.1)).dtype == np.float32


# ---- the operations


def test_definition_is_the_body():
    op = losses.cross_entropy
    for z, Y in [
        (Z, ONE_HOT),
        (Z, SOFT),
        (Z[0], SOFT[0]),
        (Z.reshape(2, 2, 3), SOFT.reshape(2, 2, 3)),
        (Z[:3], SOFT[:3]),
    ]:
        assert np.allclose(op(z, Y).data, op.op.definition(Tensor(z), Tensor(Y)).data, rtol=1e-14)
        a, b = (Tensor(x, requires_grad=True) for x in (z, Y))
        for one, two in zip(gradients(op(a, b), [a, b]), gradients(op.op.definition(a, b), [a, b]), strict=True):
            assert np.allclose(one.data, two.data, rtol=1e-13, atol=1e-15)
    check_vjp(losses.binary_cross_entropy, Z, SOFT, order=2)
    check_vjp(losses.clipped, P, order=2, low=0.0, high=1.0)


def test_gradient_passes_through_a_clipped_value():
    p = Tensor([0.0, 0.5, 1.0], requires_grad=True)
    losses.clipped(p, 0.1, 0.9).backward([1.0, 2.0, 3.0])
    assert p.grad.tolist() == [1, 2, 3]


# ---- integer labels


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.int32, np.uint64])
@pytest.mark.parametrize("from_logits", [True, False])
def test_labels_are_one_hot_rows(dtype, from_logits):
    labels = np.array([2, 0, 1, 1])
    Y_hat = Z if from_logits else P
    for shape in [(4,), (2, 2), (1, 4)]:
        expected = CCE(ONE_HOT, Y_hat, from_logits=from_logits, label_smoothing=0.1)
        found = CCE(
            labels.astype(dtype).reshape(shape),
            Y_hat.reshape(*shape, 3),
            from_logits=from_logits,
            label_smoothing=0.1,
        )
        assert float(found) == pytest.approx(float(expected), rel=1e-14)
    assert float(CCE(2, Z[0], from_logits=True)) == pytest.approx(float(CCE(ONE_HOT[0], Z[0], from_logits=True)))


@pytest.mark.parametrize(("labels", "message"), [([0, 3], "from 0 to 3, needed 0 to 2"), ([-1, 0], "from -1 to 0")])
def test_labels_that_are_no_class(labels, message):
    with pytest.raises(ValueError, match=message):
        CCE(np.array(labels), Z[:2])


def test_labels_of_another_kind_or_shape():
    with pytest.raises(ValueError, match=r"\(4,\).*\(4, 3\).*integer labels of shape \(4,\)"):
        CCE(np.array([2.0, 0.0, 1.0, 1.0]), Z)
    with pytest.raises(ValueError, match=r"\(4, 1\).*integer labels of shape \(4,\)"):
        CCE(np.array([[2], [0], [1], [1]]), Z)
    with pytest.raises(ValueError, match="last axis holds the classes"):
        CCE(1, 0.5)


def test_label_gradient_is_softmax_minus_one_hot():
    z = Tensor(Z, requires_grad=True)
    CCE(np.array([2, 0, 1, 1]), z, from_logits=True).backward()
    p = np.exp(Z) / np.exp(Z).sum(-1, keepdims=True)
    assert np.allclose(z.grad, (p - ONE_HOT) / 4, rtol=1e-13)


# ---- extremes


def test_masked_logit_is_log_2():
    for Y in (np.array([1.0, 0.0, 0.0]), np.array([[0.5, 0.5, 0.0]]), np.array([1])):
        z = Tensor(np.broadcast_to([0.0, 0.0, -np.inf], (*Y.shape[: Y.ndim - (Y.dtype.kind == "f")], 3)), True)
        L = CCE(Y, z, from_logits=True)
        L.backward()
        assert float(L) == pytest.approx(np.log(2), rel=1e-15)
        assert np.isfinite(z.grad).all() and not z.grad[..., 2].any()


def test_masked_logit_in_second_order():
    z = Tensor([0.0, 0.0, -np.inf], requires_grad=True)
    (dz,) = gradients(CCE(0, z, from_logits=True), [z], create_graph=True)
    assert np.allclose(dz.data, [-0.5, 0.5, 0])
    (d2z,) = gradients(dz[0], [z])
    assert np.allclose(d2z.data, [0.25, -0.25, 0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("loss", [BCE, CCE])
def test_certain_probabilities_have_a_finite_loss(loss, dtype):
    p = Tensor(np.array([[0.0, 1.0], [1.0, 0.0]], dtype), requires_grad=True)
    for Y in ([[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0.5, 0.5], [0.5, 0.5]]):
        p.zero_grad()
        L = loss(Y, p)
        L.backward()
        assert np.isfinite(float(L)) and np.isfinite(p.grad).all()
    assert float(loss([[0, 1], [1, 0]], p)) < 2e-3
    wrong = float(loss([[1, 0], [0, 1]], p))
    p.zero_grad()
    loss([[1, 0], [0, 1]], p).backward()
    assert wrong > 6 and p.grad[0, 0] < 0  # it can still learn


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e2, 1e4, 1e30])
def test_huge_logits_do_not_overflow(dtype, size):
    z = Tensor(np.array([[size, -size], [-size, size]], dtype), requires_grad=True)
    right, wrong = np.eye(2), 1 - np.eye(2)
    for loss, worst in ((BCE, size), (CCE, 2 * size)):
        assert float(loss(right, z, from_logits=True)) == pytest.approx(0, abs=1e-30)
        L = loss(wrong, z, from_logits=True)
        assert float(L) == pytest.approx(worst, rel=1e-6)
        z.zero_grad()
        L.backward()
        assert np.isfinite(z.grad).all()


def test_bce_curvature_at_zero_logits():
    z = Tensor(np.zeros(2), requires_grad=True)
    (dz,) = gradients(BCE([0.0, 1.0], z, from_logits=True), [z], create_graph=True)
    (d2z,) = gradients(dz.sum(), [z])
    assert np.allclose(dz.data, [0.25, -0.25]) and np.allclose(d2z.data, [0.125, 0.125])


def test_a_loss_reaches_the_weights_of_a_float32_layer():
    layer = Affine(3, 3, seed=0)
    CCE(ONE_HOT, layer(Z), from_logits=True).backward()
    assert all(isinstance(p, Parameter) and p.grad.dtype == np.float32 for p in layer.parameters)
