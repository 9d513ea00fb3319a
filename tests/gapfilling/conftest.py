"""Learners small enough for tests, and one fitted filler for all of them."""

from __future__ import annotations

import pytest

from tests.testing.records import PLACE, make_table
from uflux_kedro.gapfilling import GapFiller, errors_of_filling, held_out, learnt, one_flux


@pytest.fixture(autouse=True, scope="package")
def small_learners():
    """A few trees: what is tested does not depend on their number."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(learnt._BOOSTED, "n_estimators", 8)
        patch.setitem(learnt._RANDOM, "n_estimators", 3)
        patch.setattr(one_flux, "_BAGS", 2)
        patch.setattr(held_out, "_TURNS", held_out._TURNS[::2])
        trees = errors_of_filling._TREES.model_copy(update={"trees": 15, "learning_rate": 0.3})
        patch.setattr(errors_of_filling, "_TREES", trees)
        yield


@pytest.fixture(scope="package")
def record():
    """Two months of half-hours with gaps, and the same without."""
    return make_table(60)


@pytest.fixture(scope="package")
def fitted(record):
    """A filler fitted to the record, with what it filled."""
    filler = GapFiller(**PLACE, n_jobs=1).fit(record[0])
    return filler, filler.fill(record[0])
