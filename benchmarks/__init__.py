"""Benchmarks: ours against the peers, on real towers.

``python -m benchmarks FAMILY`` prints a table; ``docs/benchmarks.md`` says how and holds it.
A family is a module or package of this folder with ``main``, named in ``__main__``.
"""
