from .case import Case, Error, case, draws

n, pos, c = draws(8)

NORMS = (None, "ortho", "forward")

CASES = [
    *[
        case(op, x(5), n=length, norm=norm)
        for op in ("fft", "ifft")
        for x in (n, c)
        for length in (None, 3, 8)
        for norm in NORMS
    ],
    *[case(op, x(3, 4), axis=0) for op in ("fft", "ifft", "hfft", "irfft") for x in (n, c)],
    *[
        case(op, n(k), n=length, norm=norm)
        for op in ("rfft", "ihfft")
        for k in (4, 5)
        for length in (None, 3, 6)
        for norm in NORMS
    ],
    *[case(op, n(3, 4), axis=0) for op in ("rfft", "ihfft")],
    *[case(op, n(1)) for op in ("fft", "ifft", "rfft", "ihfft")],
    *[case(op, n(2, 2), n=1) for op in ("fft", "rfft", "irfft")],
    *[case(op, n(0, 3)) for op in ("fft", "rfft", "irfft")],
    *[
        case(op, c(4), n=length, norm=norm)
        for op in ("irfft", "hfft")
        for length in (None, 2, 3, 5, 6, 7, 9)
        for norm in NORMS
    ],
    *[case(op, n(4), n=length) for op in ("irfft", "hfft") for length in (None, 5)],
    *[
        case(op, x(2, 3, 4), **settings)
        for op, x in [("fftn", c), ("ifftn", c), ("fftn", n), ("rfftn", n), ("irfftn", c)]
        for settings in (
            {},
            {"axes": (0, 1)},
            {"axes": (-1, 0), "norm": "ortho"},
            {"s": (4, 3), "axes": (0, 2)},
            {"s": (-1, 5), "axes": (1, 2), "norm": "forward"},
        )
    ],
    *[case(op, c(3, 3), norm=norm) for op in ("fft2", "ifft2", "irfft2") for norm in NORMS],
    *[case(op, n(2, 3, 3)) for op in ("fft2", "rfft2")],
    *[case(op, n(2, 3, 4), s=(4, 3)) for op in ("fft2", "ifft2", "rfft2", "irfft2")],
    *[case(op, n(3, 4), axes=axes) for op in ("fftshift", "ifftshift") for axes in (None, 0, (-1,), (1, 0))],
    *[case(op, c(5)) for op in ("fftshift", "ifftshift")],
    *[
        case(op, a, b, mode=mode)
        for op in ("convolve", "correlate")
        for a, b in [
            (n(5), n(3)),
            (n(5), n(2)),
            (n(2), n(4)),
            (n(3), n(4)),
            (n(3), n(3)),
            (n(1), n(1)),
            (c(4), c(3)),
            (n(2), c(3)),
        ]
        for mode in ("full", "same", "valid")
    ],
    case("convolve", n(4), n(2)),
    case("correlate", n(4), n(2)),
    case("convolve", n(), n(3)),
    case("polyval", n(4), n(2, 3)),
    case("polyval", c(3), n(2)),
    case("polyval", n(1), n()),
    Case("polyval", ([1.0, -2.0, 0.5], n(3))),
]

ERRORS = [
    Error("fft", (n(3),), {"axis": 1}, IndexError, r"fft: given \(3,\)"),
    Error("fft", (n(3),), {"n": 0}, ValueError, "fft: given.*Invalid number of FFT data points"),
    Error("fft", (n(3),), {"norm": "unitary"}, ValueError, "unitary"),
    Error("hfft", (c(3),), {"norm": "unitary"}, ValueError, "norm='unitary'"),
    Error("rfft", (c(3),), {}, TypeError, "rfft"),
    Error("fftn", (n(3, 3),), {"s": (2,), "axes": (0, 1)}, ValueError, "1 lengths"),
    Error("convolve", (n(3, 3), n(3)), {}, ValueError, "convolve"),
    Error("convolve", (n(0), n(3)), {}, ValueError, "empty"),
    Error("convolve", (n(3), n(3)), {"mode": "circular"}, ValueError, "mode='circular'; give"),
]
