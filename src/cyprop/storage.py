"""Networks as files: the public name of ``cyprop.formats.safetensors``."""

from cyprop.errors import FormatError
from cyprop.formats.safetensors import load, read_metadata, save

__all__ = ["FormatError", "load", "read_metadata", "save"]
