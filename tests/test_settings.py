"""Settings of the project, and the ways in that ``kedro run`` does not use."""

from __future__ import annotations

import importlib
import os

import pytest
from kedro.framework.hooks.manager import (
    _create_hook_manager,
    _register_hooks,
    _register_hooks_entry_points,
)

from uflux_kedro import settings
from uflux_kedro.__main__ import main
from uflux_kedro.config_loader import OnceLoader
from uflux_kedro.configuration import CONFIG_LOADER_ARGS
from uflux_kedro.hooks import EndingHooks, LockHooks, OutputHooks, ProjectHooks, RequestHooks
from uflux_kedro.run_status import RunStatusHooks
from uflux_kedro.tracking.hooks import TrackingHooks

SWITCHES = ("MLFLOW_DISABLE_TELEMETRY", "KEDRO_DISABLE_TELEMETRY")


@pytest.mark.parametrize(("chosen", "expected"), [(None, "true"), ("false", "false")])
def test_usage_statistics_are_off_unless_the_user_switches_them_on(monkeypatch, chosen, expected):
    for switch in SWITCHES:
        monkeypatch.setenv(switch, "")  # so that what the module sets is undone after the test
        monkeypatch.delenv(switch)
        if chosen:
            monkeypatch.setenv(switch, chosen)
    importlib.reload(settings)
    assert [os.environ[switch] for switch in SWITCHES] == [expected, expected]


@pytest.mark.parametrize("chosen", [None, "active"])
def test_threads_wait_without_spinning_unless_the_user_wants_it(monkeypatch, chosen):
    monkeypatch.setenv("OMP_WAIT_POLICY", chosen or "")
    if not chosen:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    importlib.reload(settings)
    assert os.environ["OMP_WAIT_POLICY"] == (chosen or "passive")


def test_kedro_gets_the_hooks_and_the_loader():
    assert [type(hook) for hook in settings.HOOKS] == [
        EndingHooks,
        TrackingHooks,
        OutputHooks,
        LockHooks,
        RequestHooks,
        ProjectHooks,
        RunStatusHooks,
    ]
    assert settings.DISABLE_HOOKS_FOR_PLUGINS == ("kedro-viz",)
    assert settings.CONFIG_LOADER_ARGS is CONFIG_LOADER_ARGS
    assert settings.CONFIG_LOADER_CLASS is OnceLoader


@pytest.mark.parametrize(
    ("hook", "expected"),
    [
        (
            "before_pipeline_run",
            [RequestHooks, LockHooks, OutputHooks, "MlflowHook", TrackingHooks],
        ),
        ("after_pipeline_run", [OutputHooks, TrackingHooks, "MlflowHook", EndingHooks, LockHooks]),
    ],
)
def test_hooks_are_called_in_the_order_that_they_rely_on(hook, expected):
    """Results are in their places before MLflow is told, which can fail."""
    manager = _create_hook_manager()
    _register_hooks(manager, settings.HOOKS)
    _register_hooks_entry_points(manager, settings.DISABLE_HOOKS_FOR_PLUGINS)
    called = reversed(getattr(manager.hook, hook).get_hookimpls())
    names = [type(each.plugin).__name__ for each in called]
    wanted = [each if isinstance(each, str) else each.__name__ for each in expected]
    assert [name for name in names if name in wanted] == wanted


def test_paths_of_the_configuration_are_absolute(monkeypatch, tmp_path):
    """MLflow makes a second database where a notebook starts a run with a relative path."""
    monkeypatch.chdir(tmp_path)
    resolve = CONFIG_LOADER_ARGS["custom_resolvers"]["project_path"]
    assert resolve("mlflow.db").startswith("/")
    assert str(tmp_path) not in resolve("mlflow.db")


def test_the_package_runs_as_a_module(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    assert exit_.value.code == 0
    assert "--only-missing-outputs" in capsys.readouterr().out
