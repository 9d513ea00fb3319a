"""``kedro run`` and ``kedro viz run`` as this project has them.

Kedro's own command does the work of ``kedro run``. Around it, values of ``--params`` need no quotes of
YAML's, a misspelt pipeline is refused before anything is imported for it, and an error of the user's is
one block on the screen with exit code 1. ``UFLUX_TRACEBACK=1`` brings the traceback back.

``kedro viz run`` is kedro-viz's own, but opens on the boxes alone.
"""

from __future__ import annotations

import copy
import errno
import os
import sqlite3
import webbrowser
from pathlib import Path
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import CONTEXT_SETTINGS
from kedro_viz.launchers.cli.lazy_default_group import LazyDefaultGroup
from kedro_viz.launchers.cli.main import viz as kedro_viz
from pydantic import ValidationError

from uflux_kedro.errors import ConfigurationError, InputError, UfluxError
from uflux_kedro.installed import require_extra
from uflux_kedro.variables import FLUXES

_TRACEBACK = "UFLUX_TRACEBACK"

_UNWRITABLE = (
    "a file or folder that can be read and written",
    "Change its permissions, or name another folder: `data` in conf/<environment>/globals.yml",
)
_FULL = ("room on the disk", "Free some space; --only-missing-outputs then continues the run")
_ON_DISK = {
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR), _UNWRITABLE),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), _FULL),
}
"""Number of an error of the operating system -> what was expected, and what to do."""


class UserError(click.ClickException):
    """An error that the user can act on, shown without a traceback."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(block_of(error))


def block_of(error: BaseException) -> str:
    """A short block that says what is wrong, where, what was expected and found, and what to do."""
    if not isinstance(error, InputError):
        return str(error)
    rows = {
        "where": f"{error.where}: {error.variable}" if error.variable else error.where,
        "expected": error.expected,
        "found": error.found,
        "what to do": error.hint,
    }
    return "\n".join(["", *(f"  {name + ':':<11} {text}" for name, text in rows.items() if text)])


def error_of_the_user(error: BaseException | None) -> BaseException | None:
    """The error that the user can act on, in a chain of errors raised from each other; or None."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, (UfluxError, ValidationError)):
            return error
        if isinstance(error, OSError) and error.errno in _ON_DISK:
            return _on_disk(error)
        if isinstance(error, sqlite3.Error):
            return _in_database(error)
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def _on_disk(error: OSError) -> InputError:
    """What to do about a folder that cannot be written, or is full."""
    expected, hint = _ON_DISK[error.errno or 0]
    where = error.filename or "the disk"
    return InputError(where, None, expected=expected, found=error.strerror or str(error), hint=hint)


def _in_database(error: sqlite3.Error) -> InputError:
    """What to do about MLflow's database, the only one of a run."""
    import mlflow

    found = str(error)
    cures = {
        "readonly": "Make it and its folder writable",
        "locked": "Another program is writing to it: wait until it has finished",
        "unable to open": "Make its folder, or make it writable",
    }
    otherwise = "Move it away: the next run makes a new one"
    return InputError(
        mlflow.get_tracking_uri(),
        None,
        expected="a database of MLflow that can be written",
        found=found,
        hint=next((cure for words, cure in cures.items() if words in found), otherwise)
        + ". MLFLOW_TRACKING_URI names another one",
    )


def plain_values(ctx: click.Context, param: Any, value: Any) -> Any:
    """Parse ``--params``: a value that is not YAML, such as ``*-SIF-*.GPP.*``, is text.

    Commas part values, except within the brackets of a list or mapping.

    Returns:
        Nested parameters, dots in their names resolved.
    """
    if isinstance(value, dict):
        return value
    from omegaconf import OmegaConf
    from yaml import YAMLError

    found: Any = OmegaConf.create({})
    for item in _at_commas(value or ""):
        name, equals, text = (part.strip() for part in item.partition("="))
        if not (equals and name):
            ctx.fail(f"--params: expected name=value, found {item!r}")
        try:
            one = OmegaConf.from_dotlist([f"{name}={text}"])
        except YAMLError:
            one = OmegaConf.create()
            OmegaConf.update(one, name, text)
        found = OmegaConf.merge(found, one)
    return OmegaConf.to_container(found)


def _at_commas(text: str) -> list[str]:
    """Split at commas that are in no brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "[{") - (character in "]}")
        if character == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


class Interrupted(click.ClickException):
    """A run that Ctrl-C has ended, shown without a traceback."""

    exit_code = 130  # as shells have it

    def __init__(self) -> None:
        super().__init__(
            "interrupted. The outputs of the last finished run are as they were; the same command "
            "with --only-missing-outputs continues this one"
        )


class _Run(click.Command):
    """Kedro's ``run`` with errors of the user's in one block."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            require_extra("kedro", "Runs of the pipelines")
            _check_project(ctx.params.get("conf_source"))
            _check_pipelines(ctx.params.get("pipelines") or [])
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            raise Interrupted from None
        except Exception as error:
            users = error_of_the_user(error) or _from_kedro(error, ctx.params)
            if users is None or os.environ.get(_TRACEBACK):
                raise
            raise UserError(users) from None


def _check_project(conf_source: str | None) -> None:
    """Refuse a run outside of a project: a wheel has the pipelines, not their configuration."""
    from uflux_kedro.configuration import PROJECT_PATH

    if not (conf_source or (PROJECT_PATH / "conf" / "base").is_dir()):
        raise ConfigurationError(
            f"{PROJECT_PATH}: expected the project's folder conf; found none. The pipelines run in "
            "a checkout of the project; as a library the package needs none"
        )


def _check_pipelines(asked: list[str]) -> None:
    from uflux_kedro import pipelines
    from uflux_kedro.request import check_pipelines

    folder = Path(pipelines.__path__[0])
    known = sorted(p.parent.name for p in folder.glob("*/__init__.py"))
    check_pipelines(asked, ["__default__", *known, *FLUXES])


def _from_kedro(error: Exception, options: dict[str, Any]) -> Exception | None:
    """What Kedro refuses: filters that leave no node or name none, a flux without members."""
    from kedro.framework.project import pipelines

    from uflux_kedro.hooks import names_of
    from uflux_kedro.request import check_filters

    names = options.get("pipelines") or ["__default__"]
    if isinstance(error, ValueError) and "Failed to find the pipeline" in str(error):
        fluxes = ", ".join(name for name in names if name in FLUXES)
        return ConfigurationError(
            f"--pipelines {fluxes}: no members; see ensemble.fluxes and ensemble.select"
        )
    refusals = ("Pipeline contains no nodes after applying", "Pipeline does not contain ")
    if not (isinstance(error, ValueError) and str(error).startswith(refusals)):
        return None
    try:
        check_filters(
            {option: options.get(option) or () for option in ("tags", "namespaces")},
            names_of([pipelines[name] for name in names]),
        )
    except ConfigurationError as found:
        return found
    return error


def _as_ours(command: click.Command) -> click.Command:
    parameters = []
    for parameter in command.params:
        if parameter.name == "params":
            parameter = copy.copy(parameter)  # noqa: PLW2901 - Kedro's own command keeps its own
            parameter.callback = plain_values
        parameters.append(parameter)
    return _Run(
        name="run",
        callback=command.callback,
        params=parameters,
        help=command.help,
        context_settings=command.context_settings,
    )


run = _as_ours(kedro_run)


BOXES_ONLY = "?types=nodes&expandAllPipelines=false"
"""What kedro-viz reads from its address: boxes closed, even after its page of the last run opened them,
and datasets hidden."""


class _VizRun(click.Command):
    """Kedro-viz's ``run``, whose browser opens without the 70 datasets between the boxes.

    It runs no hooks that would pass the parameters of ``--env`` to the pipelines, and so names the
    environment to them.
    """

    def invoke(self, ctx: click.Context) -> Any:
        if ctx.params.get("env"):
            os.environ["KEDRO_ENV"] = ctx.params["env"]
        opened = webbrowser.open_new
        webbrowser.open_new = lambda url: opened(url + BOXES_ONLY)
        try:
            return super().invoke(ctx)
        finally:
            webbrowser.open_new = opened


class _Viz(LazyDefaultGroup):
    """Kedro-viz's group of commands, with our ``run``."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        if command is None or cmd_name != "run":
            return command
        return _VizRun(
            name="run", callback=command.callback, params=command.params, help=command.help
        )


viz = _Viz(
    name="viz",
    help=kedro_viz.help,
    lazy_subcommands=kedro_viz.lazy_subcommands,
    default="run",
    default_if_no_args=True,
)


@click.group(context_settings=CONTEXT_SETTINGS, name=__file__)
def cli() -> None:
    """Commands of the project, beside Kedro's."""


cli.add_command(run)
cli.add_command(viz)
