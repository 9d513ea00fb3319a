"""The half-hourly records that methods are compared on."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from uflux_kedro.readers.towers.half_hours import HalfHours, read_half_hours

_EXAMPLE = "Example_DETha98.txt"
_TOWERS = {"DE-Tha": (50.9626, 13.5651, 1.0), "US-CRT": (41.6285, -83.3471, -5.0)}
"""Latitude, longitude and hours ahead of UTC of towers whose files do not tell."""


def read_records(folder: Path, only: str | None = None) -> list[HalfHours]:
    """Return the records of a folder by name.

    REddyProc's example, DE-Tha 1998, does not tell its tower, so that it is read under its name.

    Args:
        folder: Tables and archives of towers.
        only: Comma-separated beginnings of the names of the records to keep.
    """
    records = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        if path.name != _EXAMPLE and path.suffix in (".zip", ".gz", ".csv"):
            records.append(path)
    found = read_half_hours(records) if records else []
    if (folder / _EXAMPLE).exists():
        with tempfile.TemporaryDirectory(prefix="uflux-records-") as name:
            named = Path(name) / "DE-Tha_1998.txt"
            named.symlink_to((folder / _EXAMPLE).resolve())
            found += read_half_hours(named)
    wanted = tuple(only.split(",")) if only else ("",)
    return sorted(
        (_placed(one) for one in found if one.name.startswith(wanted)), key=lambda one: one.name
    )


def _placed(record: HalfHours) -> HalfHours:
    if record.site_id not in _TOWERS or record.latitude is not None:
        return record
    latitude, longitude, ahead = _TOWERS[record.site_id]
    return replace(record, latitude=latitude, longitude=longitude, utc_offset=ahead)
