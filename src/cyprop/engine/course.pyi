import numpy as np
import numpy.typing as npt

from cyprop.engine.memory import Memory

class Course:
    """Learning from X and Y in batches, of a network.

    Parameters
    ----------
    network : Network
    X, Y : ndarray, (n, n_in) and (n, n_targets)
        Of the network's dtype, C-contiguous and aligned.
    weights : ndarray of float64, (n,), or None
        Of the rows.
    batch_size, n_parts : int
        Rows of an update, and threads that share them.
    ordinary : bool
        Whether every |X| is known to be below 2²⁹.
    clip_norm, clip_value : float or None
    shared_l2 : float or None
        The penalty of an update is shared_l2 / (2·Σ wᵢ) · Σw² over the rows of its batch, as
        scikit-learn has it, in place of the network's; only for a network that has an l2 of its
        own, if it is not 0. In the total a batch then counts by the number of its rows, and not by
        what they weigh.
    penalty_counts : float
        How often such a penalty is added to the loss.
    """

    def __init__(
        self,
        network: Memory,
        X: npt.NDArray[np.floating],
        Y: npt.NDArray[np.floating],
        weights: npt.NDArray[np.float64] | None,
        batch_size: int,
        n_parts: int,
        ordinary: bool = False,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        shared_l2: float | None = None,
        penalty_counts: float = 1.0,
    ) -> None: ...
    def train(
        self,
        order: npt.NDArray[np.intp] | None,
        rates: npt.NDArray[np.float64] | None,
        start: int,
        total: float,
    ) -> tuple[float, int]:
        """Train batch after batch from row `start` on, for about as long as Ctrl-C may wait.

        `order` (None, or an index array) says which rows make up the batches, all or some of them;
        `start` counts along it. `rates` (None, or float64) gives each batch of the epoch its
        learning rate. Returns the total with the losses
        of the rows seen, before their updates, times their weights, added to it, and the row to go
        on from. A batch whose loss is not finite is not learned, and is where it stops.
        """
    def evaluate(
        self, order: npt.NDArray[np.intp] | None, n_threads: int, weighted: bool = True
    ) -> float:
        """The mean loss of the rows that `order` names (None: of all), as by `Network.evaluate`.

        Rows count by their weights, if there are any and it is `weighted`. Raises ValueError if
        those of these rows are all 0.
        """
