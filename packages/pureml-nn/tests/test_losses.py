"""Every loss against its formula, its gradients against finite differences, and the inputs it refuses."""

import math
import warnings
from itertools import product

import numpy as np
import pytest
from pureml_core import Parameter, Tensor, check_vjp, gradients, log_softmax, softmax
from pureml_nn import (
    BCE,
    CCE,
    CTC,
    MAE,
    MSE,
    NLL,
    Affine,
    Focal,
    GaussianNLL,
    Hinge,
    Huber,
    KLDivergence,
    MultiMargin,
    Poisson,
    SmoothL1,
    Triplet,
    losses,
)
from pureml_nn import CosineSimilarity as Cosine

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


def mae(Y, Y_hat):
    return np.mean(abs(Y_hat - Y))


def huber(Y, Y_hat, delta=1.0):
    d = abs(Y_hat - Y)
    return np.mean(np.where(d <= delta, d * d / 2, delta * (d - delta / 2)))


def poisson(Y, Y_hat, log_input=True):
    return np.mean(np.exp(Y_hat) - Y * Y_hat if log_input else Y_hat - Y * np.log(Y_hat + 1e-8))


def gaussian(Y, Y_hat, variance, full=False):
    return np.mean(0.5 * (np.log(variance) + (Y_hat - Y) ** 2 / variance)) + (0.5 * np.log(2 * np.pi) if full else 0)


def kl(Y, Y_hat, from_logits=False):
    return cce(Y, Y_hat, from_logits) + np.mean((Y * np.log(Y)).sum(-1))


def cosine(Y, Y_hat):
    return np.mean(1 - (Y * Y_hat).sum(-1) / np.linalg.norm(Y, axis=-1) / np.linalg.norm(Y_hat, axis=-1))


def hinge(Y, Y_hat, margin=1.0):
    return np.mean(np.maximum(0, margin - Y * Y_hat))


def focal(Y, Y_hat, gamma=2.0, alpha=None, from_logits=False):
    p = 1 / (1 + np.exp(-Y_hat)) if from_logits else Y_hat
    L = (-Y * np.log(p) - (1 - Y) * np.log(1 - p)) * (Y * (1 - p) + (1 - Y) * p) ** gamma
    return np.mean(L if alpha is None else L * (alpha * Y + (1 - alpha) * (1 - Y)))


# (loss, its formula, targets, predictions, settings)
LOSSES = [
    (MAE, mae, SOFT, Z, {}),
    (MAE, mae, np.array(0.3), np.array(1.2), {}),
    (Huber, huber, SOFT, Z, {}),
    (Huber, huber, SOFT, Z, {"delta": 0.3}),
    (SmoothL1, lambda Y, Y_hat, beta: huber(Y, Y_hat, beta) / beta, SOFT, Z, {"beta": 0.3}),
    (SmoothL1, lambda Y, Y_hat, beta: mae(Y, Y_hat), SOFT, Z, {"beta": 0}),
    (Poisson, poisson, SOFT, Z, {}),
    (Poisson, poisson, SOFT, P, {"log_input": False}),
    (GaussianNLL, gaussian, SOFT, Z, {"variance": 0.7}),
    (GaussianNLL, gaussian, SOFT, Z, {"variance": P[:, :1], "full": True}),
    (KLDivergence, kl, SOFT, P, {}),
    (KLDivergence, kl, SOFT, Z, {"from_logits": True}),
    (KLDivergence, kl, SOFT[0], P[0], {}),
    (Cosine, cosine, SOFT, Z, {}),
    (Cosine, cosine, SOFT[0], Z[0], {}),
    (Hinge, hinge, 2 * Y01 - 1, Z, {}),
    (Hinge, hinge, 2 * Y01 - 1, Z, {"margin": 0.2}),
    *[
        (Focal, focal, Y, Y_hat, {"from_logits": logits, "gamma": gamma, "alpha": alpha})
        for Y in (Y01, SOFT)
        for Y_hat, logits in ((P, False), (Z, True))
        for gamma, alpha in ((2.0, None), (0.5, 0.25), (0, 0.25))
    ],
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


PAIRED = [MSE, MAE, Huber, SmoothL1, BCE, CCE, Poisson, Focal, KLDivergence, Cosine, Hinge]


@TABLE
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_reductions(loss, formula, Y, Y_hat, settings, dtype):
    Y_hat = Y_hat.astype(dtype)
    each = loss(Y, Y_hat, **settings, reduction="none")
    by_row = loss in (CCE, KLDivergence, Cosine)
    assert each.shape == (Y_hat.shape[:-1] if by_row else Y_hat.shape) and each.dtype == dtype
    for reduction in ("mean", "sum"):
        L = loss(Y, Y_hat, **settings, reduction=reduction)
        assert L.dtype == dtype and L.shape == ()
        assert float(L) == pytest.approx(float(getattr(each, reduction)()), rel=1e-6)
    for reduction in ("avg", None, True):
        with pytest.raises(ValueError, match=f"{loss.__name__}: given reduction={reduction!r}, needed 'mean'"):
            loss(Y, Y_hat, **settings, reduction=reduction)


@TABLE
def test_gradient_of_every_single_loss(loss, formula, Y, Y_hat, settings):
    check_vjp(lambda Y, Y_hat: loss(Y, Y_hat, **settings, reduction="none"), Y, Y_hat, order=2)


@pytest.mark.parametrize("loss", PAIRED)
def test_no_entries_have_a_sum(loss):
    for reduction in ("sum", "none"):
        L = loss(np.zeros((0, 3)), np.zeros((0, 3)), reduction=reduction)
        assert L.size == 0 or float(L) == 0


@pytest.mark.parametrize("loss", PAIRED)
def test_nothing_broadcasts(loss):
    for Y, Y_hat in [((4,), (4, 1)), ((4, 1), (4,)), ((1, 3), (4, 3)), ((3,), (4, 3)), ((), (4,))]:
        with pytest.raises(ValueError) as error:
            loss(np.zeros(Y), np.full(Y_hat, 0.5))
        assert str(Y) in str(error.value) and str(Y_hat) in str(error.value)


@pytest.mark.parametrize("loss", PAIRED)
def test_no_entries_have_no_mean(loss):
    for shape in [(0, 3)] if loss in (KLDivergence, Cosine) else [(0, 3), (0,), (3, 0)]:
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
    op = losses.categorical.cross_entropy
    for z, Y in [
        (Z, ONE_HOT),
        (Z, SOFT),
        (Z[0], SOFT[0]),
        (Z.reshape(2, 2, 3), SOFT.reshape(2, 2, 3)),
        (Z[:3], SOFT[:3]),
    ]:
        assert np.allclose(op(z, Y).data, op.op.definition(Tensor(z), Tensor(Y)).data, rtol=1e-13)
        a, b = (Tensor(x, requires_grad=True) for x in (z, Y))
        for one, two in zip(gradients(op(a, b), [a, b]), gradients(op.op.definition(a, b), [a, b]), strict=True):
            assert np.allclose(one.data, two.data, rtol=1e-13, atol=1e-15)
    check_vjp(losses.binary.binary_cross_entropy, Z, SOFT, order=2)
    check_vjp(losses.common.clipped, P, order=2, low=0.0, high=1.0)


def test_gradient_passes_through_a_clipped_value():
    p = Tensor([0.0, 0.5, 1.0], requires_grad=True)
    losses.common.clipped(p, 0.1, 0.9).backward([1.0, 2.0, 3.0])
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


@pytest.mark.parametrize("loss", [CCE, Focal, NLL, MultiMargin])
def test_classes_in_the_second_axis_are_told_how_to_become_the_last(loss):
    Y, Y_hat = np.zeros((2, 5, 4), int), np.full((2, 3, 5, 4), 0.5)
    with pytest.raises(ValueError, match=r"last axis holds the classes; np\.moveaxis\(Y_hat, 1, -1\)"):
        loss(Y, Y_hat)
    loss(Y, np.moveaxis(Y_hat, 1, -1))


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("w", [None, 2.0, 0.0])
def test_bce_of_infinite_logits(dtype, w):
    z = Tensor(np.array([np.inf, -np.inf, np.inf, -np.inf, np.inf, 0], dtype), requires_grad=True)
    Y = np.array([1, 0, 0, 1, 0.5, 1])
    L = BCE(Y, z, from_logits=True, pos_weight=w, reduction="none")
    L.backward()
    positive = 1.0 if w is None else w
    half = np.log(2) * positive
    assert L.dtype == dtype and np.allclose(L.data, [0, 0, np.inf, np.inf if positive else 0, np.inf, half])
    assert np.allclose(z.grad, [0, 0, 1, -positive, 0.5, -positive / 2])
    assert BCE([1, 0], z[:2], from_logits=True).data == 0


def test_pos_weight_weighs_the_positive():
    for Y_hat, logits in ((Z, True), (P, False)):
        p = 1 / (1 + np.exp(-Z)) if logits else P
        for w in (3.0, np.array([0.5, 0.0, 2.0]), np.full((4, 1), 2), [[1.0], [2.0], [3.0], [4.0]]):
            expected = -(np.asarray(w) * Y01 * np.log(p) + (1 - Y01) * np.log(1 - p))
            found = BCE(Y01, Y_hat, from_logits=logits, pos_weight=w, reduction="none")
            assert np.allclose(found.data, expected, rtol=1e-12)
            check_vjp(lambda Y, z, w=w, e=logits: BCE(Y, z, from_logits=e, pos_weight=w), SOFT, Y_hat, order=2)
    for w in (np.ones(4), np.ones((1, 4, 3)), -1.0, np.nan):
        with pytest.raises(ValueError, match=r"BCE: given pos_weight of shape .* broadcast to"):
            BCE(Y01, P, pos_weight=w)
    with pytest.raises(TypeError, match="detach"):
        BCE(Y01, P, pos_weight=Tensor(2.0, requires_grad=True))


# ---- class weights and ignored labels

W = np.array([0.5, 0.0, 2.0])
MASKED_LABELS = np.array([2, 7, 1, 0])


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("e", [0.0, 0.3])
@pytest.mark.parametrize(("weight", "ignore"), list(product([None, W], [None, 7])))
def test_weighted_mean_over_labels(weight, ignore, e, from_logits):
    Y_hat = Z if from_logits else P
    labels = MASKED_LABELS if ignore else np.array([2, 0, 1, 0])
    w = np.ones(3) if weight is None else weight
    p = np.exp(Z) / np.exp(Z).sum(-1, keepdims=True) if from_logits else P
    Y = (1 - e) * np.eye(3)[labels % 7] + e / 3
    each = -(w * Y * np.log(p)).sum(-1) * (labels != ignore)
    total = (w[labels % 7] * (labels != ignore)).sum()
    settings = {"from_logits": from_logits, "label_smoothing": e, "weight": weight, "ignore_index": ignore}
    assert np.allclose(CCE(labels, Y_hat, **settings, reduction="none").data, each, rtol=1e-13)
    assert float(CCE(labels, Y_hat, **settings, reduction="sum")) == pytest.approx(each.sum())
    assert float(CCE(labels, Y_hat, **settings)) == pytest.approx(each.sum() / total)
    check_vjp(lambda z: CCE(labels, z, **settings), Y_hat, order=2)
    single = CCE(labels, Tensor(Y_hat.astype(np.float32), True), **settings)
    assert single.dtype == np.float32
    if from_logits and not e:
        ln_p = log_softmax(Z).data
        assert float(NLL(labels, ln_p, weight=weight, ignore_index=ignore)) == pytest.approx(each.sum() / total)


def test_weights_of_rows_divide_by_their_number():
    expected = -(W * SOFT * np.log(P)).sum() / 4
    assert float(CCE(SOFT, P, weight=W)) == pytest.approx(expected)
    check_vjp(lambda Y, z: CCE(Y, z, weight=W, from_logits=True), SOFT, Z, order=2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_ignored_sample_has_no_gradient_whatever_it_is(dtype):
    z = np.array([[1.0, 2.0], [-np.inf, 0.0], [np.nan, 1.0], [-np.inf, -np.inf]], dtype)
    labels = np.array([0, -100, -100, -100])
    for loss, settings in [(CCE, {"from_logits": True}), (NLL, {})]:
        t = Tensor(z, requires_grad=True)
        L = loss(labels, t, ignore_index=-100, **settings)
        L.backward()
        assert np.isfinite(float(L)) and np.isfinite(t.grad[0]).all() and not t.grad[1:].any()


def test_nothing_but_ignored_samples():
    for loss in (lambda **s: CCE([1, 1], P[:2], **s), lambda **s: NLL([1, 1], -P[:2], **s)):
        with pytest.raises(ValueError, match=r"all labels are ignored or have weight 0.*reduction='sum' gives 0"):
            loss(ignore_index=1)
        assert float(loss(ignore_index=1, reduction="sum")) == 0
        with pytest.raises(ValueError, match="weight 0"):
            loss(weight=[1, 0, 1])


def test_class_weights_and_ignore_index_refused():
    for weight in (np.ones(2), np.ones((3, 1)), 1.0, [1, -1, 1], [1, np.nan, 1]):
        for loss in (lambda w: CCE([1], P[:1], weight=w), lambda w: MultiMargin([1], P[:1], weight=w)):
            with pytest.raises(ValueError, match=r"given class weights .*needed \(3,\): a number >= 0 for each class"):
                loss(weight)
    with pytest.raises(ValueError, match="ignore_index with rows as targets"):
        CCE(ONE_HOT, P, ignore_index=0)
    for loss in (NLL, MultiMargin):
        with pytest.raises(ValueError, match=r"needed integer labels of shape \(4,\)"):
            loss(ONE_HOT, P)
        with pytest.raises(ValueError, match="labels from -1 to 3, needed 0 to 2"):
            loss([0, 3, -1, 1], P)


@pytest.mark.parametrize("size", [1, 29, 31, 1e3, 1e30])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_labels_and_rows_agree_for_logits_of_any_size(size, dtype):
    if dtype == np.float16 and size > 1e4:
        return
    z = (Z / abs(Z).max() * size).astype(dtype)
    labels = np.array([2, 0, 1, 1])
    found = CCE(labels, z, from_logits=True, reduction="none").data
    expected = CCE(ONE_HOT, z.astype(np.float64), from_logits=True, reduction="none").data
    eps = float(np.finfo(dtype).eps)
    assert np.allclose(found, expected, rtol=10 * eps, atol=10 * eps) and (found >= 0).all()


def test_layouts_of_logits():
    labels = np.array([[0, 2, 1], [1, 1, 0]])
    z = np.random.default_rng(3).standard_normal((3, 2, 3))
    for x in (z.transpose(1, 0, 2), np.asfortranarray(z).transpose(1, 0, 2), z[::-1, ::-1].transpose(1, 0, 2)):
        given = Tensor(x, requires_grad=True)
        CCE(labels, given, from_logits=True).backward()
        p = softmax(x).data
        assert np.allclose(given.grad, (p - np.eye(3)[labels]) / 6, rtol=1e-12)


# ---- probabilities in place of logits


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_softmax_before_a_loss_of_logits_is_noticed(dtype):
    p = softmax(Tensor(Z.astype(dtype)))
    for loss in (
        lambda p: CCE([2, 0, 1, 1], p, from_logits=True),
        lambda p: CCE(ONE_HOT, p, from_logits=True),
        lambda p: Focal([2, 0, 1, 1], p, from_logits=True),
        lambda p: NLL([2, 0, 1, 1], p),
        lambda p: KLDivergence(SOFT, p, from_logits=True),
    ):
        with pytest.warns(UserWarning, match="look like probabilities") as caught:
            loss(p)
        assert caught[0].filename == __file__  # the line that called it
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(5):
            CCE([2, 0, 1, 1], p, from_logits=True)
        assert len(caught) == 1


def test_logits_are_not_taken_for_probabilities():
    for z in (
        Z,
        np.zeros((4, 3)),
        np.full((4, 3), 0.5),
        np.ones((4, 1)),
        abs(Z),
        -np.eye(3),
        np.array([[0.2, 0.8], [2, 1]]),
    ):
        CCE(np.zeros(len(z), int), z, from_logits=True)
    NLL([0], np.log([[0.5, 0.5]]))


# ---- regression


def test_mae_of_equal_values_has_no_slope():
    x = Tensor([1.0, 2.0], requires_grad=True)
    MAE([1.0, 0.0], x).backward()
    assert x.grad.tolist() == [0, 0.5]


def test_variances():
    for variance in (P, P[:, :1], np.array(0.3)):
        check_vjp(GaussianNLL, SOFT, Z, variance, order=2)
        v = Tensor(variance.astype(np.float64), requires_grad=True)
        assert GaussianNLL(SOFT, Z.astype(np.float32), v).dtype == np.float32
    v = Tensor([0.0, 1e-9, 1.0], requires_grad=True)
    GaussianNLL(np.zeros(3), np.ones(3), v, eps=1e-4).backward()
    assert np.allclose(v.grad, [(1e4 - 1e8) / 6] * 2 + [0])  # taken at eps: it can grow again
    with pytest.raises(ValueError, match=r"GaussianNLL: given a variance of -1.0"):
        GaussianNLL([0.0], [1.0], [-1.0])
    with pytest.raises(ValueError, match=r"variances of shape \(4,\).*\(4, 3\)"):
        GaussianNLL(SOFT, Z, np.ones(4))


def test_poisson_with_stirlings_term():
    Y = np.array([0.0, 1.0, 2.0, 50.0])
    found = Poisson(Y, np.log([3.0, 3.0, 3.0, 40.0]), full=True, reduction="none").data
    exact = [rate - y * math.log(rate) + math.lgamma(y + 1) for y, rate in zip(Y, [3, 3, 3, 40], strict=True)]
    assert np.allclose(found, exact, atol=0.05)
    assert np.isfinite(Poisson([0.0], [0.0], log_input=False).data)
    check_vjp(Poisson, np.array([0.5, 2.5]), Z[0, :2], order=2, full=True)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Huber(SOFT, Z, delta=0), "Huber: given delta=0, needed a positive"),
        (lambda: SmoothL1(SOFT, Z, beta=-1), "SmoothL1: given beta=-1"),
        (lambda: Focal(SOFT, P, gamma=-1), "Focal: given gamma=-1.0"),
        (lambda: Focal(SOFT, P, alpha=2), "Focal: given alpha=2, needed 0 to 1"),
        (lambda: Focal([0, 1, 2, 1], P, alpha=0.25), r"alpha of shape \(\), needed a weight for each class: \(3,\)"),
        (lambda: MultiMargin([0, 1, 2, 1], P, p=3), "MultiMargin: given p=3, needed 1 or 2"),
        (lambda: Triplet(Z, Z, Z, p=0.5), "Triplet: given p=0.5"),
        (lambda: Triplet(Z, Z, Z[:1]), r"Triplet: given targets of shape \(1, 3\) and predictions of shape \(4, 3\)"),
        (lambda: Triplet(1.0, 2.0, 3.0), "needed vectors"),
        (lambda: Cosine(1.0, 2.0), "needed vectors"),
        (lambda: Hinge(Y01, Z), r"target 0, needed -1 and 1; 2 \* Y - 1"),
        (lambda: KLDivergence(1.0, 0.5), r"shape \(\), needed \(..., K\)"),
    ],
)
def test_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---- margins and distances


def test_cosine_of_nothing_is_zero_and_can_be_learnt_from():
    x = Tensor(np.zeros((1, 3), np.float32), requires_grad=True)
    L = Cosine([[1.0, 0.0, 0.0]], x)
    L.backward()
    assert float(L) == 1 and np.isfinite(x.grad).all() and x.grad[0, 0] < 0
    assert float(Cosine([1.0, 2.0], [-2.0, -4.0])) == pytest.approx(2) == 2 - float(Cosine([1.0, 2.0], [2.0, 4.0]))


def test_multi_margin():
    labels = np.array([2, 0, 1, 1])
    for p, margin in product((1, 2), (1.0, 0.4)):
        expected = [
            sum(max(0, margin - z[y] + z[k]) ** p for k in range(3) if k != y) / 3
            for z, y in zip(Z, labels, strict=True)
        ]
        found = MultiMargin(labels, Z, p=p, margin=margin, reduction="none")
        assert np.allclose(found.data, expected, rtol=1e-13)
        check_vjp(lambda z, p=p, margin=margin: MultiMargin(labels, z, p=p, margin=margin), Z, order=2)
    assert float(MultiMargin([0], np.array([[1.0]], np.float32))) == 0


@pytest.mark.parametrize(("p", "swap"), list(product((1, 2, 3), (False, True))))
def test_triplet(p, swap):
    a, b, c = np.random.default_rng(1).standard_normal((3, 5, 2))
    near, far, other = (np.linalg.norm(x - y + 1e-6, p, axis=-1) for x, y in ((a, b), (a, c), (b, c)))
    expected = np.maximum(0, near - (np.minimum(far, other) if swap else far) + 1)
    found = Triplet(a, b, c, p=p, swap=swap, reduction="none")
    assert np.allclose(found.data, expected, rtol=1e-12)
    check_vjp(lambda *x: Triplet(*x, p=p, swap=swap), a, b, c, order=2)
    x = Tensor(np.zeros((1, 2), np.float32), requires_grad=True)
    Triplet(x, x, x, p=p).backward()
    assert np.isfinite(x.grad).all() and x.grad.dtype == np.float32


def test_focal_loss_of_classes():
    labels = np.array([2, 0, 1, 1])
    p = softmax(Z).data
    right = p[np.arange(4), labels]
    for gamma in (0, 0.5, 2):
        expected = -((1 - right) ** gamma) * np.log(right)
        for Y_hat, logits in ((Z, True), (p, False)):
            found = Focal(labels, Y_hat, gamma=gamma, from_logits=logits, reduction="none")
            assert np.allclose(found.data, expected, rtol=1e-12)
            weighted = Focal(labels, Y_hat, gamma=gamma, alpha=W, from_logits=logits)
            assert float(weighted) == pytest.approx(np.mean(expected * W[labels]))
        check_vjp(lambda z, gamma=gamma: Focal(labels, z, gamma=gamma, from_logits=True), Z, order=2)


@pytest.mark.parametrize("gamma", [0.5, 1, 2])
def test_focal_loss_of_what_is_certain(gamma):
    z = Tensor(np.array([[200.0, -200.0], [200.0, -200.0]], np.float32), requires_grad=True)
    for Y, L in (([0, 0], 0), ([[1, 0], [1, 0]], 0), ([1, 1], 400), ([[0, 1], [0, 1]], 200)):
        z.zero_grad()
        found = Focal(Y, z, gamma=gamma, from_logits=True)
        found.backward()
        assert float(found) == pytest.approx(L, abs=1e-6) and np.isfinite(z.grad).all()


# ---- connectionist temporal classification


def paths(z, target, blank):
    """The definition: the sum over every path that spells the target."""
    p = softmax(z).data
    total = 0.0
    for path in product(range(z.shape[1]), repeat=len(z)):
        kept = [k for i, k in enumerate(path) if k != blank and (i == 0 or path[i - 1] != k)]
        total += math.prod(p[t, k] for t, k in enumerate(path)) if kept == list(target) else 0
    return -math.log(total) if total else math.inf


@pytest.mark.parametrize("target", [(), (0,), (1, 0), (0, 0), (1, 1, 0), (1, 1, 1)])
@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_ctc_is_the_sum_over_all_paths(target, frames):
    z = np.random.default_rng(frames).standard_normal((5, 3))
    Y = np.full((1, 4), 2)
    Y[0, : len(target)] = target
    found = CTC(Y, z[None], np.array([frames]), np.array([len(target)]), blank=2, reduction="sum")
    assert float(found) == pytest.approx(paths(z[:frames], target, 2), rel=1e-12)


def test_ctc_in_a_batch_is_ctc_alone():
    z = np.random.default_rng(0).standard_normal((3, 6, 4))
    Y, frames, count = np.array([[1, 2, 3], [3, 3, 0], [0, 0, 0]]), np.array([6, 5, 2]), np.array([3, 2, 0])
    each = CTC(Y, z, frames, count, reduction="none").data
    for i, (n, m) in enumerate(zip(frames, count, strict=True)):
        alone = Tensor(z[i : i + 1, :n], requires_grad=True)
        L = CTC(Y[i : i + 1, :m], alone, reduction="sum")
        assert float(L) == pytest.approx(each[i], rel=1e-13)
    assert float(CTC(Y, z, frames, count)) == pytest.approx(np.mean(each / [3, 2, 1]))
    check_vjp(lambda z: CTC(Y, z, frames, count, reduction="none"), z, order=2)
    t = Tensor(z, requires_grad=True)
    CTC(Y, t, frames, count).backward()
    assert not t.grad[1, 5:].any() and not t.grad[2, 2:].any() and t.grad[2, :2].all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ctc_with_too_few_frames(dtype):
    z = Tensor(np.zeros((2, 3, 4), dtype), requires_grad=True)
    Y = [[1, 1, 2], [1, 2, 3]]  # the first needs four
    L = CTC(np.array(Y), z, reduction="none")
    assert L.data[0] == np.inf and np.isfinite(L.data[1]) and L.dtype == dtype
    for zero_infinity, value in ((False, np.inf), (True, float(L.data[1]) / 6)):
        z.zero_grad()
        L2 = CTC(np.array(Y), z, zero_infinity=zero_infinity)
        L2.backward()
        assert float(L2) == pytest.approx(value) and not z.grad[0].any() and z.grad[1].all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ctc_of_long_and_of_certain_sequences(dtype):
    rng = np.random.default_rng(0)
    Y = rng.integers(1, 5, (2, 60))
    z = Tensor((30 * rng.standard_normal((2, 1000, 5))).astype(dtype), requires_grad=True)
    L = CTC(Y, z, reduction="sum")
    L.backward()
    assert np.isfinite(float(L)) and np.isfinite(z.grad).all() and L.dtype == z.grad.dtype == dtype
    masked = np.full((1, 2, 3), -np.inf, dtype)
    masked[0, 0, 1] = masked[0, 1, 2] = 0
    z = Tensor(masked, requires_grad=True)
    L = CTC(np.array([[1, 2]]), z)
    L.backward()
    assert float(L) == 0 and not z.grad.any()
    assert float(CTC(np.array([[2, 1]]), z)) == np.inf


@pytest.mark.parametrize(
    ("args", "settings", "message"),
    [
        (([[1]], np.zeros((2, 3))), {}, r"predictions of shape \(2, 3\), needed logits \(B, T, K\)"),
        (([1], np.zeros((1, 2, 3))), {}, r"shape \(1,\), needed integers \(1, S\)"),
        (([[1.0]], np.zeros((1, 2, 3))), {}, "dtype float64"),
        (([[1]], np.zeros((2, 2, 3))), {}, r"needed integers \(2, S\)"),
        (([[3]], np.zeros((1, 2, 3))), {}, "label 3, needed 0 to 2 without the blank, 0"),
        (([[0]], np.zeros((1, 2, 3))), {}, "label 0, needed 0 to 2 without the blank"),
        (([[1]], np.zeros((1, 2, 3))), {"blank": 3}, "blank=3"),
        (([[1]], np.zeros((1, 2, 3)), [3]), {}, r"input_lengths=.*integers from 1 to 2"),
        (([[1]], np.zeros((1, 2, 3)), [0]), {}, "input_lengths"),
        (([[1]], np.zeros((1, 2, 3)), None, [2]), {}, "target_lengths=.*from 0 to 1"),
        (([[1]], np.zeros((1, 2, 3)), None, [0.5]), {}, "target_lengths"),
        ((np.zeros((0, 1), int), np.zeros((0, 2, 3))), {}, "no mean over no entries"),
    ],
)
def test_ctc_refuses(args, settings, message):
    with pytest.raises(ValueError, match=f"CTC: .*{message}|CTC: {message}"):
        CTC(*args, **settings)


def test_a_loss_reaches_the_weights_of_a_float32_layer():
    layer = Affine(3, 3, seed=0)
    CCE(ONE_HOT, layer(Z), from_logits=True).backward()
    assert all(isinstance(p, Parameter) and p.grad.dtype == np.float32 for p in layer.parameters)
