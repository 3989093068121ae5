"""Losses: (target, prediction) -> a scalar tensor, the mean over all samples, or what `reduction` says.

Targets come first. They are cast to the prediction's dtype and must have its shape: nothing broadcasts here.
Gradients flow into both, where they are tracked.

`reduction` is "mean", "sum" or "none" (one loss for each sample: the tensor that the mean would be taken of).
"""

from .binary import BCE, Focal
from .categorical import CCE, NLL, KLDivergence
from .ctc import CTC
from .margin import CosineSimilarity, Hinge, MultiMargin, Triplet
from .regression import MAE, MSE, GaussianNLL, Huber, Poisson, SmoothL1

__all__ = [
    "BCE",
    "CCE",
    "CTC",
    "MAE",
    "MSE",
    "NLL",
    "CosineSimilarity",
    "Focal",
    "GaussianNLL",
    "Hinge",
    "Huber",
    "KLDivergence",
    "MultiMargin",
    "Poisson",
    "SmoothL1",
    "Triplet",
]
