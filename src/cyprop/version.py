"""The version, said once; everything else, the distribution's metadata too, reads it here."""

__version__ = "0.2.0"
