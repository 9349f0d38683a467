"""A plug-in that ends the process."""

import sys

sys.exit("no licence")
