"""The operations of this package in the form of core's table: `nn_cases.operations.CASES`."""

import pytest
from core_cases import checks
from nn_cases.operations import CASES
from pureml_core import COMPOSED, OPS

rows = pytest.mark.parametrize("case", CASES, ids=str)


@rows
def test_derivatives(case):
    checks.check_derivatives(case)


@rows
def test_stays_in_its_precision(case):
    checks.check_precision(case)


@rows
def test_any_memory_layout(case):
    checks.check_layouts(case)


@rows
def test_definition_equals_its_body(case):
    checks.check_definition(case)


def test_every_operation_has_a_row():
    ours = {r.name for r in [*OPS.values(), *COMPOSED.values()] if r.key.startswith("pureml_nn.")}
    assert ours - {case.name for case in CASES} == set()
