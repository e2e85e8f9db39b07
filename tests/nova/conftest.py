"""The installed Nova's contexts, for the tests that ask it who may do what."""

import pytest


@pytest.fixture(scope="module")
def nova():
    """The real nova.context, its policy without files."""
    pytest.importorskip("nova", reason="the installed Nova is not there (extra nova)")
    from tools.oracle import installed  # imports Nova, without eventlet

    real = installed.context
    from nova import config, policy

    config.CONF.clear()  # it was read by that: no option can be added any more
    config.parse_args(["nova"], default_config_files=[])
    policy.reset()
    policy.init(suppress_deprecation_warnings=True)
    yield real
    policy.reset()
