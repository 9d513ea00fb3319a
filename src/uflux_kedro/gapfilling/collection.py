"""Records of many towers as two tables that files hold, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd

from uflux_kedro.biophysics.solar_clock import around, read_solar_clock
from uflux_kedro.gapfilling.parameters import Spikes
from uflux_kedro.gapfilling.record import check_record
from uflux_kedro.readers.towers.half_hours import HalfHours
from uflux_kedro.readers.towers.remarks import Remark, remark

_PROPERTIES = tuple(f.name for f in fields(HalfHours) if f.name not in ("table", "findings"))


def checked(record: HalfHours, spikes: Spikes = "flag") -> HalfHours:
    """Return a record after its check, whose findings follow those of reading it.

    Args:
        record: The record, as read.
        spikes: What happens to spikes of fluxes.

    Raises:
        InputError: As for :func:`uflux_kedro.gapfilling.record.check_record`.
    """
    table, findings = check_record(
        record.table,
        record.latitude,
        record.longitude,
        record.utc_offset,
        spikes=spikes,
        site=record.site_id,
        where=record.source,
    )
    offset, assumed = _utc_offset(record)
    findings = [*record.findings, *findings, *_no_place(record), *assumed]
    return replace(record, table=table, utc_offset=offset, findings=findings)


def _utc_offset(record: HalfHours) -> tuple[float | None, list[Remark]]:
    """Return the clock's distance from UTC in hours: as stated, else as the sun of SW_IN tells it."""
    if record.utc_offset is not None or record.longitude is None:
        return record.utc_offset, []
    zone = record.longitude / 15
    clock = (
        read_solar_clock(record.table.index, record.table["SW_IN"])
        if "SW_IN" in record.table
        else None
    )
    offset = float(np.round(2 * around(zone if clock is None else clock.ahead + zone))) / 2 + 0.0
    how = "the zone of the longitude" if clock is None else "the hour of highest SW_IN"
    found = f"none: {offset:+g} h are assumed, from {how}"
    return offset, [
        remark("place", "utc_offset", record.site_id, "the clock's distance from UTC", found)
    ]


def _no_place(record: HalfHours) -> list[Remark]:
    """Return a finding on a tower without place or land cover."""
    wanted = {"latitude": record.latitude, "longitude": record.longitude, "IGBP": record.IGBP}
    missing = ", ".join(name for name, value in wanted.items() if value is None)
    if not missing:
        return []
    expected = "the tower's place and land cover in its metadata or in a sites.csv beside it"
    found = f"no {missing}: what needs the sun's height is left out, and the main chain cannot take the filled tower"
    return [remark("place", missing, record.site_id, expected, found)]


def as_tables(records: Sequence[HalfHours]) -> tuple[pd.DataFrame, pd.DataFrame, list[Remark]]:
    """Return records as one long table, one of their properties, and their findings.

    Returns:
        Rows of all records, with ``record`` (its name) and ``time`` in front; one row a record;
        findings.
    """
    rows = pd.concat([stacked(r.name, r.table) for r in records], ignore_index=True)
    known = [{"record": r.name} | {p: getattr(r, p) for p in _PROPERTIES} for r in records]
    return rows, pd.DataFrame(known), [f for r in records for f in r.findings]


def stacked(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return a table by time with ``record`` and ``time`` as its first columns."""
    flat = table.rename_axis("time").reset_index()
    flat.insert(0, "record", name)
    return flat


def records_of(rows: pd.DataFrame, properties: pd.DataFrame) -> Iterator[HalfHours]:
    """Yield the records of two tables of :func:`as_tables`."""
    for one in properties.to_dict("records"):
        known: dict[str, Any] = {p: None if pd.isna(one[p]) else one[p] for p in _PROPERTIES}
        yield HalfHours(table=part_of(rows, one["record"]), **known)


def part_of(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return one record's rows of a table of :func:`stacked`, by time, without empty columns."""
    part = rows[rows["record"] == name].drop(columns="record").set_index("time")
    return part.dropna(axis="columns", how="all")
