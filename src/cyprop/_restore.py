"""Where every pickle of cyprop begins: the path of this module, and of `restore`, never changes.

A pickle has the word that stands for what it holds, and not the path of a class, so that classes
may move. Words are only ever added. The modules are loaded when a pickle asks for them; this one
imports none of them, and any may import it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

MAKERS = {  # of each word: the module and the function that are called with what was pickled
    "checkpoint": ("cyprop.formats.checkpoints", "Checkpoint"),
    "early_stopping": ("cyprop.training.stopping", "EarlyStopping"),
    "gradient_check": ("cyprop.checking", "GradientCheck"),
    "gradients": ("cyprop.gradients", "Gradients"),
    "history": ("cyprop.training.history", "History"),
    "lbfgs": ("cyprop.training.lbfgs", "LBFGS"),
    "network": ("cyprop.network", "blank"),
    "rule": ("cyprop.rules", "rule_named"),
    "schedule": ("cyprop.training.rates", "schedule_named"),
    "settings": ("cyprop.settings", "Settings"),
}


def restore(what: str, *arguments: Any) -> Any:
    """Make what was pickled under the word `what`.

    Raises
    ------
    ValueError
        If the word is unknown, because a newer version of cyprop has written the pickle.
    """
    if what not in MAKERS:
        raise ValueError(
            f"the pickle holds {what!r}, expected one of {', '.join(MAKERS)};"
            " a newer version of cyprop may have written it"
        )
    module, name = MAKERS[what]
    return getattr(import_module(module), name)(*arguments)
