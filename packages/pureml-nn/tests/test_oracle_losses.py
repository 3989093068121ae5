"""Every loss beside PyTorch's: values and gradients in float64, all reductions and settings."""

# ruff: noqa: B023 - the functions of a loop are called inside it

import itertools

import numpy as np
import pytest
from pureml_core import Tensor
from pureml_nn import losses

torch = pytest.importorskip("torch")
F = torch.nn.functional

rng = np.random.default_rng(0)
Z = rng.standard_normal((5, 4)) * 2
P = rng.uniform(0.05, 0.95, (5, 4))
DIST = rng.dirichlet(np.ones(4), 5)
SOFT = rng.dirichlet(np.ones(4), 5)
BINARY = rng.integers(0, 2, (5, 4)).astype(float)
LABELS = np.array([3, 0, 1, 1, 2])
WEIGHT = np.array([0.5, 2.0, 0.0, 1.5])
REDUCTIONS = ("mean", "sum", "none")


def close(ours, theirs, inputs, rtol=1e-10):
    """Value and all gradients; the incoming gradient is no ones."""
    mine = [Tensor(x, True) if x.dtype.kind == "f" else x for x in inputs]
    yours = [torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in inputs]
    a, b = ours(*mine), theirs(*yours)
    np.testing.assert_allclose(a.data, b.detach().numpy(), rtol=rtol, atol=1e-13)
    assert a.shape == tuple(b.shape)
    g = np.cos(np.arange(a.size)).reshape(a.shape) + 1.5
    a.backward(g)
    b.backward(torch.tensor(g))
    for x, y in zip(mine, yours, strict=True):
        if isinstance(x, Tensor) and y.grad is not None:
            np.testing.assert_allclose(x.grad, y.grad.numpy(), rtol=rtol, atol=1e-12)


def t(x):
    return None if x is None else torch.tensor(x)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (losses.MSE, F.mse_loss),
        (losses.MAE, F.l1_loss),
        (losses.Huber, F.huber_loss),
        (losses.SmoothL1, F.smooth_l1_loss),
    ],
)
def test_regression(ours, theirs, reduction):
    close(lambda Y, X: ours(Y, X, reduction=reduction), lambda Y, X: theirs(X, Y, reduction=reduction), (P, Z))
    if ours in (losses.Huber, losses.SmoothL1):
        name = "delta" if ours is losses.Huber else "beta"
        for value in (0.3, 2.5):
            close(
                lambda Y, X: ours(Y, X, reduction=reduction, **{name: value}),
                lambda Y, X: theirs(X, Y, reduction=reduction, **{name: value}),
                (P, Z),
            )
    equal = np.array([[1.0, 2.0], [3.0, -2.0]])
    close(
        lambda Y, X: ours(Y, X, reduction=reduction),
        lambda Y, X: theirs(X, Y, reduction=reduction),
        (equal, equal + np.array([[0.0, 1.0], [-1.0, 0.0]])),
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("full", [False, True])
def test_likelihoods(full, reduction):
    counts = rng.poisson(3.0, (5, 4)).astype(float)
    for log_input, rate in ((True, Z), (False, P)):
        close(
            lambda X: losses.Poisson(counts, X, log_input=log_input, full=full, reduction=reduction),
            lambda X: F.poisson_nll_loss(X, t(counts), log_input=log_input, full=full, reduction=reduction),
            (rate,),
        )
    for v in (P, P[:, :1], np.where(P < 0.5, 0.0, P)):
        close(
            lambda Y, X, v: losses.GaussianNLL(Y, X, v, full=full, reduction=reduction),
            lambda Y, X, v: F.gaussian_nll_loss(X, Y, v, full=full, reduction=reduction),
            (P, Z, v),
        )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("Y", [BINARY, P], ids=["hard", "soft"])
def test_binary(Y, reduction):
    close(
        lambda Y, X: losses.BCE(Y, X, reduction=reduction),
        lambda Y, X: F.binary_cross_entropy(X, Y, reduction=reduction),
        (Y, DIST),
    )
    for w in (None, np.array(3.0), np.array([0.5, 2.0, 1.0, 0.0])):
        close(
            lambda Y, X: losses.BCE(Y, X, from_logits=True, pos_weight=w, reduction=reduction),
            lambda Y, X: F.binary_cross_entropy_with_logits(X, Y, pos_weight=t(w), reduction=reduction),
            (Y, Z),
        )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize("e", [0.0, 0.2])
def test_cross_entropy(e, weight, reduction):
    settings = {"label_smoothing": e, "reduction": reduction}
    mine = {"from_logits": True, "weight": weight, **settings}
    for Y in (SOFT, P):
        close(
            lambda Y, X: losses.CCE(Y, X, **mine),
            lambda Y, X: F.cross_entropy(X, Y, weight=t(weight), **settings),
            (Y, Z),
        )
    for scale, ignore in itertools.product((1, 100), (None, 1, -100)):
        labels = np.where(LABELS == 2, -100, LABELS) if ignore == -100 else LABELS
        close(
            lambda X: losses.CCE(labels, X, ignore_index=ignore, **mine),
            lambda X: F.cross_entropy(
                X, t(labels), weight=t(weight), ignore_index=-7 if ignore is None else ignore, **settings
            ),
            (Z * scale,),
        )
    X, labels = rng.standard_normal((2, 3, 5, 4)), rng.integers(0, 4, (2, 3, 5))  # PyTorch's classes are on axis 1
    close(
        lambda X: losses.CCE(labels, X, ignore_index=0, **mine),
        lambda X: F.cross_entropy(X.movedim(-1, 1), t(labels), weight=t(weight), ignore_index=0, **settings),
        (X,),
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_probabilities_and_their_logarithms(reduction):
    for weight, ignore in itertools.product((None, WEIGHT), (None, 1)):
        theirs = {"weight": t(weight), "ignore_index": -7 if ignore is None else ignore, "reduction": reduction}
        settings = {"weight": weight, "ignore_index": ignore, "reduction": reduction}
        close(lambda X: losses.CCE(LABELS, X, **settings), lambda X: F.nll_loss(X.log(), t(LABELS), **theirs), (DIST,))
        close(lambda X: losses.NLL(LABELS, X, **settings), lambda X: F.nll_loss(X, t(LABELS), **theirs), (Z,))


@pytest.mark.parametrize(("reduction", "theirs"), [("mean", "batchmean"), ("sum", "sum"), ("none", "none")])
def test_divergence(reduction, theirs):
    def kl(Y, ln_p):
        L = F.kl_div(ln_p, Y, reduction=theirs)
        return L.sum(-1) if theirs == "none" else L

    close(lambda Y, X: losses.KLDivergence(Y, X, reduction=reduction), lambda Y, X: kl(Y, X.log()), (SOFT, DIST))
    close(
        lambda Y, X: losses.KLDivergence(Y, X, from_logits=True, reduction=reduction),
        lambda Y, X: kl(Y, X.log_softmax(-1)),
        (SOFT, Z),
    )
    one_hot = np.eye(4)[LABELS]
    close(lambda X: losses.KLDivergence(one_hot, X, reduction=reduction), lambda X: kl(t(one_hot), X.log()), (DIST,))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_margins(reduction):
    a, b, c = rng.standard_normal((3, 5, 4))
    close(
        lambda Y, X: losses.CosineSimilarity(Y, X, reduction=reduction),
        lambda Y, X: F.cosine_embedding_loss(X, Y, torch.ones(5), reduction=reduction),
        (a, b),
    )
    for p, weight, margin in itertools.product((1, 2), (None, WEIGHT), (1.0, 0.3)):
        close(
            lambda X: losses.MultiMargin(LABELS, X, p=p, margin=margin, weight=weight, reduction=reduction),
            lambda X: F.multi_margin_loss(X, t(LABELS), p=p, margin=margin, weight=t(weight), reduction=reduction),
            (Z,),
        )
    for p, swap, margin in itertools.product((1, 2, 3.5), (False, True), (1.0, 0.2)):
        settings = {"p": p, "swap": swap, "margin": margin, "reduction": reduction}
        close(lambda *x: losses.Triplet(*x, **settings), lambda *x: F.triplet_margin_loss(*x, **settings), (a, b, c))
    close(
        lambda Y, X: losses.Hinge(Y, X, reduction=reduction),
        lambda Y, X: {"mean": torch.mean, "sum": torch.sum, "none": lambda x: x}[reduction](torch.relu(1 - Y * X)),
        (2 * BINARY - 1, Z),
    )


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 3.5])
def test_focal(gamma):
    def binary(Y, X):
        p = torch.sigmoid(X)
        right = p * Y + (1 - p) * (1 - Y)
        L = F.binary_cross_entropy_with_logits(X, Y, reduction="none") * (1 - right) ** gamma
        return (L * (0.25 * Y + 0.75 * (1 - Y))).mean()

    close(lambda Y, X: losses.Focal(Y, X, gamma=gamma, alpha=0.25, from_logits=True), binary, (BINARY, Z))
    close(lambda Y, X: losses.Focal(Y, 1 / (1 + np.exp(-X)), gamma=gamma, alpha=0.25), binary, (BINARY, Z), 1e-8)

    def classes(X):
        ln_p = X.log_softmax(-1)[torch.arange(5), t(LABELS)]
        return (-((1 - ln_p.exp()) ** gamma) * ln_p * t(WEIGHT)[t(LABELS)]).sum()

    close(
        lambda X: losses.Focal(LABELS, X, gamma=gamma, alpha=WEIGHT, from_logits=True, reduction="sum"), classes, (Z,)
    )


CTC = [
    (7, 4, (7, 5, 7), (3, 2, 0), 0),
    (7, 4, (7, 7, 7), (3, 3, 3), 3),
    (5, 3, (5, 4, 1), (2, 1, 1), 1),
    (1, 2, (1, 1, 1), (1, 0, 1), 0),
    (30, 6, (30, 12, 25), (9, 5, 1), 2),
]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("T", "K", "frames", "count", "blank"), CTC)
def test_ctc(T, K, frames, count, blank, reduction):
    rng = np.random.default_rng(T)
    X = rng.standard_normal((3, T, K)) * 2
    Y = rng.choice([k for k in range(K) if k != blank], (3, max(count)))
    frames = tuple(max(f, 2 * c if T > 1 else 1) for f, c in zip(frames, count, strict=True))  # room for repetitions
    frames = tuple(min(f, T) for f in frames)

    def theirs(X):
        ln_p = X.log_softmax(-1).transpose(0, 1)
        return F.ctc_loss(ln_p, t(Y), t(frames), t(count), blank=blank, reduction=reduction, zero_infinity=True)

    close(
        lambda X: losses.CTC(
            Y, X, np.array(frames), np.array(count), blank=blank, reduction=reduction, zero_infinity=True
        ),
        theirs,
        (X,),
    )


def test_ctc_without_enough_frames():
    X = rng.standard_normal((2, 3, 4))
    Y = np.array([[1, 1, 2], [1, 2, 3]])
    theirs = F.ctc_loss(torch.tensor(X).log_softmax(-1).transpose(0, 1), t(Y), (3, 3), (3, 3), reduction="none")
    np.testing.assert_allclose(losses.CTC(Y, X, reduction="none").data, theirs.numpy(), rtol=1e-12)


def test_ctc_gradient_of_logarithms_is_pytorchs():
    X = np.log(rng.dirichlet(np.ones(4), (2, 6)))
    Y = np.array([[1, 1, 2], [1, 2, 3]])
    close(
        lambda X: losses.CTC(Y, X, reduction="sum"),
        lambda X: F.ctc_loss(X.transpose(0, 1), t(Y), (6, 6), (3, 3), reduction="sum"),
        (X,),
    )
