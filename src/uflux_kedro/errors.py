"""Errors that tell a user what to mend: which file, which variable, expected and found."""

from __future__ import annotations

from pathlib import Path


class UfluxError(Exception):
    """Base of every error that this package raises on purpose."""


class InputError(UfluxError, ValueError):
    """Input that does not make sense, named so that it can be acted on.

    Args:
        where: File, table or cube in which the fault stands.
        variable: Variable or column concerned, if one is.
        expected: What would have been right.
        found: What is there instead.
        hint: What to do about it, if that can be known.
    """

    def __init__(
        self,
        where: str | Path,
        variable: str | None,
        *,
        expected: str,
        found: str,
        hint: str | None = None,
    ) -> None:
        self.where = str(where)
        self.variable = variable
        self.expected = expected
        self.found = found
        self.hint = hint
        subject = f"{self.where}: {variable}" if variable else self.where
        message = f"{subject}: expected {expected}; found {found}"
        super().__init__(f"{message}. {hint}" if hint else message)

    def __reduce__(self):
        # Keyword-only arguments would be lost on the way back from a worker process.
        return (
            _rebuild_input_error,
            (self.where, self.variable, self.expected, self.found, self.hint),
        )


def _rebuild_input_error(where, variable, expected, found, hint):
    return InputError(where, variable, expected=expected, found=found, hint=hint)


class ConfigurationError(UfluxError, ValueError):
    """A setting that cannot work, found before anything was computed."""
