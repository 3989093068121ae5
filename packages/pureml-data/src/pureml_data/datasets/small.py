"""The small tables that come with scikit-learn: to learn and to test on, without any download."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..dataset import TensorDataset

Name = Literal["iris", "wine", "breast_cancer", "digits", "diabetes"]


class SmallDataset(TensorDataset):
    """A small table from scikit-learn (the extra `pureml-data[sklearn]`), held in memory.

    ================  =======  ==============  =====================================================
    name              samples  x               y
    ================  =======  ==============  =====================================================
    "iris"            150      4 lengths, cm   the species of flower, 0 ... 2 (Fisher 1936)
    "wine"            178      13 measures     the grower, 0 ... 2 (Aeberhard & Forina 1992)
    "breast_cancer"   569      30 measures     0 malignant, 1 benign (Wolberg et al. 1995)
    "digits"          1,797    (8, 8) images   the digit, 0 ... 9 (Alpaydin & Kaynak 1998)
    "diabetes"        442      10 measures     progress in a year, 25 ... 346 (Efron et al. 2004)
    ================  =======  ==============  =====================================================

    A sample is (x, y): x float32, in its units (grey values of digits from 0 to 1; the measures of diabetes centred
    and scaled, as scikit-learn has them); y int64, for diabetes float32. Samples of a class stand together in some:
    shuffle before you split.

    Attributes:
        X, y: all samples, NumPy arrays.
        feature_names: what the columns of X are.
        class_names: what the classes are; () for diabetes.

    Raises:
        ValueError: another name.
        ImportError: scikit-learn is not installed.
    """

    def __init__(self, name: Name) -> None:
        if name not in _NAMES:
            raise ValueError(f"SmallDataset: name must be one of {', '.join(_NAMES)}, given {name!r}")
        try:
            from sklearn import datasets
        except ModuleNotFoundError as error:
            raise ImportError("SmallDataset: needs scikit-learn; pip install pureml-data[sklearn]") from error

        found: Any = getattr(datasets, f"load_{name}")()
        self.name = name
        x = found.images / 16 if name == "digits" else found.data
        self.X = np.asarray(x, np.float32)
        self.y = np.asarray(found.target, np.float32 if name == "diabetes" else np.int64)
        self.feature_names = tuple(map(str, found.feature_names))
        self.class_names = tuple(map(str, found.get("target_names", ())))
        super().__init__(self.X, self.y)


_NAMES = ("iris", "wine", "breast_cancer", "digits", "diabetes")
