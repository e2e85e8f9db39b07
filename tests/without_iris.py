"""A plugin of pytest for `make test`: jsonschema goes without its check of IRIs.

nbval brings jsonschema, which builds 38 grammars for that check whenever it is imported: 3 seconds of each
process. No notebook's schema asks for it. Named with -p, it comes before nbval.
"""

import sys

sys.modules["rfc3987_syntax"] = None
