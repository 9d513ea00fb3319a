"""Figure 3: one scale for dots and legend, one scale of colour."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib import colormaps
from matplotlib.collections import PathCollection

from tests.testing.synthetic import make_leaderboard
from uflux_kedro.errors import InputError
from uflux_kedro.figures.members import LARGEST_AREA, dot_area, leaderboard_figure


def dots_and_legend(figure):
    """Return the members' dots and the fewer dots of the legend."""
    found = [c for c in figure.findobj(PathCollection) if c.get_sizes().size]
    dots, legend = sorted(found, key=lambda c: -len(c.get_offsets()))
    return dots, legend


def legend_values(legend):
    return [float(text.get_text()) for text in legend.axes.texts]


@pytest.fixture(scope="module")
def figure():
    return leaderboard_figure(make_leaderboard().sample(frac=1, random_state=0))


def test_legend_is_scaled_as_the_dots_are(figure):
    board = make_leaderboard().sample(frac=1, random_state=0)
    dots, legend = dots_and_legend(figure)
    # Area for each unit of MRAE, from the drawn dots alone and from the drawn legend alone.
    of_dots = dots.get_sizes() / board["MRAE"].to_numpy()
    of_legend = legend.get_sizes() / np.array([0.25, 0.5, 1.0]) / board["MRAE"].max()
    assert of_dots == pytest.approx(of_dots[0])
    assert of_legend == pytest.approx(of_dots[0])
    assert legend_values(legend) == pytest.approx(
        np.array([0.25, 0.5, 1.0]) * board["MRAE"].max(), abs=0.005
    )


def test_area_is_proportional_to_mrae():
    assert dot_area(0.0, 2.0) == 0
    assert dot_area(np.array([0.5, 1.0, 2.0]), 2.0) == pytest.approx(
        LARGEST_AREA * np.array([0.25, 0.5, 1.0])
    )


def test_colour_is_r2_between_0_and_1(figure):
    board = make_leaderboard().sample(frac=1, random_state=0)
    dots, _ = dots_and_legend(figure)
    assert dots.get_facecolors() == pytest.approx(colormaps["viridis"](board["r2"].to_numpy()))


@pytest.mark.parametrize("count", ["sites", "n"])
def test_scores_of_few_towers_or_rows_have_no_colour(count):
    board = make_leaderboard()
    board.loc[2, count] = 9
    board.loc[3, count] = 10
    dots, _ = dots_and_legend(leaderboard_figure(board))
    coloured = colormaps["viridis"](board["r2"].to_numpy())
    coloured[2] = 1
    assert dots.get_facecolors() == pytest.approx(coloured)


def test_both_numbers_are_beside_each_dot(figure):
    dots, _ = dots_and_legend(figure)
    words = [text.get_text() for text in dots.axes.texts]
    for row in make_leaderboard().itertuples():
        assert f"{row.r2:.2f}" in words
        assert f"{row.MRAE:.2f}" in words


def test_rows_run_from_best_to_worst_and_columns_as_the_fluxes(figure):
    dots, _ = dots_and_legend(figure)
    axis = dots.axes
    assert [t.get_text() for t in axis.get_yticklabels()] == [
        "MODIS-NIRv-ERA5", "AVHRR-NDVI-ERA5", "GOSAT-755-SIF-ERA5",
    ]  # fmt: skip
    assert [t.get_text() for t in axis.get_xticklabels()] == ["GPP", "RECO", "NEE", "H", "LE"]
    assert axis.get_ylim()[0] > axis.get_ylim()[1]


def test_several_models_get_rows_of_their_own():
    board = make_leaderboard(("MODIS-NIRv-ERA5",))
    both = pd.concat([board, board.assign(model="RF", r2=board["r2"] - 0.1)])
    dots, _ = dots_and_legend(leaderboard_figure(both))
    assert [t.get_text() for t in dots.axes.get_yticklabels()] == [
        "MODIS-NIRv-ERA5 · DF21", "MODIS-NIRv-ERA5 · RF",
    ]  # fmt: skip


def test_member_without_score_has_no_dot():
    board = make_leaderboard()
    board.loc[0, "r2"] = np.nan
    dots, _ = dots_and_legend(leaderboard_figure(board))
    assert len(dots.get_offsets()) == len(board) - 1


def test_another_name_of_the_column_r2_is_refused():
    board = make_leaderboard().rename(columns={"r2": "R2"})
    with pytest.raises(InputError, match="leaderboard: r2"):
        leaderboard_figure(board)


def test_two_schemes_at_once_are_refused():
    both = pd.concat([make_leaderboard(), make_leaderboard(scheme="kfold")])
    with pytest.raises(InputError, match="one validation scheme"):
        leaderboard_figure(both)


def test_leaderboard_without_any_score_is_refused():
    with pytest.raises(InputError, match="at least one member with both"):
        leaderboard_figure(make_leaderboard().assign(r2=np.nan))
