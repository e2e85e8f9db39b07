"""Run by each kernel that `make lab` starts: what to do about a name that is not there yet.

After a restart, or in the middle of a lesson, the first cell that needs another one fails with a
NameError; its last line then says which cells to run.
"""


def _hear_of_missing_names(shell):
    def handler(shell, kind, error, traceback, tb_offset=None):
        error.add_note(
            f"If a cell above makes {error.name!r}, it has not run since this kernel started: click on "
            "this cell, then choose Run > Run All Above Selected Cell in the menu."
        )
        shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)

    shell.set_custom_exc((NameError,), handler)


if "get_ipython" in globals():  # not where a terminal starts a plain Python
    _hear_of_missing_names(get_ipython())  # noqa: F821 - IPython's, where this runs
del _hear_of_missing_names
