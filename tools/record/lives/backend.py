"""Nova's test package, imported before the rest of Nova: it decides how Nova does its threads.

Everything runs on eventlet, as Nova's own functional tests do by default: one thread, and a
switch only where somebody waits, which is what makes the order of events the same each time.
"""

import logging
import sys
import warnings

# Of libraries that are older or newer than the release; none of it is the lab's to mend.
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

import nova.tests.functional  # noqa: E402

# isort: split
import nova.test  # noqa: E402, F401
from nova import objects  # noqa: E402
from nova.tests import fixtures as nova_fixtures  # noqa: E402


def _quiet_warnings(self):
    """Nova's fixture makes errors of warnings that its release had not met yet (SQLAlchemy 2.1)."""
    super(nova_fixtures.WarningsFixture, self).setUp()
    warnings.simplefilter("ignore")


def _warn_only(self):
    """Of a new kind of legacy notification Nova itself only warns; its fixture makes an error of it."""
    super(nova_fixtures.ForbidNewLegacyNotificationFixture, self).setUp()


nova_fixtures.WarningsFixture.setUp = _quiet_warnings
nova_fixtures.ForbidNewLegacyNotificationFixture.setUp = _warn_only
# oslo.log would send the traceback of a crash to the log that was just switched off.
sys.excepthook = sys.__excepthook__
objects.register_all()
