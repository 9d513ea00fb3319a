"""What every formula of this room has in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import xarray as xr

P = ParamSpec("P")


def formula(function: Callable[P, Any]) -> Callable[P, Any]:
    """Keep the attributes of inputs off the result.

    xarray hands attributes on through arithmetic, so a vapour pressure would call itself an air
    temperature in degC.
    """

    @wraps(function)
    def without_attributes(*args: P.args, **kwargs: P.kwargs) -> Any:
        result = function(*args, **kwargs)
        if isinstance(result, xr.DataArray | xr.Dataset):
            return result.drop_attrs(deep=False)
        return result

    return without_attributes
