"""``python -m cyprop`` is the command ``cyprop``."""

import sys

from cyprop.cli.parser import main

if __name__ == "__main__":
    sys.exit(main())
