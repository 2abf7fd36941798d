"""The command ``cyprop``."""
