"""Everything of pureml-data: datasets, loaders, encodings, transforms, tokenisers."""

from pureml_data import *  # noqa: F403
from pureml_data import __all__ as __all__
