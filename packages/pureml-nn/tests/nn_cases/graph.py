from .case import LayerCase, LayerError

LAYERS: list[LayerCase] = []

ERRORS: list[LayerError] = []
