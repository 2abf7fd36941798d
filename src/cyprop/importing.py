"""Networks that were trained elsewhere: files of other libraries, and their live objects."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cyprop.network import Network

if TYPE_CHECKING:
    import numpy.typing as npt

    from cyprop.formats.pytorch.state_dict import AnyActivation
    from cyprop.rules import Activation, ActivationName, Loss, LossName

__all__ = ["from_keras", "from_sklearn", "from_torch", "load"]


def load(
    path: str | os.PathLike[str],
    *,
    activation: AnyActivation | None = None,
    output_activation: ActivationName | Activation | None = None,
    layers: Sequence[str] | None = None,
    output: str | None = None,
    loss: LossName | Loss | None = None,
    dtype: npt.DTypeLike | None = None,
) -> Network:
    """Read a network from a file of cyprop or of another library, told by its content.

    Files of `Network.save`; safetensors and state_dicts (.pt, .pth) of PyTorch; ONNX; Keras
    (.keras, .h5; they need h5py); policies of stable-baselines3 (.zip). A network is a chain of
    affine maps and element-wise activations, with a softmax last and scalers around it.

    Parameters
    ----------
    path : path
        What the file is called does not matter.
    activation : str, Activation, or a sequence of these, optional
        Of all hidden layers, or one for each, where the file does not say it: a state_dict of
        PyTorch. For a policy of stable-baselines3 in place of the file's.
    output_activation : str or Activation, optional
        Of the last layer of such files; by default none, "identity".
    layers : sequence of str, optional
        Which modules of a state_dict to take, in which order, if there are several chains.
    output : str, optional
        Which output to take where there are several: the name of an output in ONNX and Keras; of a
        policy "policy" (the default) or "value".
    loss : str or Loss, optional
        By default the one that belongs to the output: cross_entropy to softmax,
        binary_cross_entropy to sigmoid, else mse. A file of cyprop has its own.
    dtype : "float32" or "float64", optional
        By default that of the file.

    Returns
    -------
    Network
        Of the file's weights, to the bit unless something folds into them. It can learn at once.

    Raises
    ------
    FormatError
        If the file is damaged, of no known kind, or not a chain; one sentence says what is in the
        way, and what would be accepted.
    TypeError, ValueError
        If an argument is not one of the above, is missing, or does not go with the kind of file.
    ImportError
        If the file is of Keras and h5py is not installed.
    OSError
        If the file cannot be read.

    Notes
    -----
    No file is executed, unpickled, or unpacked to a disk, and none other is opened but the external
    data beside an ONNX file.
    Thread-safety: any number of threads at once.
    """
    from cyprop.formats import load as reading

    return reading.load(
        Network,
        path,
        activation=activation,
        output_activation=output_activation,
        layers=layers,
        output=output,
        loss=loss,
        dtype=dtype,
    )


def from_torch(
    module: Any, *, loss: LossName | Loss | None = None, dtype: npt.DTypeLike | None = None
) -> Network:
    """The network of a live model of PyTorch, as it predicts in evaluation mode.

    Parameters
    ----------
    module : torch.nn.Sequential or torch.nn.Linear
        Of Linear layers, activations, Dropout (which vanishes), BatchNorm1d (which folds into a
        layer), Flatten, Identity, and Sequentials of these.
    loss : str or Loss, optional
        By default the one that belongs to the output, as of `load`.
    dtype : "float32" or "float64", optional
        By default that of the module; of half precision "float32".

    Returns
    -------
    Network
        With copies of the weights.

    Raises
    ------
    TypeError
        If it is not a module of PyTorch.
    ValueError
        If it is no chain; the message names the module that is in the way.

    Notes
    -----
    A Softplus is the identity above its threshold; here it is not, and differs by 2e-9 there.
    Thread-safety: any number of threads at once, while nobody changes the module.
    """
    from cyprop.formats.pytorch import live as reading

    return reading.chain_of(module).network(Network, loss=loss, dtype=dtype)


def from_keras(
    model: Any,
    *,
    output: str | None = None,
    loss: LossName | Loss | None = None,
    dtype: npt.DTypeLike | None = None,
) -> Network:
    """The network of a live model of Keras.

    Parameters
    ----------
    model : keras.Sequential or keras.Model
        Of Dense layers, activations (as functions or as layers), Dropout and its like,
        BatchNormalization (which folds into a layer), Normalization and Rescaling.
    output : str, optional
        The name of the layer that the outputs come from, if the model has several outputs.
    loss : str or Loss, optional
        By default the one that belongs to the output, as of `load`.
    dtype : "float32" or "float64", optional
        By default that of the model.

    Returns
    -------
    Network
        With copies of the weights.

    Raises
    ------
    TypeError
        If it is not a model of Keras.
    ValueError
        If it is no chain; the message names the layer that is in the way.

    Notes
    -----
    Thread-safety: any number of threads at once, while nobody changes the model.
    """
    from cyprop.formats.keras import live as reading

    return reading.chain_of(model, output).network(Network, loss=loss, dtype=dtype)


def from_sklearn(
    estimator: Any, *, loss: LossName | Loss | None = None, dtype: npt.DTypeLike | None = None
) -> Network:
    """The network of a fitted estimator of scikit-learn, with the scalers around it.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor, Pipeline or TransformedTargetRegressor
        In a Pipeline behind StandardScaler, MinMaxScaler, RobustScaler and MaxAbsScaler; one of
        these may scale the target too.
    loss : str or Loss, optional
        By default the one that belongs to the output, as of `load`.
    dtype : "float32" or "float64", optional
        By default that of the estimator: float64 unless it was fitted with float32.

    Returns
    -------
    Network
        With copies of the weights, and with names of features and classes. Of two classes it has
        one output, the probability of the second.

    Raises
    ------
    TypeError
        If it is none of these.
    ValueError
        If it is not fitted, or has a step that is no chain; the message names it.

    Notes
    -----
    Thread-safety: any number of threads at once, while nobody fits it.
    """
    from cyprop.formats import sklearn as reading

    return reading.chain_of(estimator).network(Network, loss=loss, dtype=dtype)
