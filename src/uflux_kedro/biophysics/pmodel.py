"""The P-model: optimal water use and light use of leaves, computed by pyrealm.

Sources: Prentice et al. (2014), doi 10.1111/ele.12211; Wang et al. (2017), doi
10.1038/s41477-017-0006-8; Stocker et al. (2020), doi 10.5194/gmd-13-1545-2020.

pyrealm takes plain arrays in degC, Pa, Pa and ppm; the functions here take canonical units, and
xarray and dask arrays too. They call the parts of pyrealm instead of its ``PModel`` class, which
warns at every call and computes more than is needed; the results are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from uflux_kedro.biophysics._formula import formula

if TYPE_CHECKING:
    from pyrealm.pmodel.optimal_chi import OptimalChiPrentice14

REFERENCE_KPHIO = 0.081785
"""Quantum yield before the temperature response; the default of pyrealm 2 is 1/8."""

SOME_CO2 = 400.0
"""umol mol-1, of 2015; for air of which neither CO2 nor iWUE is known."""
_POSSIBLE_CO2 = (300.0, 600.0)
"""umol mol-1; range of what is deduced from iWUE."""
_PA_PER_KPA = 1000.0
_PA_PER_HPA = 100.0
_COLDEST = -25.0
"""degC; pyrealm's density of water is valid down to here, and it refuses colder air."""


@formula
def iwue(TA: Any, VPD: Any, PA: Any, CO2: Any) -> Any:
    """Return the intrinsic water-use efficiency, 5/8 (ca - ci) / PA.

    Air below -25 degC counts as -25 degC, and a negative deficit as 0. pyrealm refuses both, and
    missing values would remove whole boreal winters, when leaves are inactive, from every map.

    Args:
        TA: Air temperature, degC.
        VPD: Vapour pressure deficit, hPa.
        PA: Air pressure, kPa.
        CO2: CO2 mole fraction of the air, umol mol-1; shapes broadcast.

    Returns:
        iWUE, umol mol-1; NaN where any input is.
    """
    return _labelled(_iwue, TA, VPD, PA, CO2)


@formula
def light_use_efficiency(TA: Any, VPD: Any, PA: Any, CO2: Any) -> Any:
    """Return the light-use efficiency of C3 plants, with the Jmax limitation of Wang et al. (2017).

    Cold air and negative deficits are treated as in :func:`iwue`.

    Args:
        TA: Air temperature, degC.
        VPD: Vapour pressure deficit, hPa.
        PA: Air pressure, kPa.
        CO2: CO2 mole fraction of the air, umol mol-1; shapes broadcast.

    Returns:
        Light-use efficiency, gC per mol of absorbed photons; NaN where any input is, 0 where
        the limitation prevents assimilation (hot and very dry air).
    """
    return _labelled(_light_use_efficiency, TA, VPD, PA, CO2)


@formula
def light_use_efficiency_of_iwue(TA: Any, VPD: Any, PA: Any, iWUE: Any) -> Any:
    """Return the light-use efficiency where the iWUE of the same air is known, but not its CO2.

    The CO2 is the one from which :func:`iwue` computes ``iWUE``. Without a deficit iWUE is 0 at
    any CO2, and deductions from small deficits are noise: they count as 300 to 600 umol mol-1.

    Args:
        TA: Air temperature, degC.
        VPD: Vapour pressure deficit, hPa.
        PA: Air pressure, kPa.
        iWUE: Intrinsic water-use efficiency of :func:`iwue`, umol mol-1; shapes broadcast.

    Returns:
        Light-use efficiency as of :func:`light_use_efficiency`.
    """
    return _labelled(_light_use_efficiency_of_iwue, TA, VPD, PA, iWUE)


def _labelled(function: Any, *arguments: Any) -> Any:
    return xr.apply_ufunc(
        _where_finite,
        *arguments,
        kwargs={"function": function},
        dask="parallelized",
        output_dtypes=[np.float64],
    )


def _where_finite(*arguments: Any, function: Any) -> Any:
    """Call ``function`` where every argument is finite; return NaN elsewhere."""
    arrays = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in arguments))
    finite = np.logical_and.reduce([np.isfinite(a) for a in arrays])
    result = np.full(finite.shape, np.nan)
    if finite.any():
        result[finite] = function(*(a[finite] for a in arrays))
    return result[()]


def _optimal_chi(TA: Any, VPD: Any, PA: Any, CO2: Any) -> OptimalChiPrentice14:
    # Importing pyrealm takes seconds, and most users of the package never need it.
    from pyrealm.pmodel import PModelEnvironment
    from pyrealm.pmodel.optimal_chi import OptimalChiPrentice14

    environment = PModelEnvironment(
        tc=np.maximum(TA, _COLDEST),
        vpd=np.maximum(VPD, 0.0) * _PA_PER_HPA,
        patm=PA * _PA_PER_KPA,
        co2=CO2,
    )
    return OptimalChiPrentice14(env=environment)


def _iwue(TA: Any, VPD: Any, PA: Any, CO2: Any) -> Any:
    chi = _optimal_chi(TA, VPD, PA, CO2)
    # Without a deficit ci equals ca but for rounding, which may make the difference negative.
    return np.maximum((5 / 8 * (chi.env.ca - chi.ci)) / (1e-6 * chi.env.patm), 0.0)


def _light_use_efficiency(TA: Any, VPD: Any, PA: Any, CO2: Any) -> Any:
    chi = _optimal_chi(TA, VPD, PA, CO2)
    return _limited_by_jmax(chi, chi.mj)


def _light_use_efficiency_of_iwue(TA: Any, VPD: Any, PA: Any, iWUE: Any) -> Any:
    chi = _optimal_chi(TA, VPD, PA, np.full_like(PA, SOME_CO2))
    root, photorespiration = np.sqrt(chi.env.vpd), chi.env.gammastar
    # iWUE gives ca - ci, which is (ca - gammastar) root / (xi + root).
    drop = 8 / 5 * iWUE * 1e-6 * chi.env.patm
    ca = photorespiration + drop * (chi.xi + root) / np.maximum(root, 1e-9)
    ca = np.where(root > 0, ca, chi.env.ca)
    ca = np.clip(ca, *(1e-6 * c * chi.env.patm for c in _POSSIBLE_CO2))
    ci = photorespiration + (ca - photorespiration) * chi.xi / (chi.xi + root)
    return _limited_by_jmax(chi, (ci - photorespiration) / (ci + 2 * photorespiration))


def _limited_by_jmax(chi: OptimalChiPrentice14, mj: Any) -> Any:
    from pyrealm.pmodel.quantum_yield import QuantumYieldTemperature

    constants = chi.env.pmodel_const
    kphio = QuantumYieldTemperature(env=chi.env, reference_kphio=REFERENCE_KPHIO).kphio
    # Where m does not exceed the cost of Jmax, the root is undefined and assimilation is 0.
    excess = 1 - (constants.wang17_c / np.maximum(mj, constants.wang17_c)) ** (2 / 3)
    return kphio * mj * np.sqrt(excess) * chi.env.core_const.k_c_molmass
