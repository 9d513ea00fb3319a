"""Steps of a day of a record."""

from __future__ import annotations

import numpy as np
import pandas as pd

from uflux_kedro.errors import InputError


def steps_of(table: pd.DataFrame | pd.Series) -> int:
    """Return the steps of a day of a record, 48 or 24.

    Raises:
        InputError: If the index has no regular step of an hour or half an hour.
    """
    index = table.index
    if not isinstance(index, pd.DatetimeIndex) or len(index) < 2:
        raise InputError(
            "record",
            "time",
            expected="an index of times",
            found=f"{type(index).__name__} of {len(index)}",
        )
    apart = np.unique(np.diff(index))
    hours = apart[0] / np.timedelta64(1, "h")
    if len(apart) != 1 or hours not in (0.5, 1.0):
        raise InputError(
            "record",
            "time",
            expected="a regular step of an hour or half an hour, without missing steps",
            found=f"steps of {', '.join(str(pd.Timedelta(a)) for a in apart[:3])}",
        )
    return int(24 / hours)
