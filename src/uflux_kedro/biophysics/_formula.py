"""The decorator of every formula in this package."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import xarray as xr

P = ParamSpec("P")


def formula(function: Callable[P, Any]) -> Callable[P, Any]:
    """Drop the attributes of the inputs from the result.

    xarray keeps attributes in arithmetic, so a vapour pressure would be labelled as an air
    temperature in degC.
    """

    @wraps(function)
    def without_attributes(*args: P.args, **kwargs: P.kwargs) -> Any:
        result = function(*args, **kwargs)
        if isinstance(result, xr.DataArray | xr.Dataset):
            return result.drop_attrs(deep=False)
        return result

    return without_attributes
