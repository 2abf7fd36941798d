from typing import NoReturn, final

from cyprop.engine.engine import Engine

@final
class Handle:
    """A network for compiled code: what `Network.handle` returns.

    Attributes
    ----------
    network : Network
        It cannot go away while this object exists.
    address : int
        The `struct cyprop_model *` that the functions of `cyprop.h` take. When this object goes,
        they answer with the code for a stale model.

    Notes
    -----
    Thread-safety: any thread may use the address, as docs/embedding.md says; this object must exist
    until the last has finished.
    """

    def __new__(cls, network: Engine) -> Handle: ...
    @property
    def network(self) -> Engine:
        """The network that compiled code uses. Thread-safety: it never changes."""
    @property
    def address(self) -> int:
        """The `struct cyprop_model *` that the functions of `cyprop.h` take, as a number.

        Thread-safety: it never changes.
        """
    def scratch_size(self, n: int = 1) -> int:
        """Bytes of scratch that are enough for any function with up to n rows.

        Parameters
        ----------
        n : int, default 1

        Returns
        -------
        int

        Raises
        ------
        TypeError
            If n is not a whole number.
        ValueError
            If n is negative.

        Notes
        -----
        Thread-safety: any number of threads at once.
        """
    def __reduce__(self) -> NoReturn: ...

def address(name: str) -> int:
    """Where a function is in memory, for ctypes and Numba.

    Parameters
    ----------
    name : str
        One of ``cyprop.h``, such as "predict_float32".

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If there is no such function.
    """
