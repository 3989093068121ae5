"""Discrete Fourier transforms and convolution."""

__all__: list[str] = []
