"""Cost of a production: time, memory and storage, and an estimate for the whole product."""

from __future__ import annotations

from typing import NamedTuple

from uflux_kedro.products.parameters import WholeProduct


class Production(NamedTuple):
    """Amount of work done by a production, and its cost.

    Attributes:
        made: Regions predicted and written.
        kept: Regions kept from an earlier run.
        cells: Cells times periods predicted.
        all_cells: Cells times periods of all regions, kept ones included.
        incomplete: Those at which a member had a missing predictor.
        outside: Those with a predictor outside the training range.
        seconds: Wall-clock time.
        busy: Seconds of reading, predicting and writing, summed over all threads and workers.
        size: Bytes of the product.
        memory: Peak memory in GB, summed over this process and the workers that made a region.
    """

    made: int
    kept: int
    cells: int
    all_cells: int
    incomplete: int
    outside: int
    seconds: float
    busy: tuple[float, float, float]
    size: int
    memory: float


def describe_cost(
    flux: str, production: Production, members: int, whole: WholeProduct | None = None
) -> str:
    """Describe a production in one to three lines.

    Args:
        flux: The flux.
        production: The work done.
        members: Number of members.
        whole: Size of the whole product, to estimate its cost from this part of it.
    """
    reading, predicting, writing = production.busy
    lines = [
        f"{flux}: {production.made} regions made, {production.kept} kept; "
        f"{production.cells / 1e6:.2f} million pixels x {members} members in "
        f"{production.seconds:.1f} s (reading {reading:.1f}, predicting {predicting:.1f}, "
        f"writing {writing:.1f} s, summed over threads); {production.size / 1e6:.1f} MB; "
        f"peak memory {production.memory:.2f} GB"
    ]
    if production.cells:
        lines.append(
            f"{flux}: pixels flagged for a missing predictor "
            f"{production.incomplete / production.cells:.1%}, "
            f"for one outside the training range {production.outside / production.cells:.1%}"
        )
    if whole is not None and production.cells:
        pixels = whole.land_cells * whole.periods
        # Drivers are read once for all members; only predicting takes longer with their number.
        by_members = reading + writing + predicting * whole.members / members
        share = by_members / sum(production.busy)
        hours = pixels / production.cells * share * production.seconds / 3600
        storage = pixels / production.all_cells * production.size
        lines.append(
            f"{flux}: the whole product at this rate: {pixels / 1e9:.3g} billion pixels x "
            f"{whole.members} members, {hours:.3g} h on this machine, "
            f"{production.memory:.2f} GB of memory, {storage / 1e9:.3g} GB of storage"
        )
    return "\n".join(lines)
