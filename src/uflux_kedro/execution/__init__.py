"""Where independent pieces of work run: on threads, or on workers of dask.distributed.

:class:`Execution` calls a function on every region of a product or on every fold of a validation, and
yields the results as they finish.

Example:
    >>> from uflux_kedro.execution import Execution
    >>> def power(base, exponent, threads):
    ...     return base**exponent
    >>> sorted(Execution(n_jobs=2).run(power, 3, [0, 1, 2]))
    [1, 3, 9]
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "engine": ["Execution", "process_and_memory"],
        "parameters": ["DaskParameters"],
    },
)
