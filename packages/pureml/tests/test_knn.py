"""The k-nearest-neighbours classifier."""

import numpy as np
import pytest
from pureml.evaluation import accuracy
from pureml.general_math import euclidean_distance
from pureml.machinery import Tensor
from pureml.models.classical.knn import KNN
from pureml.training_utils import TensorDataset

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 3)) * [1, 100, 0.01] + [0, 5, 1]
Y = rng.integers(0, 3, 40)
Q = rng.normal(size=(25, 3)) * [1, 100, 0.01] + [0, 5, 1]


def one_by_one(k, X, Y, q):
    """The definition, for one query."""
    order = sorted(range(len(X)), key=lambda i: np.linalg.norm(X[i] - q))[:k]
    labels = [Y[i] for i in order]
    return max(labels, key=lambda label: (labels.count(label), -labels.index(label)))


@pytest.mark.parametrize("k", [1, 2, 5, 40])
@pytest.mark.parametrize("standardize", [True, False])
def test_the_definition(k, standardize, monkeypatch):
    monkeypatch.setattr("pureml.models.classical.knn.SLAB", 1000)  # several blocks of queries
    model = KNN(k, standardize_features=standardize).fit(X, Y)
    scale = (lambda a: (a - X.mean(0)) / X.std(0)) if standardize else (lambda a: a)
    want = [one_by_one(k, scale(X), Y, scale(q)) for q in Q]
    assert model.predict(Q).tolist() == want
    assert [model.predict(q) for q in Q] == want and model.predict(Q[:0]).shape == (0,)


@pytest.mark.parametrize("kind", [np.asarray, Tensor])
@pytest.mark.parametrize("column", [False, True])
def test_labels_keep_their_type(kind, column):
    labels = Y[:, None] if column else Y
    one = KNN(3).fit(kind(X), kind(labels)).predict(kind(Q[0]))
    assert one.dtype == Y.dtype and one.shape == ()
    want = [["a", "bb", "ccc"][i] for i in KNN(3).fit(X, Y)(Q)]
    for dtype in (str, object, np.dtypes.StringDType()):
        names = np.array(["a", "bb", "ccc"])[labels].astype(dtype)
        assert KNN(3).fit(kind(X), names).predict(kind(Q)).tolist() == want


def test_a_distance_of_ones_own():
    ours, theirs = KNN(3).fit(X, Y), KNN(3, lambda a, b: euclidean_distance(a, b)).fit(X, Y)
    np.testing.assert_array_equal(ours.predict(Q), theirs.predict(Q))
    assert KNN(1, lambda a, b: -euclidean_distance(a, b)).fit([[0.0], [1.0]], ["near", "far"]).predict([0.1]) == "far"


def test_features_are_standardised_and_constant_ones_do_not_count():
    table = np.column_stack([X, np.full(40, 0.1)])
    model = KNN(3).fit(table, Y)
    np.testing.assert_allclose(model.X.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(model.X.std(0), [1, 1, 1, 0])
    np.testing.assert_array_equal(model.predict(np.column_stack([Q, np.full(25, 99.0)])), KNN(3).fit(X, Y).predict(Q))
    np.testing.assert_allclose(model.means, table.mean(0))
    assert KNN(3).fit(X.astype(np.float32), Y).X.dtype == np.float32
    half = (X * 300).astype(np.float16)  # squares leave its range
    np.testing.assert_array_equal(KNN(1).fit(half, Y).predict(half), Y)


def test_ties_go_to_the_nearest():
    model = KNN(4, standardize_features=False).fit([[0.0], [1.0], [2.0], [3.0]], ["b", "a", "a", "b"])
    assert model.predict([0.4]) == "b" and model.predict([2.6]) == "b" and model.predict([1.2]) == "a"


def test_accuracy():
    assert accuracy(KNN(1).fit(X, Y), TensorDataset(X, Y)) == 1.0


@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("labels", [Y, Y * 0.5, Y > 0, np.array(["a", "bb", "é"])[Y], Y.astype(np.uint8)])
def test_saved_and_loaded(tmp_path, standardize, labels):
    model = KNN(3, standardize_features=standardize).fit(X, labels)
    path = model.save_state(tmp_path / "knn")
    loaded = KNN(1, standardize_features=not standardize).load_state(path)
    assert loaded.k == 3 and loaded.Y.dtype == labels.dtype
    np.testing.assert_array_equal(loaded.predict(Q), model.predict(Q))
    state = model.state()
    state.arrays["X"][...] = 0
    np.testing.assert_array_equal(loaded.predict(Q), model.predict(Q))


WRONG = {
    "k": (ValueError, lambda: KNN(0)),
    "half a neighbour": (TypeError, lambda: KNN(1.5)),
    "a word for a flag": (TypeError, lambda: KNN(1, standardize_features="no")),
    "labels of objects": (ValueError, lambda: KNN(1).fit(X, np.array([None] * 40))),
    "a distance": (TypeError, lambda: KNN(1, "euclid")),
    "too few samples": (ValueError, lambda: KNN(41).fit(X, Y)),
    "labels": (ValueError, lambda: KNN(1).fit(X, Y[:-1])),
    "one-hot labels": (ValueError, lambda: KNN(1).fit(X, np.eye(3)[Y])),
    "a vector": (ValueError, lambda: KNN(1).fit(X[0], Y[:3])),
    "nan": (ValueError, lambda: KNN(1).fit(np.where(X > 5, np.nan, X), Y)),
    "text": (ValueError, lambda: KNN(1).fit([["a"]], [1])),
    "too early": (RuntimeError, lambda: KNN(1).predict(Q)),
    "saved too early": (RuntimeError, lambda: KNN(1).state()),
    "features": (ValueError, lambda: KNN(1).fit(X, Y).predict(Q[:, :2])),
    "as many queries as features": (ValueError, lambda: KNN(1).fit(X, Y).predict(Q[:3, :2])),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors(name):
    error, f = WRONG[name]
    with pytest.raises(error):
        f()


def test_a_state_that_does_not_fit_changes_nothing():
    model = KNN(3).fit(X, Y)
    want = model.predict(Q)
    state = model.state()
    for change in (
        lambda s: s.arrays.pop("labels"),
        lambda s: s.arrays.update(labels=s.arrays["labels"] + 5),
        lambda s: s.arrays.update(X=s.arrays["X"][:2]),
        lambda s: s.arrays.update(X=np.where(X > 5, np.nan, X)),
        lambda s: s.arrays.update(X=X.astype(str)),
        lambda s: s.arrays.update(means=np.zeros(2)),
        lambda s: s.arrays.update(means=np.full(3, np.inf)),
        lambda s: s.arrays.update(stds=np.full(3, -1.0)),
        lambda s: s.literals.update(standardize_features="no"),
        lambda s: s.literals.update(k=0),
        lambda s: s.literals.update(dtype="O"),
        lambda s: s.literals.pop("classes"),
    ):
        wrong = type(state)(state.kind, dict(state.arrays), dict(state.literals))
        change(wrong)
        with pytest.raises(ValueError, match="KNN"):
            model.restore(wrong)
    with pytest.raises(ValueError, match="KNN"):
        model.restore(type(state)("another/1"))
    np.testing.assert_array_equal(model.predict(Q), want)
