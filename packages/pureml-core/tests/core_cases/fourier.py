from .case import Case, Error, draws

n, pos, c = draws(8)

CASES: list[Case] = []

ERRORS: list[Error] = []
