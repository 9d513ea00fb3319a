"""Heavy libraries, imported at first use.

The pipelines name tables and cubes in their signatures, which Kedro reads; ``kedro --version``
and ``kedro registry list`` must not pay for that with the import of xarray.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["mpl_figure", "pd", "xr"]


class _Module:
    """Stands for a module that is imported when something is asked of it.

    ``importlib``'s own lazy modules stand in ``sys.modules``, where ``inspect`` asks every
    module for its file and so imports them all.
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
