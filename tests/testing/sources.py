"""Columns and fields as the sources name them, with values that are easy to verify."""

from __future__ import annotations

import numpy as np
import pandas as pd

FLUXNET_COLUMNS = {
    "TA_F": 10.5, "TA_F_QC": 0.9, "SW_IN_F": 150.0, "SW_IN_F_QC": 1.0, "LW_IN_F": 310.0,
    "VPD_F": 4.5, "PA_F": 98.5, "P_F": 2.5, "WS_F": 2.0, "CO2_F_MDS": 390.0, "NETRAD": 80.0,
    "G_F_MDS": 1.0, "NEE_VUT_REF": -1.5, "NEE_VUT_REF_QC": 0.8, "GPP_NT_VUT_REF": 5.0,
    "GPP_DT_VUT_REF": 5.5, "RECO_NT_VUT_REF": 3.5, "RECO_DT_VUT_REF": 4.0, "H_F_MDS": 30.0,
    "H_F_MDS_QC": 0.7, "H_CORR": 36.0, "LE_F_MDS": 40.0, "LE_F_MDS_QC": 0.6, "LE_CORR": 48.0,
}  # fmt: skip

ERA5_FIELDS = {
    "t2m": (250.0, 300.0, "K"), "d2m": (245.0, 290.0, "K"), "stl1": (255.0, 300.0, "K"),
    "sp": (60000.0, 101000.0, "Pa"), "ssrd": (0.0, 3e7, "J m**-2"), "strd": (1e7, 3.5e7, "J m**-2"),
    "tp": (0.0, 0.02, "m"), "u10": (-10.0, 10.0, "m s**-1"), "v10": (-5.0, 5.0, "m s**-1"),
}  # fmt: skip

LATITUDES = np.arange(90.0, -91.0, -30.0)
LONGITUDES = np.arange(0.0, 360.0, 45.0)


def pattern(time: pd.DatetimeIndex, latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Return (time, latitude, longitude) values from 0 to 1, different at each month and place."""
    wrapped = (longitude + 180) % 360 - 180
    month = (time.month.to_numpy() - 1) / 12
    return (
        0.1 * month[:, None, None]
        + 0.6 * ((latitude + 90) / 180)[None, :, None]
        + 0.3 * ((wrapped + 180) / 360)[None, None, :]
    )
