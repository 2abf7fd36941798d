"""Operators of ONNX that work element by element, and which activation their expression is."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cyprop.formats.onnx import forms
from cyprop.formats.onnx.forms import Form, close, scaled
from cyprop.rules import Activation, rule_named

# Of one input: the name of the function, then its parameters, and what they are by default.
FUNCTIONS: dict[tuple[str, str], tuple[str, dict[str, float]]] = {
    ("", "Sigmoid"): ("sigmoid", {}),
    ("", "Tanh"): ("tanh", {}),
    ("", "Relu"): ("relu", {}),
    ("", "LeakyRelu"): ("leaky_relu", {"alpha": 0.01}),
    ("", "Elu"): ("elu", {"alpha": 1.0}),
    ("", "Celu"): ("celu", {"alpha": 1.0}),
    ("", "Softplus"): ("softplus", {}),
    ("", "Mish"): ("mish", {}),
    ("", "HardSwish"): ("hard_swish", {}),
    ("", "Exp"): ("exp", {}),
    ("", "Log"): ("log", {}),
    ("", "Abs"): ("abs", {}),
    ("", "Erf"): ("erf", {}),
    ("com.microsoft", "Gelu"): ("gelu", {}),
}
ALPHA, GAMMA = 1.6732632423543772, 1.0507009873554805  # those of a selu
SELU = {"alpha": ALPHA, "gamma": GAMMA}

Affine = tuple[float, float]  # a factor and a shift
NO_CHANGE: Affine = (1.0, 0.0)
# A clip between other ends than those of an activation is a hard_tanh between two scales, which
# round as numbers of the size of its ends do: beyond this one what is small beside them is lost.
FARTHEST = 64.0


def selu(F: Form, alpha: float, gamma: float) -> Form:
    """gamma·F where F > 0, else gamma·alpha·(e^F − 1)."""
    if close(alpha, ALPHA) and close(gamma, GAMMA):
        return forms.apply("selu", F)
    return scaled(forms.apply("elu", F, alpha), gamma)


def hard_sigmoid(F: Form, alpha: float, beta: float) -> Form:
    """min(max(alpha·F + beta, 0), 1)."""
    factor = 1.0 if close(6 * alpha, 1.0) else 6 * alpha
    return forms.apply("hard_sigmoid", scaled(F, factor, 6 * beta - 3))


def negative(F: Form) -> Form:
    """−F."""
    return scaled(F, -1.0)


def softsign(F: Form) -> Form:
    """F / (1 + |F|)."""
    return forms.apply("softsign", F)


def gelu(F: Form, approximate: bytes) -> Form | None:
    """F·Φ(F), or what is near it."""
    names = {b"none": "gelu", b"tanh": "gelu_tanh"}
    return forms.apply(names[approximate], F) if approximate in names else None


def swish(F: Form, alpha: float) -> Form | None:
    """F·sigmoid(alpha·F)."""
    return forms.times(F, forms.apply("sigmoid", scaled(F, alpha)))


# Of an expression with one term the activation, as a function of the term's parameters.
PLAIN = {
    **{name: name for name in ("sigmoid", "tanh", "relu", "selu", "gelu", "gelu_tanh", "silu")},
    **{name: name for name in ("softplus", "mish", "softsign", "hard_sigmoid", "hard_swish")},
    **{"log_sigmoid": "log_sigmoid", "exp": "exponential"},
}
WITH_PARAMETER = {"leaky_relu": "negative_slope", "elu": "alpha", "celu": "alpha"}


def taken_apart(F: Form, narrow: bool) -> tuple[Affine, Activation, Affine] | None:
    """The scale, the activation, and the scale behind it that an expression is.

    Parameters
    ----------
    F : Form
    narrow : bool
        Whether its numbers are float32; a hyperparameter is then the shortest decimal of its.

    Returns
    -------
    (Affine, Activation, Affine), or None
        None if it is nothing of that kind. The activation is identity if there is none.

    Raises
    ------
    ValueError
        If a hyperparameter is out of its range.
    """
    if len(F.terms) != 1:
        return None
    factor, atom = F.terms[0]
    if atom == ("x",):
        return (factor, F.constant), Activation("identity"), NO_CHANGE
    if atom[0] != "f" or len(atom[3].terms) != 1 or atom[3].terms[0][1] != ("x",):
        return None
    _, name, parameters, inner = atom
    before, behind = (inner.terms[0][0], inner.constant), (factor, F.constant)
    found = _joint(name, parameters, before, behind) or _single(name, parameters, before, behind)
    if found is None:
        return None
    before, name, parameters, behind = found
    hyperparameters = {}
    if name in WITH_PARAMETER:
        value = float(str(np.float32(parameters[0]))) if narrow else parameters[0]
        hyperparameters = {WITH_PARAMETER[name]: value}
    rule: Any = rule_named("activation", name, hyperparameters)
    return _snapped(before), rule, _snapped(behind)


Found = tuple[Affine, str, tuple[float, ...], Affine]


def _joint(
    name: str, parameters: tuple[float, ...], before: Affine, behind: Affine
) -> Found | None:
    """An activation whose spelling has scales in it."""
    if name == "softplus" and before == behind == (-1.0, 0.0):
        return NO_CHANGE, "log_sigmoid", (), NO_CHANGE
    if name == "elu" and behind[1] == before[1] == 0:
        alpha = parameters[0]
        if close(alpha, ALPHA) and close(behind[0], GAMMA):
            return before, "selu", (), NO_CHANGE
        if close(alpha, 1.0) and before[0] != 1 and close(before[0] * behind[0], 1.0):
            return NO_CHANGE, "celu", (behind[0],), NO_CHANGE
    spelled = forms.same((parameters, before), ((0.0, 6.0), (1.0, 3.0)))
    if name == "clip" and spelled and close(6 * behind[0], 1.0) and behind[1] == 0:
        return NO_CHANGE, "hard_sigmoid", (), NO_CHANGE
    return None


def _single(
    name: str, parameters: tuple[float, ...], before: Affine, behind: Affine
) -> Found | None:
    """An activation between two scales."""
    if name in PLAIN:
        return before, PLAIN[name], (), behind
    if name in WITH_PARAMETER:
        return before, name, parameters, behind
    if name != "clip":
        return None
    low, high = parameters
    if forms.same(parameters, (0.0, 6.0)):
        return before, "relu6", (), behind
    if not -FARTHEST <= low < high <= FARTHEST:
        return None
    half, middle = (high - low) / 2, (high + low) / 2
    if close(half, 1.0) and middle == 0:
        return before, "hard_tanh", (), behind
    before = before[0] / half, (before[1] - middle) / half
    return before, "hard_tanh", (), (behind[0] * half, behind[1] + behind[0] * middle)


def _snapped(scale: Affine) -> Affine:
    """The scale, without what rounding has left of a factor of 1."""
    return (1.0 if close(scale[0], 1.0) else scale[0]), scale[1]


# Of two inputs, either of which may be a constant.
ARITHMETIC: dict[str, Callable[[Form, Form], Form | None]] = {
    "Add": forms.add,
    "Sub": lambda F, G: forms.add(F, scaled(G, -1.0)),
    "Mul": forms.times,
    "Div": lambda F, G: _divided(F, G),
    "Pow": lambda F, G: forms.power(F, G.constant) if G.is_constant else None,
    "Max": lambda F, G: _bounded_below(F, G),
    "Min": lambda F, G: _bounded_above(F, G),
}


def _divided(F: Form, G: Form) -> Form | None:
    if G.is_constant and G.constant:
        return Form(F.constant / G.constant, tuple((k / G.constant, a) for k, a in F.terms))
    over = forms.reciprocal(G)
    return None if over is None else forms.times(F, over)


def _bounded_below(F: Form, G: Form) -> Form | None:
    F, G = (G, F) if F.is_constant else (F, G)
    return forms.clipped(F, G.constant, math.inf) if G.is_constant else None


def _bounded_above(F: Form, G: Form) -> Form | None:
    F, G = (G, F) if F.is_constant else (F, G)
    return forms.clipped(F, -math.inf, G.constant) if G.is_constant else None
