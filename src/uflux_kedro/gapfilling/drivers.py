"""Fill the weather of a record as ONEFlux does, for tables that others read: MDS first, then reanalysis.

ONEFlux's consolidated drivers (``TA_F``) take MDS where its quality is good (1), else the reanalysis
downscaled to the tower (2), Pastorello et al. (2020), doi 10.1038/s41597-020-0534-3. Where a record has
no reanalysis, gaps that MDS fills less well stay open.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from uflux_kedro.gapfilling.mds import fill_mds
from uflux_kedro.gapfilling.steps import steps_of

_BY_MDS = ("TA", "SW_IN", "VPD", "LW_IN")
"""Drivers whose gaps similar weather fills; others have reanalysis or nothing."""
FROM_REANALYSIS = 2
"""QC of values from reanalysis."""
CONSOLIDATED = (*_BY_MDS, "PA", "P", "WS")
"""Drivers of FLUXNET with a filled column."""


def fill_drivers(record: pd.DataFrame) -> pd.DataFrame:
    """Fill the gaps of the weather.

    Args:
        record: Record of a tower, with a row for every step.

    Returns:
        ``<driver>_F`` and ``<driver>_F_QC`` (0 measured, 1 MDS, 2 reanalysis; NaN where missing) of
        the drivers of :data:`CONSOLIDATED` that the record has or its reanalysis offers.
    """
    steps_a_day = steps_of(record)
    filled: dict[str, np.ndarray] = {}
    for name in CONSOLIDATED:
        if name not in record and f"{name}_ERA" not in record:
            continue
        values = _column(record, name).to_numpy(copy=True)
        quality = np.where(np.isnan(values), np.nan, 0.0)
        if name in _BY_MDS and np.isnan(values).any() and not np.isnan(values).all():
            drivers = (_column(record, driver) for driver in ("SW_IN", "TA", "VPD"))
            mds = fill_mds(values, *drivers, steps_a_day=steps_a_day)
            good = mds.quality == 1
            values[good], quality[good] = mds.value[good], 1.0
        reanalysis = _column(record, f"{name}_ERA").to_numpy()
        taken = np.isnan(values) & ~np.isnan(reanalysis)
        values[taken], quality[taken] = reanalysis[taken], FROM_REANALYSIS
        filled |= {f"{name}_F": values, f"{name}_F_QC": quality}
    return pd.DataFrame(filled, record.index)


def _column(record: pd.DataFrame, name: str) -> pd.Series:
    return record[name] if name in record else pd.Series(np.nan, record.index)
