"""What the whole takes follows from the part."""

from __future__ import annotations

from uflux_kedro.products.plan import Made, Whole, what_it_took


def test_members_share_what_is_read():
    part = Made(
        made=4, kept=4, cells=10**6, all_cells=2 * 10**6, lacked=0, outside=10**5,
        seconds=36.0, busy=(20.0, 40.0, 10.0), size=10**8, memory=1.25,
    )  # fmt: skip
    whole = Whole(land_cells=10**6, periods=100, members=13)
    text = what_it_took("GPP", part, 1, whole)
    # A hundred times the pixels; of seventy seconds of threads forty become thirteen times as many.
    assert f"{100 * 36 * (30 + 40 * 13) / 70 / 3600:.3g} h on this machine" in text
    assert "1.25 GB of memory, 5 GB of storage" in text
    assert "outside the training range 10.0%" in text
    same = what_it_took("GPP", part, 13, whole)
    assert "1 h on this machine" in same


def test_a_run_that_kept_all_says_nothing_of_the_whole():
    kept = Made(0, 8, 0, 2 * 10**6, 0, 0, 0.1, (0.0, 0.0, 0.0), 10**8, 0.5)
    assert "the whole" not in what_it_took("GPP", kept, 1, Whole(10**6, 100, 13))
