"""Windows over arrays, and resampling."""

__all__: list[str] = []
