"""Heavy libraries, imported at first use.

Kedro reads the signatures of the nodes, which name tables and cubes; ``kedro --version`` and
``kedro registry list`` must not import xarray for that.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["mpl_figure", "pd", "xr"]


class _Module:
    """Module that is imported when one of its attributes is used.

    The lazy modules of ``importlib`` are listed in ``sys.modules``, where ``inspect`` asks every
    module for its file and thereby imports them all.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        return getattr(import_module(self._name), attribute)


if TYPE_CHECKING:
    import matplotlib.figure as mpl_figure
    import pandas as pd
    import xarray as xr
else:
    mpl_figure = _Module("matplotlib.figure")
    pd = _Module("pandas")
    xr = _Module("xarray")
