"""Runs the peers of a benchmark beside each other: each in a process of its own, in turns, round after round.

A benchmark file names its workers, functions without arguments that return {what: figure}. Called with
`--worker NAME` it runs one of them and prints the figures as JSON; called without, `compare` starts these processes.
Two threads for every library. Measure on an idle machine: a busy neighbour ruins two-thread figures.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable

Figures = dict[str, float]

THREADS = {name: "2" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


def run_worker(workers: dict[str, Callable[..., Figures]]) -> bool:
    """Be one of the workers if the command line says so: `--worker NAME [ARGUMENT ...]`."""
    if sys.argv[1:2] != ["--worker"]:
        return False
    name, *rest = sys.argv[2:]
    print(json.dumps(workers[name](*rest)))
    return True


def parser(description: str | None, rounds: int) -> argparse.ArgumentParser:
    """The options that all benchmarks have."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument(
        "--torch-python", default=sys.executable, metavar="PATH", help="an interpreter that has torch 2.13"
    )
    options.add_argument("--rounds", type=int, default=rounds, help="how often every peer runs")
    return options


def compare(
    script: str, names: list[str], options: argparse.Namespace, unit: str, arguments: tuple[str, ...] = ()
) -> None:
    """Run every worker in turn, `options.rounds` times; print medians and the first one's ratio to each other one."""
    found: dict[str, list[Figures]] = {name: [] for name in names}
    for _ in range(options.rounds):
        for name in names:
            python = options.torch_python if name.startswith("torch") else sys.executable
            done = subprocess.run(
                [python, script, "--worker", name, *arguments],
                env={**os.environ, **THREADS},
                stdout=subprocess.PIPE,
                text=True,
                check=False,
            )
            if done.returncode:
                sys.exit(f"{name}: {python} failed; --torch-python names an interpreter that has torch and numpy")
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
    medians = {
        name: {what: statistics.median(figures[what] for figures in rounds) for what in rounds[0]}
        for name, rounds in found.items()
    }
    ours, *peers = names
    width = max(map(len, names))
    print(f"{unit}, median of {options.rounds} interleaved rounds")
    for what in medians[ours]:
        print(f"{what}:")
        for name in names:
            rounds = ", ".join(f"{figures[what]:.3f}" for figures in found[name])
            print(f"  {name:{width}}  {medians[name][what]:8.3f}   ({rounds})")
        for peer in peers:
            print(f"  {ours} = {medians[ours][what] / medians[peer][what]:.2f} x {peer}")
