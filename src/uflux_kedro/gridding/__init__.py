"""Grids: align cubes to one grid, sample them at towers, and find cells, their edges and areas.

A :class:`TargetGrid` is regular in degrees, a :class:`ProjectedGrid` has square cells in a
projection; :func:`align` regrids a cube to either, each variable by its kind, and
:func:`sample_at_sites` reads it at towers. :func:`monthly_means`, :func:`means_over` and
:func:`means_of_steps` average over time.

Example:
    >>> from uflux_kedro.gridding import TargetGrid, cell_area
    >>> europe = TargetGrid(resolution=0.25, west=-25, south=34, east=45, north=72)
    >>> dict(europe.coordinates().sizes)
    {'latitude': 152, 'longitude': 280}
    >>> globe = TargetGrid(resolution=1).coordinates()
    >>> round(float(cell_area(globe).sum()) / 1e12)  # million km2
    510
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "cells": ["cell_area", "cell_bounds", "cell_edges"],
        "conservative": ["mean_by_area"],
        "grids": ["ProjectedGrid", "TargetGrid"],
        "means": ["means_of_steps", "means_over", "monthly_means"],
        "regrid": ["align"],
        "sampling": ["sample_at_sites"],
    },
)
