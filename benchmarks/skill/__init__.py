"""Skill on unseen towers: predictor sets, groups of predictors, and means over models.

``python -m benchmarks skill [--towers FILE] [--scheme loso|kfold]`` prints tables of NSE on held-out
towers:

- every predictor set against the best single set of each flux, by XGB;
- the models, their mean, and the mean over all single sets, with the set chosen within the folds;
- groups added one after another, with the parts of the skill;
- the member that chooses its groups within the folds, by XGB and by BLEND;
- equal against stacked weights of BLEND.

The last three compare with XGB and the predictors of ``MODIS-NIRv-ERA``, on the site-months that it
can predict; the first two on those that every set can.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.skill.groups import print_members, print_steps, print_weights
from benchmarks.skill.sets import print_models, print_sets
from benchmarks.skill.towers import PROJECT, TOWERS, Towers, held_out, read_towers

__all__ = ["TABLES", "Towers", "held_out", "main", "read_towers"]

TABLES = {
    "sets": print_sets,
    "models": print_models,
    "steps": print_steps,
    "members": print_members,
    "weights": print_weights,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks skill", description=main.__doc__)
    parser.add_argument("--towers", type=Path, default=PROJECT / TOWERS, help=f"default {TOWERS}")
    parser.add_argument("--scheme", choices=("loso", "kfold"), default="loso")
    parser.add_argument("--only", choices=TABLES, help="print only one table")
    parser.add_argument("--n-jobs", type=int, default=-1, help="CPU cores; -1 uses all")
    parser.add_argument("--cache", type=Path, help="folder of finished folds, to resume from")
    chosen = parser.parse_args(arguments)
    towers = read_towers(chosen.towers, chosen.scheme, chosen.n_jobs, chosen.cache)
    for name, print_table in TABLES.items():
        if chosen.only in (None, name):
            print_table(towers)
    return 0
