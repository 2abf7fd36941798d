"""Where pickles of networks made before 0.2 begin; later ones begin in ``cyprop._restore``."""

from cyprop.network import blank as _blank

__all__ = ["_blank"]
