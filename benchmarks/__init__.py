"""Benchmarks of this project against other programs.

``python -m benchmarks FAMILY`` prints a table; ``docs/benchmarks.md`` describes the methods and has
the results. A family is a module or package of this folder with ``main``, listed in ``__main__``.
"""
