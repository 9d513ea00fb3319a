"""Faulty files of towers, read and checked: ``python -m benchmarks.tower_fuzz``.

Counted are named errors and findings that require a decision, wrong values that a finding tells of,
right results, and wrong values that nobody is told of, of which there must be none.
"""
