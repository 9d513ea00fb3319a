"""Methods of the spread compared at unseen towers, on the draws of the table ``intervals``."""

from __future__ import annotations

import argparse
from typing import get_args

from benchmarks.skill import read_towers
from benchmarks.table import line
from benchmarks.uncertainty.intervals import SETS, coverage_of, gain_over, score_draws
from uflux_kedro.uncertainty.parameters import IntervalParameters, Method
from uflux_kedro.variables import FLUXES

METHODS = tuple(method for method in get_args(Method) if method != "constant")


def print_table(options: argparse.Namespace) -> None:
    """Print coverage of each method, and its gain over constant width and over the default."""
    towers = read_towers(options.towers, "kfold", options.n_jobs, options.cache)
    print(f"\n### Methods of the spread at unseen towers (XGB, {' and '.join(SETS)})\n")
    print(line("flux", "method", "coverage (95 %)", "gain over constant width (95 %)",
               "gain over the default (95 %)"))  # fmt: skip
    print(line(*("---",) * 5))
    usual = IntervalParameters().method
    for flux in FLUXES:
        found = score_draws(towers, flux, METHODS)
        default = found[found["method"] == usual]["interval_score"]
        for method in METHODS:
            own = found[found["method"] == method]
            gain = "" if method == usual else gain_over(default, own)
            print(line(flux, method, coverage_of(own)[1], gain_over(own["constant"], own), gain),
                  flush=True)  # fmt: skip
