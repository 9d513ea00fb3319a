"""Fluxes of the wrong sign, and headers that are swapped, are found."""

from __future__ import annotations

import pytest

from tests.testing.towers import simulate_towers
from uflux_kedro.quality.check import check_towers
from uflux_kedro.quality.parameters import QualityParameters
from uflux_kedro.quality.signs import check_signs


def test_healthy_fluxes_have_the_right_sign(healthy):
    assert check_signs(healthy[0]) == []


def test_swapped_headers_of_gpp_and_nee_require_a_decision():
    towers, sites = simulate_towers(n_sites=2)
    swapped = towers.rename(columns={"GPP": "NEE", "NEE": "GPP"})
    findings = [f for f in check_towers(swapped, sites, QualityParameters()).findings if f.open]
    (finding,) = (f for f in findings if f.variable == "GPP, NEE")
    assert finding.sites == ("XX-000", "XX-001")
    assert "the headers of GPP and NEE are swapped" in finding.found


def test_swapped_headers_of_reco_and_nee_are_named(healthy):
    (finding,) = check_signs(healthy[0].rename(columns={"RECO": "NEE", "NEE": "RECO"}))
    assert finding.variable == "RECO, NEE"


@pytest.mark.parametrize("flux", ["GPP", "RECO", "LE"])
def test_a_flux_of_the_opposite_sign_is_found(healthy, flux):
    towers, _ = healthy
    at = towers["site_id"] == "XX-003"
    (finding,) = check_signs(towers.assign(**{flux: towers[flux].mask(at, -towers[flux])}))
    assert (finding.variable, finding.sites) == (flux, ("XX-003",))
    assert "its sign is wrong" in finding.found


def test_noise_about_zero_and_filled_gaps_are_not_judged(healthy):
    towers, _ = healthy
    at = towers["site_id"] == "XX-003"
    noise = towers.assign(GPP=towers["GPP"].mask(at, 0.05 * (towers["GPP"] - 6)))
    assert check_signs(noise) == []
    filled = towers.assign(GPP=towers["GPP"].mask(at, -6.9), GPP_QC=1.0)
    assert len(check_signs(filled)) == 1
    assert check_signs(filled.assign(GPP_QC=filled["GPP_QC"].mask(at, 0.0))) == []


def test_measured_towers_have_the_right_sign_and_most_swaps_are_found(mended):
    towers, _ = mended
    assert check_signs(towers) == []
    (finding,) = check_signs(towers.rename(columns={"GPP": "NEE", "NEE": "GPP"}))
    assert finding.variable == "GPP, NEE"
    assert len(finding.sites) > 90
