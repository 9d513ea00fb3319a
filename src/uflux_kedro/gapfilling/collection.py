"""Records of many towers as two tables that files hold, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

import pandas as pd

from uflux_kedro.gapfilling.record import check_record
from uflux_kedro.readers.towers.half_hours import HalfHours
from uflux_kedro.readers.towers.remarks import Remark

_PROPERTIES = tuple(f.name for f in fields(HalfHours) if f.name not in ("table", "findings"))


def checked(record: HalfHours) -> HalfHours:
    """Return a record after its check, whose findings follow those of reading it.

    Raises:
        InputError: As for :func:`uflux_kedro.gapfilling.record.check_record`.
    """
    table, findings = check_record(
        record.table,
        record.latitude,
        record.longitude,
        record.utc_offset,
        site=record.site_id,
        where=record.source,
    )
    return replace(record, table=table, findings=[*record.findings, *findings])


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
