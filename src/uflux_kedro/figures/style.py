"""The style of all figures, and their conversion to PNG."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib.style
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

PAGE_WIDTH = 7.1
"""Width of a figure over two printed columns, in inches."""

FLUX_COLOURS = {
    "GPP": "#009E73",
    "RECO": "#E69F00",
    "NEE": "#AA4499",
    "H": "#D55E00",
    "LE": "#0072B2",
}
"""Flux -> colour; the colours can be distinguished with any colour vision."""

MAP_COLOURS = {"GPP": "YlGn", "RECO": "YlOrBr", "NEE": "PRGn_r", "H": "hot_r", "LE": "Blues"}
"""Flux -> colour map of its values; white in that of NEE is zero."""

DENSITY_COLOURS = "viridis"
"""Colour map of counts and of skill."""

SKILL_COLOURS = ScalarMappable(Normalize(0, 1), DENSITY_COLOURS)
"""Colours of R2 or NSE from 0 to 1."""


@contextmanager
def styled() -> Iterator[None]:
    """Draw with the package's style sheet; also a decorator. Pyplot's state stays unchanged."""
    with matplotlib.style.context("uflux_kedro.figures.uflux"):
        yield


@styled()
def png_bytes(figure: Figure) -> bytes:
    """Return a figure as PNG at its own resolution.

    The PNG does not name its software, so that equal figures give equal bytes.
    """
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()
