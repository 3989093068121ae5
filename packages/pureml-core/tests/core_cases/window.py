from .case import Case, Error, draws

n, pos, c = draws(7)

CASES: list[Case] = []

ERRORS: list[Error] = []
