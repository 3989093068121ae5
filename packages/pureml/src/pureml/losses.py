"""Losses, the target first, from pureml-nn."""

from pureml_nn.losses import (
    BCE,
    CCE,
    CTC,
    MAE,
    MSE,
    NLL,
    CosineSimilarity,
    Focal,
    GaussianNLL,
    Hinge,
    Huber,
    KLDivergence,
    MultiMargin,
    Poisson,
    SmoothL1,
    Triplet,
)

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
