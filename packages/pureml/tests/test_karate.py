"""The graph network of the examples finds the clubs from two labelled members, whatever its first weights."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("networkx")


@pytest.fixture(scope="module")
def karate() -> ModuleType:
    path = Path(__file__).parents[1] / "examples" / "karate.py"
    spec = importlib.util.spec_from_file_location("karate", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", range(1, 5))
def test_at_least_94_percent_of_the_others_are_found(karate: ModuleType, seed: int) -> None:
    right = karate.train(seed, steps=200)
    assert right.shape == (32,) and right.mean() >= 0.94


def test_the_graph_goes_both_ways(karate: ModuleType) -> None:
    edges, weight, clubs = karate.karate()
    assert edges.shape == (2, 156) and weight.shape == (156,) and sorted(set(clubs)) == [0, 1]
    there = dict(zip(zip(*edges, strict=True), weight, strict=True))
    assert all(there[target, source] == w for (source, target), w in there.items())


def test_the_program_prints_its_accuracy(
    karate: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["karate.py"])
    karate.main()
    *steps, last = capsys.readouterr().out.splitlines()
    assert len(steps) == 4 and last == "accuracy on the other nodes: 96.9% (31 of 32)"


def test_without_networkx_the_program_says_what_to_install(karate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "networkx", None)
    monkeypatch.setattr("sys.argv", ["karate.py"])
    with pytest.raises(SystemExit, match="pip install networkx"):
        karate.main()
