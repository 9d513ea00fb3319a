"""What a map is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from uflux_kedro.readers.regions import Outlines


@dataclass(frozen=True)
class Explorer:
    """A map of products, and what is shown beside them.

    Attributes:
        products: Flux, ``ET`` or ``WUE`` -> its product, lazily: ``<flux>`` (time, latitude, longitude) or (time, y, x),
            ``time_bnds``, and ``crs`` in a projection; where there are such fields, ``<flux>_lower``,
            ``<flux>_upper``, ``<flux>_completeness``, ``<flux>_flag`` and ``<flux>_member``.
        sites: ``site_id``, ``latitude``, ``longitude`` and ``IGBP`` of the towers; None for no towers.
        held_out: Flux -> rows of the towers that the model had not seen: ``site_id``, ``time``,
            ``truth``, ``prediction``, and ``lower`` and ``upper`` if there are intervals.
        aggregates: Totals and means by region, as in ``aggregates.csv``; None for none.
        comparisons: Peer -> flux -> ``difference`` (latitude, longitude), product minus peer.
        simulated: What of the data is simulated, such as ``towers, ERA5``; empty for measured ones.
        members: Whether to show the members' own fields where the products have them.
        levels: Highest number of overviews; None for as many as it takes to see all at once.
        outlines: Of regions in ``aggregates``, by kind; those of countries are in the package.
    """

    products: Mapping[str, xr.Dataset]
    sites: pd.DataFrame | None = None
    held_out: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    aggregates: pd.DataFrame | None = None
    comparisons: Mapping[str, Mapping[str, xr.Dataset]] = field(default_factory=dict)
    simulated: str = ""
    members: bool = True
    levels: int | None = None
    outlines: Sequence[Outlines] = ()
