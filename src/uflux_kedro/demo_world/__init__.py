"""A small simulated Earth, written as raw files in the sources' own formats.

It replaces hundreds of gigabytes of real data: a simple model gives continents, climate, plants
and fluxes, and simulated instruments add their errors. The true fluxes are known everywhere, so
that a map can be judged where no tower stands.

Example::

    from pathlib import Path
    from uflux_kedro.demo_world import DemoWorldParameters, write_demo_world

    parameters = DemoWorldParameters(resolution=10, first_year=2020, n_towers=6)
    files = write_demo_world(parameters, Path("raw"), Path("truth"))
"""

from __future__ import annotations

import lazy_loader

# The parameters are read at the start of every run, the rest only where a world is made.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "parameters": ["DemoWorldParameters"],
        "simulation": ["World", "simulate"],
        "towers": ["Tower", "make_towers", "site_table", "towers_at"],
        "world": ["write_demo_world", "write_grids"],
    },
)
