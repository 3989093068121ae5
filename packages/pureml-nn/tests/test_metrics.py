"""Metrics: figures that can be checked by hand, batches that make no difference, and the inputs they refuse."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pureml_core import Tensor
from pureml_nn import CCE, metrics
from pureml_nn.metrics.base import exact_sum

rng = np.random.default_rng(0)
N, K = 40, 3
LABELS = rng.integers(0, K, N)
GUESSES = np.where(rng.random(N) < 0.6, LABELS, rng.integers(0, K, N))
SCORES = rng.standard_normal((N, K)) + 1.5 * np.eye(K)[LABELS]
PROBABILITIES = np.exp(SCORES) / np.exp(SCORES).sum(-1, keepdims=True)
TIED = np.round(SCORES[:, 0])
BINARY = (LABELS == 0).astype(int)
VALUES = 1e8 + rng.standard_normal((N, 2))
PREDICTED = VALUES + 0.3 * rng.standard_normal((N, 2))

# (streaming, the function of whole arrays, targets, predictions)
METRICS = [
    (metrics.Accuracy, metrics.accuracy, LABELS, GUESSES),
    (metrics.Accuracy, metrics.accuracy, LABELS, SCORES),
    (metrics.Accuracy, metrics.accuracy, np.eye(K)[LABELS], SCORES),
    (lambda: metrics.TopKAccuracy(2), lambda Y, X: metrics.top_k_accuracy(Y, X, 2), LABELS, SCORES),
    (metrics.ConfusionMatrix, metrics.confusion_matrix, LABELS, GUESSES),
    (lambda: metrics.ConfusionMatrix(5), lambda Y, X: metrics.confusion_matrix(Y, X, 5), LABELS, GUESSES),
    *[
        (lambda c=c, a=average: c(average=a), lambda Y, X, f=f, a=average: f(Y, X, average=a), Y, X)
        for c, f in (
            (metrics.Precision, metrics.precision),
            (metrics.Recall, metrics.recall),
            (metrics.F1, metrics.f1),
        )
        for average, Y, X in (
            ("binary", BINARY, GUESSES == 0),
            *((average, LABELS, GUESSES) for average in ("micro", "macro", "weighted", None)),
        )
    ],
    (metrics.ROCAUC, metrics.roc_auc, BINARY, TIED),
    (metrics.ROCAUC, metrics.roc_auc, LABELS, SCORES),
    (metrics.AveragePrecision, metrics.average_precision, BINARY, TIED),
    (metrics.AveragePrecision, metrics.average_precision, np.eye(K, dtype=int)[LABELS], SCORES),
    (metrics.MeanAbsoluteError, metrics.mae, VALUES, PREDICTED),
    (metrics.RootMeanSquaredError, metrics.rmse, VALUES, PREDICTED),
    (metrics.R2, metrics.r2, VALUES, PREDICTED),
    (lambda: metrics.R2(None), lambda Y, X: metrics.r2(Y, X, average=None), VALUES[:, 0], PREDICTED[:, 0]),
    (lambda: metrics.R2("variance"), lambda Y, X: metrics.r2(Y, X, average="variance"), VALUES, PREDICTED),
    (metrics.Perplexity, metrics.perplexity, LABELS, PROBABILITIES),
    (
        lambda: metrics.Perplexity(from_logits=True, ignore_index=1),
        lambda Y, X: metrics.perplexity(Y, X, from_logits=True, ignore_index=1),
        LABELS,
        SCORES,
    ),
]
TABLE = pytest.mark.parametrize(("make", "whole", "Y", "Y_hat"), METRICS)


@TABLE
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_batches_make_no_difference(make, whole, Y, Y_hat, data):
    order = np.array(data.draw(st.permutations(range(N))))
    cuts = sorted(data.draw(st.lists(st.integers(0, N), max_size=6)))
    parts = np.split(order, cuts)
    expected = whole(Y, Y_hat)
    one, other = make(), make()
    for i, rows in enumerate(parts):
        (one if i % 2 else other).update(Y[rows], Y_hat[rows])
    found = one.merge(other).compute()
    assert np.array_equal(found, expected) and type(found) is type(expected)  # to the last bit


@TABLE
def test_what_goes_in_and_comes_out(make, whole, Y, Y_hat):
    expected = whole(Y, Y_hat)
    assert type(expected) in (float, np.ndarray)
    for form in (lambda x: Tensor(x, requires_grad=x.dtype.kind == "f"), np.ndarray.tolist, np.asfortranarray):
        assert np.array_equal(whole(form(Y), form(Y_hat)), expected)
    metric = make()
    with pytest.raises(ValueError, match="nothing to compute from; update it"):
        metric.compute()
    assert metric.update(Y, Y_hat) is metric
    assert np.array_equal(metric.compute(), expected) and np.array_equal(metric.compute(), expected)
    assert np.array_equal(metric.merge(make()).compute(), expected)
    with pytest.raises(ValueError, match="nothing to compute from"):
        metric.reset().compute()
    assert np.array_equal(metric.update(Y, Y_hat).compute(), expected)


@TABLE
def test_refuses(make, whole, Y, Y_hat):
    with pytest.raises(ValueError, match=r"given targets of .*shape \(7, 9\)"):
        whole(np.zeros((7, 9), int), Y_hat)
    if not isinstance(make(), metrics.ConfusionMatrix):
        empty = make().update(Y[:0], Y_hat[:0])
        if isinstance(empty, metrics.R2):
            with pytest.warns(RuntimeWarning, match="less than two samples"):
                assert math.isnan(empty.compute())
        else:
            with pytest.raises(ValueError, match=r"no (samples|entries)"):
                empty.compute()


def test_only_equals_are_merged():
    with pytest.raises(ValueError, match=r"given Recall with .*needed Precision"):
        metrics.Precision().merge(metrics.Recall())
    with pytest.raises(ValueError, match=r"'k': 2.*'k': 3"):
        metrics.TopKAccuracy(3).merge(metrics.TopKAccuracy(2))


@given(st.lists(st.floats(-1e300, 1e300, allow_nan=False), max_size=20))
@settings(max_examples=100, deadline=None)
def test_exact_sum(values):
    assert exact_sum(np.array(values, np.float64)) == sum(map(Fraction, values), Fraction(0))


# ---- classification


def test_by_hand():
    Y, Y_hat = [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 2]
    assert metrics.confusion_matrix(Y, Y_hat).tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    assert metrics.accuracy(Y, Y_hat) == 4 / 6
    assert metrics.precision(Y, Y_hat, average=None).tolist() == [1, 0.5, 0.5]
    assert metrics.recall(Y, Y_hat, average=None).tolist() == [2 / 3, 0.5, 1]
    assert metrics.f1(Y, Y_hat, average=None) == pytest.approx([0.8, 0.5, 2 / 3])
    assert metrics.precision(Y, Y_hat, average="micro") == metrics.recall(Y, Y_hat, average="micro") == 4 / 6
    assert metrics.precision(Y, Y_hat, average="macro") == pytest.approx(2 / 3)
    assert metrics.precision(Y, Y_hat, average="weighted") == pytest.approx((3 * 1 + 2 * 0.5 + 0.5) / 6)
    assert metrics.confusion_matrix(Y, Y_hat, normalize="true")[0].tolist() == [2 / 3, 1 / 3, 0]
    assert metrics.confusion_matrix(Y, Y_hat, 4, normalize="pred")[:, 3].tolist() == [0, 0, 0, 0]
    assert metrics.confusion_matrix(Y, Y_hat, normalize="all").sum() == pytest.approx(1)


def test_absent_classes_and_divisions_by_zero():
    Y, Y_hat = [0, 0, 3], [0, 0, 0]
    assert metrics.precision(Y, Y_hat, average=None).tolist() == [2 / 3, 0, 0, 0]
    assert metrics.recall(Y, Y_hat, average="macro") == 0.5  # of the two classes that occur
    assert metrics.recall(Y, Y_hat, 4, average="macro") == 0.25
    assert metrics.recall(Y, Y_hat, 4, average=None, zero_division=1).tolist() == [1, 1, 1, 0]
    assert metrics.precision([0, 0], [0, 0]) == metrics.f1([0, 1], [0, 0]) == 0
    assert metrics.precision([0, 0], [0, 0], zero_division=1) == 1


def test_classes_that_come_later():
    matrix = metrics.ConfusionMatrix().update([0], [1]).update([4], [4]).update([2], [0]).compute()
    assert matrix.shape == (5, 5) and matrix[0, 1] == matrix[4, 4] == matrix[2, 0] == 1 and matrix.sum() == 3


def test_more_axes_and_soft_rows():
    Y, Z = rng.integers(0, 4, (2, 3)), rng.standard_normal((2, 3, 4))
    expected = np.mean(Z.argmax(-1) == Y)
    assert metrics.accuracy(Y, Z) == metrics.accuracy(Y, Z.argmax(-1)) == metrics.accuracy(np.eye(4)[Y], Z) == expected
    assert metrics.accuracy(np.float32([1, 0]), np.array([True, False])) == 1
    assert metrics.top_k_accuracy(Y, Z, 4) == 1 and metrics.top_k_accuracy(Y, Z, 1) == expected


def test_top_k_of_equal_scores():
    assert metrics.top_k_accuracy([2], np.zeros((1, 3)), 1) == 1
    assert metrics.top_k_accuracy([0], np.zeros((1, 3)), 2) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.accuracy([0, 1], [[0.2], [0.7]]), "one column, whose argmax is always 0"),
        (lambda: metrics.accuracy([0, 1], [0.2, 0.7]), r"predictions of dtype float64.*\(p > 0.5\)"),
        (lambda: metrics.accuracy([0, -1], [0, 1]), "needed class indices 0, 1, 2"),
        (lambda: metrics.accuracy([[0, 2], [1, 1]], [[0.0, 2.0], [1.0, 1.0]]), "needed rows that add up to 1"),
        (lambda: metrics.accuracy([[0], [1]], [0, 1]), r"\(2, 1\).*\(2,\)"),
        (lambda: metrics.f1(LABELS, GUESSES), "3 classes for average='binary'"),
        (lambda: metrics.f1([0], [0], average="mean"), "average='mean'"),
        (lambda: metrics.f1([0], [0], zero_division=2), "zero_division=2"),
        (lambda: metrics.recall([0, 3], [0, 1], 3), "given the class 3, needed 0 to 2"),
        (lambda: metrics.recall([0], [0], 0), "classes=0"),
        (lambda: metrics.confusion_matrix([0], [0], normalize="rows"), "normalize='rows'"),
        (lambda: metrics.top_k_accuracy([0], [[1.0]], 0), "k=0"),
        (lambda: metrics.top_k_accuracy([3], [[1.0, 2.0]]), "class 3, while the scores have 2"),
        (lambda: metrics.roc_auc([0, 2], [0.1, 0.2]), "targets from 0 to 2, needed 0 to 1"),
        (lambda: metrics.roc_auc([0, 1], [0.1, np.nan]), "with nan"),
        (lambda: metrics.roc_auc([0, 1], [0.1, 0.2], average="all"), "average='all'"),
        (lambda: metrics.mae([1.0], [np.nan]), "nan or infinities"),
        (lambda: metrics.rmse([1.0], [np.inf]), "nan or infinities"),
        (lambda: metrics.r2(1.0, 2.0), "single numbers"),
        (lambda: metrics.r2([1.0], [2.0], average="mean"), "average='mean'"),
        (lambda: metrics.perplexity([0], [[-0.5, 1.5]]), "no distribution"),
        (lambda: metrics.perplexity([0], [[-np.inf, -np.inf]], from_logits=True), "no distribution"),
        (lambda: metrics.perplexity([2], [[0.5, 0.5]]), "labels from 2 to 2, needed 0 to 1"),
        (lambda: metrics.perplexity([0], [[0.5, 0.5]], ignore_index=0), "no entries"),
    ],
)
def test_bad_input_is_one_clear_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---- ranking


def test_auc_is_the_fraction_of_pairs_in_order():
    for scores in (TIED, SCORES[:, 0], np.zeros(N), -SCORES[:, 0].astype(np.float32)):
        positive, negative = scores[BINARY == 1], scores[BINARY == 0]
        wins = (positive[:, None] > negative).sum() + 0.5 * (positive[:, None] == negative).sum()
        assert metrics.roc_auc(BINARY, scores) == wins / (positive.size * negative.size)
    assert metrics.roc_auc([0, 1], [-np.inf, np.inf]) == 1


def test_average_precision_by_hand():
    assert metrics.average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert metrics.average_precision([1, 0, 1], [0.5, 0.5, 0.5]) == pytest.approx(2 / 3)


def test_ranking_of_one_kind_only():
    with pytest.warns(RuntimeWarning, match="undefined, nan") as caught:
        assert math.isnan(metrics.roc_auc([1, 1], [0.2, 0.3]))
    with pytest.warns(RuntimeWarning, match="no positive samples") as caught:
        assert metrics.average_precision([0, 0], [0.2, 0.3]) == 0
    assert len(caught) == 1


# ---- means


def test_errors_by_hand():
    assert metrics.mae([1, 2], [2, 4]) == 1.5 and metrics.rmse([1, 2], [2, 4]) == math.sqrt(2.5)
    assert metrics.r2([1, 2, 3], [1, 2, 4]) == 0.5 and metrics.r2([1.0, 2.0, 3.0], [2.0, 2.0, 2.0]) == 0
    assert metrics.r2([2, 2], [2, 2]) == 1 and metrics.r2([2, 2], [2, 3]) == 0
    with pytest.warns(RuntimeWarning, match="less than two samples"):
        assert math.isnan(metrics.r2([2.0], [2.0]))


def test_r2_far_from_zero():
    near, noise = np.arange(6.0), np.array([0.1, -0.2, 0.3, 0.0, -0.1, 0.2])
    far = 2.0**40
    assert metrics.r2(near + far, near + far + noise) == pytest.approx(metrics.r2(near, near + noise), rel=1e-3)
    odd = 1e8 + np.linspace(0, 1, 1000) ** 2
    exact = [Fraction(y) for y in odd]
    mean = sum(exact) / len(exact)
    expected = 1 - Fraction(np.square(odd - odd[::-1]).sum()) / sum((y - mean) ** 2 for y in exact)
    assert metrics.r2(odd, odd[::-1]) == pytest.approx(float(expected), rel=1e-12)


def test_perplexity_is_e_to_the_cross_entropy():
    assert metrics.perplexity(LABELS, PROBABILITIES) == pytest.approx(math.exp(float(CCE(LABELS, PROBABILITIES))))
    logits = metrics.perplexity(LABELS, SCORES, from_logits=True)
    assert logits == pytest.approx(math.exp(float(CCE(LABELS, SCORES, from_logits=True))))
    assert metrics.perplexity([0, 1], np.zeros((2, 7)), from_logits=True) == pytest.approx(7)
    assert metrics.perplexity([0, 0], [[0.5, 0.5], [0.0, 1.0]]) == math.inf
    assert metrics.perplexity([0], [[0.0, -np.inf]], from_logits=True) == 1
    assert metrics.perplexity([1], [[0.0, -np.inf]], from_logits=True) == math.inf
    assert metrics.perplexity([[0, -1]], [[[0.25, 0.75]] * 2], ignore_index=-1) == pytest.approx(4)
