"""Binding of a member to a node's function."""

from __future__ import annotations

from multiprocessing.reduction import ForkingPickler

from uflux_kedro.ensemble import Member
from uflux_kedro.members import bound
from uflux_kedro.pipelines.model_training.nodes import score_member
from uflux_kedro.validation.parameters import TrainingParameters


def test_bound_function_keeps_its_name_and_parameter_models_in_a_worker_process():
    member = Member(predictor_set="S", flux="GPP", model="XGB", predictors=("EVI",))
    sent = ForkingPickler.loads(ForkingPickler.dumps(bound(score_member, member)))
    assert sent.__name__ == "score_member"
    assert sent.__annotations__["parameters"] is TrainingParameters
    assert sent.args == (member,)
