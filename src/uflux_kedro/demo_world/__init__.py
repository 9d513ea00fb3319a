"""A small simulated Earth, written as raw files in the sources' own formats.

It stands in for the hundreds of gigabytes of the real thing: continents, climate, plants and
fluxes are those of a simple model, seen through instruments that err. Since the true fluxes are
known, a result can be judged where no tower stands.
"""

from __future__ import annotations

import lazy_loader

# The parameters are read at the start of every run, the rest only where a world is made.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={"parameters": ["DemoWorldParameters"], "world": ["write_demo_world"]},
)
