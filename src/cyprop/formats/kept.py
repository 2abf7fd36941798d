"""What a file keeps of a network and its training, taken from a network and given back to one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cyprop.engine import maps, memory
from cyprop.engine.engine import Engine
from cyprop.formats.ends import NO_ENDS, Ends, arrays, blank_arrays, ends_of, give
from cyprop.formats.training_state import Run, Training
from cyprop.kernels import update
from cyprop.settings import Settings

if TYPE_CHECKING:
    import numpy.typing as npt

    from cyprop.checks.maps import Maps

    Array = npt.NDArray[Any]


class Snapshot(NamedTuple):
    """A network as it was after one complete update, and its training where that is kept."""

    settings: Settings
    training: Training | None = None
    # Laid out like the parameters: where it is to be written, these; the optimizer's; a run's.
    vectors: tuple[Array, ...] = ()
    columns: tuple[list[float], ...] = ()  # of a run's History
    ends: Ends = NO_ENDS
    map_arrays: tuple[Array, ...] = ()  # the numbers of its maps


def snapshot(
    network: Engine,
    run: Run | None = None,
    vectors: tuple[Array, ...] = (),
    columns: tuple[list[float], ...] = (),
    rng: Any = None,
) -> Snapshot:
    """All that learning needs to go on.

    `rng` is the state of the random generator, if it is not to be that of now.

    Raises
    ------
    ValueError
        If the random generator is not NumPy's PCG64.
    """
    found_maps, (settings, parameters, states, tally) = maps.with_maps(network, memory.state)
    numbers = rng_numbers(rng_state(network) if rng is None else rng)
    training = Training(
        memory.seed_of(network), memory.frozen_of(network), numbers, tuple(tally), run
    )
    return Snapshot(
        settings,
        training,
        (parameters, *states, *vectors),
        columns,
        *ends_and_arrays(network, found_maps),
    )


def snapshot_without_training(network: Engine) -> Snapshot:
    """The network alone."""
    parameters = memory.empty_like_parameters(network)
    found_maps, _ = maps.with_maps(
        network, lambda network: memory.read_parameters(network, parameters)
    )
    return Snapshot(
        memory.settings_of(network), None, (parameters,), (), *ends_and_arrays(network, found_maps)
    )


def ends_and_arrays(network: Engine, found: Maps) -> tuple[Ends, tuple[Array, ...]]:
    """What a file has of maps and names, and the numbers of these maps."""
    return ends_of(found, maps.names_of(network)), arrays(found)


def blank(network: Engine, training: Training | None, own_ends: Ends) -> Snapshot:
    """A snapshot with room for what a file has, beside the parameters of the network itself."""
    settings = memory.settings_of(network)
    around = own_ends, blank_arrays(own_ends, settings)
    if training is None:
        return Snapshot(settings, None, (), (), *around)
    n_states = update.n_states(settings.optimizer.name)
    run = training.run
    n_vectors = n_states + (0 if run is None else len(run.vectors))
    columns = () if run is None else tuple([0.0] * run.epoch for _ in run.columns)
    vectors = tuple(memory.empty_like_parameters(network) for _ in range(n_vectors))
    for vector in vectors:
        vector[...] = 0  # padding takes no part, and yet it is compared and copied
    return Snapshot(settings, training, vectors, columns, *around)


def restore(network: Engine, found: Snapshot) -> None:
    """Have a network be, and learn, as the one was that the snapshot is of; it has its parameters.

    Raises
    ------
    TypeError, ValueError
        If the numbers are not such as a network has.
    """
    training = found.training
    give(network, found.ends, found.map_arrays)
    if training is None:
        return
    n_states = update.n_states(found.settings.optimizer.name)
    parameters = memory.empty_like_parameters(network)
    memory.read_parameters(network, parameters)
    memory.set_state(network, parameters, list(found.vectors[:n_states]), list(training.tally))
    memory.set_rng(network, generator(training.rng))
    memory.set_seed(network, training.seed)
    memory.set_frozen(network, training.frozen)


def rng_state(network: Engine) -> Any:
    """What NumPy says of the network's random generator."""
    return memory.rng_of(network).bit_generator.state


def rng_numbers(state: Any) -> tuple[int, int, int, int]:
    """The four numbers of a PCG64.

    Raises
    ------
    ValueError
        If it is another generator.
    """
    if state["bit_generator"] != "PCG64":
        raise ValueError(
            f"the network's random generator is a {state['bit_generator']},"
            " expected PCG64, which alone can be saved"
        )
    inner = state["state"]
    return inner["state"], inner["inc"], state["has_uint32"], state["uinteger"]


def generator(numbers: tuple[int, int, int, int]) -> np.random.Generator:
    """A generator with those numbers."""
    state, increment, has_uint32, uinteger = numbers
    bits = np.random.PCG64(0)
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": state, "inc": increment},
        "has_uint32": has_uint32,
        "uinteger": uinteger,
    }
    return np.random.Generator(bits)
