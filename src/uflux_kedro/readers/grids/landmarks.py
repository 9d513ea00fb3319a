"""Places that are land or sea in wide surroundings, against which a map of land cover is checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from uflux_kedro.errors import InputError

_LAND = {
    "Sahara": (24, 12), "Amazonia": (-5, -65), "Siberia": (62, 100), "Australia": (-25, 135),
    "Canada": (55, -110), "Greenland": (74, -40), "Congo": (0, 22), "Poland": (52, 20),
    "Deccan": (20, 78), "Argentina": (-33, -64),
}  # fmt: skip
_SEA = {
    "Pacific": (0, -150), "North Pacific": (40, -165), "South Pacific": (-40, -120),
    "North Atlantic": (35, -45), "South Atlantic": (-30, -15), "Indian Ocean": (-25, 80),
    "Southern Ocean": (-58, 0), "Philippine Sea": (20, 135), "Barents Sea": (74, 40),
    "Gulf of Guinea": (0, 0),
}  # fmt: skip

_COARSEST = 5.0
"""Degrees. In coarser cells a place and its surroundings are no longer of one kind."""
_LEAST_AGREEMENT = 0.75
"""Maps that are right agree at all places; those turned over or rolled at half of them."""


def require_landmarks(land: xr.DataArray, where: str | Path) -> None:
    """Check that land and sea lie where they do on Earth.

    Args:
        land: 1 for land, 0 for water, -1 for neither (latitude, longitude), both axes ascending in
            degrees, of the globe or a region. Cells wider than 5 degrees are not judged.
        where: File, for the message.

    Raises:
        InputError: If fewer than three quarters of the places within the map agree.
    """
    wrong, inside = _disagreeing(land)
    if len(wrong) <= (1 - _LEAST_AGREEMENT) * inside:
        return
    turned = {
        "turned upside down": land.to_numpy()[::-1],
        "rolled by 180 degrees": np.roll(land.to_numpy(), land.sizes["longitude"] // 2, axis=1),
    }
    hint = "Check its latitudes and longitudes"
    for how, values in turned.items():
        if not _disagreeing(land.copy(data=values))[0]:
            hint = f"It agrees if it is {how}: mend its coordinates"
    raise InputError(
        where,
        "IGBP",
        expected="land and water where they are on Earth",
        found=f"the contrary at {len(wrong)} of {inside} places: {', '.join(wrong)}",
        hint=hint,
    )


def _disagreeing(land: xr.DataArray) -> tuple[list[str], int]:
    """Return the places that are not what they should be, and the number of places in the map."""
    axes = [land[axis].to_numpy() for axis in ("latitude", "longitude")]
    steps = [float(np.diff(axis).max()) for axis in axes]
    if max(steps) > _COARSEST:
        return [], 0
    wrong, inside = [], 0
    for places, is_land in ((_LAND, True), (_SEA, False)):
        for name, place in places.items():
            cell = [int(np.abs(axis - at).argmin()) for axis, at in zip(axes, place, strict=True)]
            away = [abs(float(a[i]) - at) for a, i, at in zip(axes, cell, place, strict=True)]
            found = int(land[cell[0], cell[1]])
            if found < 0 or any(gap > step for gap, step in zip(away, steps, strict=True)):
                continue
            inside += 1
            if found != is_land:
                wrong.append(f"{name} is {'water' if is_land else 'land'}")
    return wrong, inside
