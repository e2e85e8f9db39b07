"""A command that failed (oslo.concurrency)."""


class ProcessExecutionError(Exception):
    """A command ended with another exit code than 0.

    Source: ``ProcessExecutionError`` in oslo.concurrency, which Nova 34.0.0 uses.
    """

    home = "oslo_concurrency.processutils"

    def __init__(self, stdout="", stderr="", exit_code=1, cmd=""):
        super().__init__(stdout, stderr, exit_code, cmd)
        self.stdout = stdout
        self.stderr = stderr
        self.exit_code = exit_code
        self.cmd = cmd

    def __str__(self):
        return (
            f"Unexpected error while running command.\nCommand: {self.cmd}\n"
            f"Exit code: {self.exit_code}\nStdout: {self.stdout!r}\nStderr: {self.stderr!r}"
        )
