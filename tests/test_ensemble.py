"""Members come from the configuration, and a bad configuration is refused with its reason."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from uflux_kedro.ensemble import EnsembleParameters
from uflux_kedro.errors import ConfigurationError

SETS = [
    {"name": "MODIS-NIRv-ERA5", "predictors": ["MODIS_NIRv"], "groups": ["common", "ERA5"]},
    {"name": "MODIS-NIRv-ERA5-NT", "predictors": ["MODIS_NIRv"], "groups": ["ERA5"]},
]
GROUPS = {"common": ["IGBP", "Latitude"], "ERA5": ["ERA5_TA", "ERA5_SW_IN"]}


def ensemble(**changes: object) -> EnsembleParameters:
    return EnsembleParameters.model_validate({"groups": GROUPS, "predictor_sets": SETS, **changes})


def test_members_are_sets_by_fluxes():
    members = ensemble().members()
    assert len(members) == 2 * 5
    assert members[0].name == "MODIS-NIRv-ERA5.GPP.DF21"
    assert members[0].namespace == "GPP.MODIS-NIRv-ERA5"
    assert members[0].predictors == ("MODIS_NIRv", "IGBP", "Latitude", "ERA5_TA", "ERA5_SW_IN")


def test_optional_groups_keep_their_names_and_come_last():
    sets = [{**SETS[0], "groups": ["common"], "optional": ["ERA5"]}]
    member = ensemble(predictor_sets=sets).members()[0]
    assert member.predictors == ensemble().members()[0].predictors
    assert member.optional == (("ERA5", ("ERA5_TA", "ERA5_SW_IN")),)
    assert ensemble().members()[0].optional == ()


def test_alternatives_keep_their_names_and_predictors():
    optional = {"name": "BOTH", "predictors": ["EVI"], "optional": ["ERA5"]}
    names = ["MODIS-NIRv-ERA5-NT", "BOTH"]
    sets = [*SETS, optional, {"name": "ONE-OF", "alternatives": names}]
    member = ensemble(predictor_sets=sets, select="ONE-OF.GPP.*").members()[0]
    assert member.predictors == ("MODIS_NIRv", "ERA5_TA", "ERA5_SW_IN", "EVI")
    assert member.alternatives == (
        ("MODIS-NIRv-ERA5-NT", ("MODIS_NIRv", "ERA5_TA", "ERA5_SW_IN")),
        ("BOTH", ("EVI", "ERA5_TA", "ERA5_SW_IN")),
    )
    assert member.optional == ()


ONE_OF = {"name": "ONE-OF", "alternatives": [s["name"] for s in SETS]}


@pytest.mark.parametrize(
    ("select", "names"),
    [
        ("*.NEE.*", ["MODIS-NIRv-ERA5.NEE.DF21", "MODIS-NIRv-ERA5-NT.NEE.DF21"]),
        ("*.GPP.* !*-NT.*", ["MODIS-NIRv-ERA5.GPP.DF21"]),
        ("!*.H.* !*.LE.* !*.NEE.* !*.RECO.* !*-NT.*", ["MODIS-NIRv-ERA5.GPP.DF21"]),
        ("*-NT.GPP.* *-NT.LE.*", ["MODIS-NIRv-ERA5-NT.GPP.DF21", "MODIS-NIRv-ERA5-NT.LE.DF21"]),
    ],
)
def test_select_keeps_what_matches(select, names):
    assert [m.name for m in ensemble(select=select).members()] == names


def test_select_that_matches_nothing_says_what_names_look_like():
    for select in ("MODIS", "* !*"):
        with pytest.raises(ConfigurationError, match=r"MODIS-NIRv-ERA5\.GPP\.DF21"):
            ensemble(select=select).members()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fluxes": ["GPP", "Reco"]}, "unknown flux 'Reco'"),
        ({"predictor_sets": [SETS[0], SETS[0]]}, "appears twice"),
        ({"predictor_sets": [{"name": "A", "predictors": ["MODIS_NIRV"]}]}, "nearest: .*NIRv"),
        ({"predictor_sets": [{"name": "A", "predictors": ["EVI"], "groups": ["ERA"]}]}, "'ERA'"),
        ({"predictor_sets": [{**SETS[0], "optional": ["ERA"]}]}, "unknown group 'ERA'"),
        ({"predictor_sets": [{**SETS[0], "optional": ["ERA5"]}]}, "ERA5 cannot be in both"),
        ({"modle": "XGB"}, "modle"),
        ({"predictor_sets": [*SETS, {**ONE_OF, "groups": ["ERA5"]}]}, "expected either"),
        ({"predictor_sets": [*SETS, {**ONE_OF, "alternatives": ["A", "B"]}]}, "'A' is no alter"),
        (
            {
                "predictor_sets": [
                    *SETS,
                    ONE_OF,
                    {**ONE_OF, "name": "B", "alternatives": ["ONE-OF"]},
                ]
            },
            "'ONE-OF' is no alternative; expected some of MODIS-NIRv-ERA5, ",
        ),
        (
            {"predictor_sets": [*SETS, {**ONE_OF, "alternatives": ["MODIS-NIRv-ERA5"] * 2}]},
            "two or more different",
        ),
    ],
)
def test_bad_ensemble_is_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        ensemble(**changes)


@pytest.mark.parametrize("predictor", ["GPP", "RECO_LAG1", "NEE_ANOM"])
def test_no_flux_is_a_predictor(predictor):
    """A flux is measured at the very towers that validation holds out."""
    with pytest.raises(ValidationError, match=f"{predictor} is measured only at towers"):
        EnsembleParameters(
            model="XGB", predictor_sets=[{"name": "A", "predictors": ["ERA5_TA", predictor]}]
        )
    EnsembleParameters(model="XGB", predictor_sets=[{"name": "A", "predictors": ["CARRY_GPP_POT"]}])
