"""Run the command: ``python -m sb3_prune``."""

import sys

from sb3_prune.cli import main

if __name__ == "__main__":
    sys.exit(main())
