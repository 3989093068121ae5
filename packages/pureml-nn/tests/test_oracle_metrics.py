"""Metrics beside scikit-learn's, ties, absent classes and divisions by zero included."""

import numpy as np
import pytest
from pureml_nn import metrics

theirs = pytest.importorskip("sklearn.metrics")
DRAWS = [(seed, K, n) for seed in range(5) for K, n in ((2, 30), (4, 25), (6, 8))]


def draw(seed, K, n):
    """Labels, guesses and scores with ties; some classes do not occur."""
    rng = np.random.default_rng(seed)
    Y = rng.integers(0, K, n)
    scores = np.round(rng.random((n, K)) + 0.3 * np.eye(K)[Y], 1)
    return Y, rng.integers(0, K, n), scores


@pytest.mark.parametrize(("seed", "K", "n"), DRAWS)
def test_classes(seed, K, n):
    Y, guess, scores = draw(seed, K, n)
    every = list(range(K))
    assert metrics.accuracy(Y, guess) == pytest.approx(theirs.accuracy_score(Y, guess), rel=1e-14)
    for normalize in (None, "true", "pred", "all"):
        ours = metrics.confusion_matrix(Y, guess, K, normalize=normalize)
        assert np.allclose(ours, theirs.confusion_matrix(Y, guess, labels=every, normalize=normalize), rtol=1e-14)
    pairs = [
        (metrics.precision, theirs.precision_score),
        (metrics.recall, theirs.recall_score),
        (metrics.f1, theirs.f1_score),
    ]
    for ours, other in pairs:
        for zero in (0.0, 1.0):
            for average in ("micro", "macro", "weighted"):
                expected = other(Y, guess, average=average, zero_division=zero)
                assert ours(Y, guess, average=average, zero_division=zero) == pytest.approx(expected, rel=1e-13)
            each = other(Y, guess, labels=every, average=None, zero_division=zero)
            assert ours(Y, guess, K, average=None, zero_division=zero) == pytest.approx(each, rel=1e-13)
            macro = other(Y, guess, labels=every, average="macro", zero_division=zero)
            assert ours(Y, guess, K, average="macro", zero_division=zero) == pytest.approx(macro, rel=1e-13)
        if K == 2:
            assert ours(Y, guess) == pytest.approx(other(Y, guess, zero_division=0.0), rel=1e-13)
    if K > 2:
        for k in range(1, K):
            expected = theirs.top_k_accuracy_score(Y, scores, k=k, labels=every)
            assert metrics.top_k_accuracy(Y, scores, k) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(("seed", "K", "n"), DRAWS)
def test_ranking(seed, K, n):
    Y, _, scores = draw(seed, K, n)
    Y[:K] = np.arange(K)  # every class occurs
    one_hot = np.eye(K, dtype=int)[Y]
    score = scores[:, 1]
    assert metrics.roc_auc(Y == 1, score) == pytest.approx(theirs.roc_auc_score(Y == 1, score), rel=1e-13)
    assert metrics.average_precision(Y == 1, score) == pytest.approx(
        theirs.average_precision_score(Y == 1, score), rel=1e-13
    )
    for average in ("micro", "macro", "weighted", None):
        auc = theirs.roc_auc_score(one_hot, scores, average=average)
        ap = theirs.average_precision_score(one_hot, scores, average=average)
        for target in (Y, one_hot):
            assert metrics.roc_auc(target, scores, average=average) == pytest.approx(auc, rel=1e-13)
            assert metrics.average_precision(target, scores, average=average) == pytest.approx(ap, rel=1e-13)
    if K > 2:
        p = scores / scores.sum(-1, keepdims=True)
        expected = theirs.roc_auc_score(Y, p, multi_class="ovr")
        assert metrics.roc_auc(Y, p) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("seed", range(5))
def test_regression(seed):
    rng = np.random.default_rng(seed)
    Y = rng.standard_normal((20, 3)) * [1, 10, 0] + [0, 5, 2]
    Y_hat = Y + rng.standard_normal((20, 3)) * 0.5
    assert metrics.mae(Y, Y_hat) == pytest.approx(theirs.mean_absolute_error(Y, Y_hat), rel=1e-13)
    for k in range(3):
        expected = theirs.root_mean_squared_error(Y[:, k], Y_hat[:, k])
        assert metrics.rmse(Y[:, k], Y_hat[:, k]) == pytest.approx(expected, rel=1e-13)
    assert metrics.rmse(Y, Y_hat) == pytest.approx(theirs.mean_squared_error(Y, Y_hat) ** 0.5, rel=1e-13)
    for ours, name in (("uniform", "uniform_average"), ("variance", "variance_weighted"), (None, "raw_values")):
        expected = theirs.r2_score(Y, Y_hat, multioutput=name)
        assert metrics.r2(Y, Y_hat, average=ours) == pytest.approx(expected, rel=1e-12)
    assert metrics.r2(Y[:, 2], Y[:, 2]) == theirs.r2_score(Y[:, 2], Y[:, 2]) == 1
