"""Classical models."""

from .knn import KNN

__all__ = ["KNN"]
