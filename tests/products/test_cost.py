"""Cost of a production, and the estimate for the whole product."""

from __future__ import annotations

from uflux_kedro.products.cost import Production, describe_cost
from uflux_kedro.products.parameters import WholeProduct


def test_members_share_the_reading_of_drivers():
    part = Production(
        made=4, kept=4, cells=10**6, all_cells=2 * 10**6, incomplete=0, outside=10**5,
        seconds=36.0, busy=(20.0, 40.0, 10.0), size=10**8, memory=1.25,
    )  # fmt: skip
    whole = WholeProduct(land_cells=10**6, periods=100, members=13)
    text = describe_cost("GPP", part, 1, whole)
    # A hundred times the pixels; 40 of 70 thread seconds are predicting, thirteen times as long.
    assert f"{100 * 36 * (30 + 40 * 13) / 70 / 3600:.3g} h on this machine" in text
    assert "1.25 GB of memory, 5 GB of storage" in text
    assert "outside the training range 10.0%" in text
    same = describe_cost("GPP", part, 13, whole)
    assert "1 h on this machine" in same


def test_a_run_that_kept_every_region_estimates_nothing():
    kept = Production(0, 8, 0, 2 * 10**6, 0, 0, 0.1, (0.0, 0.0, 0.0), 10**8, 0.5)
    assert "the whole" not in describe_cost(
        "GPP", kept, 1, WholeProduct(land_cells=10**6, periods=100, members=13)
    )
