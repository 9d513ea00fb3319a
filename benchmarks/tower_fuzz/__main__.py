"""``python -m benchmarks.tower_fuzz [--draws N] [--seed N]``: print the counts of all outcomes."""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter

from benchmarks.tower_fuzz.run import Judge, cases


def main(arguments: list[str] | None = None) -> int:
    """Judge all cases, print the counts, and return 1 if any is silent or a crash."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tower_fuzz", description=__doc__)
    parser.add_argument("--draws", type=int, default=2, help="draws of each fault and family")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", nargs="*", default=("silent", "crash"), help="outcomes to list")
    parser.add_argument("--families", nargs="*", help="families to spoil; all if not given")
    options = parser.parse_args(arguments)
    logging.disable(logging.WARNING)
    judge = Judge()
    counts: Counter[str] = Counter()
    for case in cases(options.draws, options.seed):
        if options.families and case.family not in options.families:
            continue
        result = judge.judge(case)
        counts[result.outcome] += 1
        if result.outcome in options.show:
            print(f"{result.outcome}: {result.name}: {result.evidence}")
    print(f"{counts.total()} files: " + ", ".join(f"{n} {o}" for o, n in sorted(counts.items())))
    return int(bool(counts["silent"] or counts["crash"]))


if __name__ == "__main__":
    sys.exit(main())
