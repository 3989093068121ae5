"""A bounded share of the campaign in tools/fuzz_archive.py: damaged and forged archives are refused, or sound."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "tools" / "fuzz_archive.py"


@pytest.mark.skipif(not SCRIPT.exists(), reason="needs the repository's tools")
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_fuzzed_archives():
    spec = importlib.util.spec_from_file_location("fuzz_archive", SCRIPT)
    campaign = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(campaign)
    fates = campaign.fuzz(0, 2500, seed=1, load_share=0.05, keep=None)
    assert {"bytes: refused by validate", "zip: refused by validate", "json: refused by validate"} <= fates.keys()
    assert {"chunk: refused by load", "chunk: loaded"} <= fates.keys()
