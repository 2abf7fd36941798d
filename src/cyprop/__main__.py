"""``python -m cyprop`` is the command ``cyprop``."""

import sys

from cyprop.cli import main

if __name__ == "__main__":
    sys.exit(main())
