"""evaluate: figures over a data set, and the model in the mode that it was in."""

import numpy as np
import pureml
import pytest
from pureml.evaluation import evaluate
from pureml.layers import Affine, Dropout, Sequential
from pureml.training_utils import TensorDataset
from pureml_nn import metrics

rng = np.random.default_rng(0)
X, Y = rng.standard_normal((23, 4)), rng.integers(0, 3, 23)
DATA = TensorDataset(X, Y)


@pytest.mark.parametrize("batch_size", [1, 7, 23, 100])
def test_figures_of_the_whole_set(batch_size):
    model = Sequential(Dropout(0.5, seed=0), Affine(4, 3, seed=0)).train()
    kinds = [metrics.Accuracy(), metrics.F1(average="macro"), metrics.ConfusionMatrix(), metrics.ROCAUC()]
    for _ in range(2):  # nothing is left of the first run
        found = evaluate(model, DATA, *kinds, batch_size=batch_size)
    assert model.training and model[0].training
    scores = model.eval()(X).data
    assert found[0] == metrics.accuracy(Y, scores) and found[1] == metrics.f1(Y, scores, average="macro")
    assert np.array_equal(found[2], metrics.confusion_matrix(Y, scores))
    assert found[3] == pytest.approx(metrics.roc_auc(Y, scores), rel=1e-12)
    assert found[0] == pureml.evaluation.accuracy(model, DATA)


def test_nothing_is_recorded_and_modes_survive_errors():
    model = Affine(4, 3, seed=0).train()
    seen = []

    class Seen(metrics.Metric):
        def update(self, Y, Y_hat):
            seen.append(Y_hat.requires_grad)
            raise ValueError("no")

        def counted(self, Y, Y_hat):
            return ()

        def result(self):
            return None

    with pytest.raises(ValueError, match="no"):
        evaluate(model, DATA, Seen())
    assert seen == [False] and model.training


def test_an_empty_set_has_no_figures():
    with pytest.raises(ValueError, match="nothing to compute from"):
        evaluate(lambda X: X, TensorDataset(X[:0], Y[:0]), metrics.Accuracy())


def test_metrics_are_those_of_pureml_nn():
    assert pureml.metrics.F1 is metrics.F1 and set(pureml.metrics.__all__) == set(metrics.__all__)
