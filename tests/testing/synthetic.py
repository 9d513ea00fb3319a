"""A small simulated ensemble: towers, held-out predictions, leaderboard, products, profiles."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from uflux_kedro.variables import FLUXES

SETS = ("MODIS-NIRv-ERA5", "AVHRR-NDVI-ERA5", "GOSAT-755-SIF-ERA5")
LEVEL = {"GPP": 4.0, "RECO": 3.0, "NEE": -1.0, "H": 35.0, "LE": 45.0}
SWING = {"GPP": 3.5, "RECO": 2.0, "NEE": 2.0, "H": 30.0, "LE": 35.0}
CLASSES = ("ENF", "DBF", "GRA", "CRO")


def make_sites(count: int = 8) -> pd.DataFrame:
    """Return towers from south to north, in four IGBP classes."""
    number = np.arange(count)
    return pd.DataFrame(
        {
            "site_id": [f"XX-{n:03d}" for n in number],
            "latitude": np.linspace(-40, 68, count),
            "longitude": np.linspace(-120, 140, count),
            "elevation": 100.0 * number,
            "IGBP": [CLASSES[n % len(CLASSES)] for n in number],
            "climate": ["Cfb" if n % 2 else "Dfc" for n in number],
        }
    )


def make_training_table(sites: pd.DataFrame, years: int = 3) -> pd.DataFrame:
    """Return monthly fluxes with opposite seasons on the two hemispheres."""
    rng = np.random.default_rng(7)
    time = pd.date_range("2003-01-01", periods=12 * years, freq="MS")
    table = sites.merge(pd.DataFrame({"time": time}), how="cross")
    phase = 2 * np.pi * (table["time"].dt.month - 7) / 12
    season = np.cos(phase) * np.sign(table["latitude"])
    vigour = table["site_id"].map(
        dict(zip(sites["site_id"], rng.normal(1, 0.3, len(sites)), strict=True))
    )
    for flux in FLUXES:
        table[flux] = vigour * (LEVEL[flux] + SWING[flux] * season) + rng.normal(
            0, 0.1 * abs(SWING[flux]), len(table)
        )
    table.loc[::17, list(FLUXES)] = np.nan
    table.attrs["resolution"] = "MM"
    return table


def make_predictions(table: pd.DataFrame, error: float = 0.35) -> dict[str, pd.DataFrame]:
    """Return held-out predictions of one member per flux: shrunk towards the mean, with noise."""
    rng = np.random.default_rng(11)
    predictions = {}
    for flux in FLUXES:
        rows = table.dropna(subset=[flux])
        truth = rows[flux].to_numpy()
        noise = rng.normal(0, error * SWING[flux], len(rows))
        predictions[flux] = pd.DataFrame(
            {
                "site_id": rows["site_id"].to_numpy(),
                "time": rows["time"].to_numpy(),
                "fold": pd.factorize(rows["site_id"])[0],
                "truth": truth,
                "prediction": 0.8 * truth + 0.2 * LEVEL[flux] + noise,
            }
        )
    return predictions


def make_leaderboard(sets: tuple[str, ...] = SETS, scheme: str = "loso") -> pd.DataFrame:
    """Return one row per member; skill falls from set to set."""
    rows = []
    for s, predictor_set in enumerate(sets):
        for f, flux in enumerate(FLUXES):
            r2 = 0.9 - 0.04 * s - 0.08 * f
            rows.append(
                {
                    "predictor_set": predictor_set, "flux": flux, "model": "DF21", "scheme": scheme,
                    "sites": 12, "n": 271, "r2": r2, "NSE": r2 - 0.02, "RMSE": 0.3 * SWING[flux],
                    "MAE": 0.2 * SWING[flux], "MBE": -0.05 * SWING[flux], "MRAE": 0.2 + 0.1 * f + 0.03 * s,
                    "slope": 0.8, "intercept": 0.2 * LEVEL[flux], "KGE": r2 - 0.05, "CCC": r2 - 0.03,
                    "NSE_median": r2 - 0.2, "NSE_p10": r2 - 1.3, "RMSE_median": 0.25 * SWING[flux],
                    "RMSE_p90": 0.6 * SWING[flux],
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def make_products(step: float = 10.0, months: int = 12) -> dict[str, xr.Dataset]:
    """Return global ensemble means and spreads on two continents with a sea between them."""
    latitude = np.arange(-90 + step / 2, 90, step)
    longitude = np.arange(-180 + step / 2, 180, step)
    time = pd.date_range("2003-01-01", periods=months, freq="MS")
    lon, lat = np.meshgrid(longitude, latitude)
    land = ((abs(lon + 80) < 40) & (abs(lat) < 70)) | ((abs(lon - 70) < 75) & (abs(lat - 15) < 55))
    warmth = np.where(land, np.cos(np.deg2rad(lat)), np.nan)
    season = 1 + 0.5 * np.cos(2 * np.pi * (np.arange(months) - 6) / 12)[:, None, None] * np.sign(
        lat
    )
    bounds = np.stack([time, time + pd.offsets.MonthBegin(1)], -1)
    products = {}
    for flux in FLUXES:
        mean = (LEVEL[flux] * 1.6 * warmth * season).astype("float32")
        products[flux] = xr.Dataset(
            {
                flux: (("time", "latitude", "longitude"), mean),
                f"{flux}_std": (("time", "latitude", "longitude"), 0.1 * abs(mean)),
                "time_bnds": (("time", "bnds"), bounds),
            },
            coords={"time": time, "latitude": latitude, "longitude": longitude},
        )
    return products


def make_product(size=10.0, start="2003-01-01", months=12, seed=1, values=None):
    """Return monthly GPP on a global grid: random seasons, or the values given."""
    random = np.random.default_rng(seed)
    time = pd.date_range(start, periods=months, freq="MS")
    axes = {
        "latitude": np.arange(-90 + size / 2, 90, size),
        "longitude": np.arange(-180 + size / 2, 180, size),
    }
    shape = (len(time), *(len(a) for a in axes.values()))
    season = np.cos(2 * np.pi * (time.month.to_numpy() - 7) / 12)
    level, swing = random.uniform(2, 5, shape[1:]), random.uniform(0.5, 2, shape[1:])
    field = level + season[:, None, None] * swing if values is None else np.broadcast_to(values, shape).copy()  # fmt: skip
    bounds = np.stack([time, time + pd.offsets.MonthBegin()], axis=1)
    dims = ("time", "latitude", "longitude")
    return xr.Dataset(
        {
            "GPP": (dims, field, {"units": "gC m-2 d-1"}),
            "GPP_std": (dims, np.full(shape, 0.5)),
            "time_bnds": (("time", "bnds"), bounds),
        },
        {"time": time, **axes},
    )


def make_profiles(products: dict[str, xr.Dataset], members: int = 3) -> dict[str, xr.DataArray]:
    """Return zonal means of members that differ by a factor."""
    return {
        flux: xr.concat(
            [product[flux].mean(("time", "longitude")) * (1 + 0.1 * m) for m in range(members)],
            xr.DataArray(list(SETS[:members]), dims="member", name="member"),
        )
        for flux, product in products.items()
    }
