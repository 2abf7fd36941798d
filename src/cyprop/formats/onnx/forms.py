"""Element-wise expressions in one variable, brought to a form in which equal ones look the same.

A file spells an activation out in small operators, and in more than one way. Here each expression
is a constant and a sum of terms, each a number times an atom: the variable, a function of another
expression, or a product of several. Where a spelling of an activation comes up, the atom becomes
that function, so that what is left at the end is an activation, and scales in front and behind.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeGuard

# An atom: ("x",), ("f", name, parameters, Form) or ("times", factors); factors are Forms.
Atom = tuple[Any, ...]
Term = tuple[float, Atom]

MOST_ATOMS = 64  # in an expression; the longest activation takes 17
CLOSE = 4e-7  # how far a number in float32 may be from that of an activation, relative to it


class TooLongError(Exception):
    """An expression has more atoms than any activation."""


class Form(NamedTuple):
    """constant + Σ factor·atom."""

    constant: float
    terms: tuple[Term, ...]

    @property
    def is_constant(self) -> bool:
        """Whether there is no variable in it."""
        return not self.terms

    @property
    def alone(self) -> Term | None:
        """The only term of an expression that has no other, and no constant."""
        return self.terms[0] if len(self.terms) == 1 and self.constant == 0 else None


X = Form(0.0, ((1.0, ("x",)),))


def close(a: float, b: float) -> bool:
    """Whether two numbers are the same but for the rounding of a file."""
    return a == b or abs(a - b) <= CLOSE * min(abs(a), abs(b))


def same(a: Any, b: Any) -> bool:
    """Whether two expressions, or parts of them, are the same but for rounding."""
    if isinstance(a, float) and isinstance(b, float):
        return close(a, b)
    if _is_tuple(a) and _is_tuple(b):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def _is_tuple(value: Any) -> TypeGuard[tuple[Any, ...]]:
    return isinstance(value, tuple)


def add(F: Form, G: Form) -> Form:
    """The sum."""
    terms = list(F.terms)
    for factor, atom in G.terms:
        for i, (other, known) in enumerate(terms):
            if same(atom, known):
                terms[i] = (factor + other, known)
                break
        else:
            terms.append((factor, atom))
    found = Form(F.constant + G.constant, _sorted(tuple(t for t in terms if t[0] != 0)))
    return _as_sum(_bounded(found))


def scaled(F: Form, factor: float, constant: float = 0.0) -> Form:
    """factor·F + constant."""
    if factor == 0:
        return Form(constant, ())
    return Form(F.constant * factor + constant, tuple((k * factor, atom) for k, atom in F.terms))


def times(F: Form, G: Form) -> Form:
    """The product."""
    if F.is_constant:
        return scaled(G, F.constant)
    if G.is_constant:
        return scaled(F, G.constant)
    factor = 1.0
    factors: list[Form] = []
    for part in (F, G):
        k, whole = _normalised(part)
        factor *= k
        alone = whole.alone
        factors += alone[1][1] if alone and alone[1][0] == "times" else [whole]
    whole = _bounded(Form(0.0, ((1.0, ("times", tuple(sorted(factors, key=repr)))),)))
    return scaled(_as_product(whole), factor)


def power(F: Form, exponent: float) -> Form | None:
    """F raised to a power, None if it is not a power that activations have."""
    if exponent == -1:
        return reciprocal(F)
    if exponent in (1, 2, 3):
        found = F
        for _ in range(int(exponent) - 1):
            found = times(found, F)
        return found
    return None


def reciprocal(F: Form) -> Form | None:
    """1/F; None for a division by zero."""
    if F.is_constant:
        return Form(1 / F.constant, ()) if F.constant else None
    k, whole = _normalised(F)
    # 1 / (1 + e^(-u)) = sigmoid(u)
    if whole.constant == 1 and len(whole.terms) == 1:
        (one, atom) = whole.terms[0]
        if close(one, 1.0) and atom[:2] == ("f", "exp"):
            return scaled(apply("sigmoid", scaled(atom[3], -1.0)), 1 / k)
    return scaled(apply("reciprocal", whole), 1 / k)


def apply(name: str, F: Form, *parameters: float) -> Form:
    """A function of F."""
    found = Form(0.0, ((1.0, ("f", name, parameters, F)),))
    if name == "log":
        found = _as_logarithm(F) or found
    return _bounded(found)


def clipped(F: Form, low: float, high: float) -> Form | None:
    """min(max(F, low), high); None if that is constant."""
    inner = _function(F, "clip") or _function(F, "relu")
    if inner and inner[0] == 1:
        first_low, first_high = inner[2] or (0.0, math.inf)
        F, low, high = inner[1], max(low, first_low), min(high, first_high)
    if (low, high) == (-math.inf, math.inf):
        return F
    if not low < high:
        return None
    return apply("relu", F) if (low, high) == (0, math.inf) else apply("clip", F, low, high)


def where_above(u: Form, bound: float, above: Form, below: Form) -> Form | None:
    """`above` where u > bound, else `below`; None if that is no activation."""
    # A softplus that is the identity beyond 20, where it differs by less than 3e-9.
    for scale, atom in below.terms if below.alone else ():
        if atom[:2] == ("f", "softplus") and same(atom[3], u) and bound >= 20:
            return below if same(above, scaled(u, scale)) else None
    if bound != 0 or not same(above, u) or len(below.terms) != 1:
        return None
    for slope in _ratio(below, u):
        return apply("leaky_relu", u, slope)
    scale, atom = below.terms[0]
    as_elu = atom[:2] == ("f", "elu") and below.constant == 0 and close(atom[2][0], 1.0)
    as_exp = atom[:2] == ("f", "exp") and close(below.constant, -scale)
    if not (as_elu or as_exp):
        return None
    alpha, inner = scale, atom[3]
    if same(inner, u):
        return apply("elu", u, alpha)
    if same(inner, scaled(u, 1 / alpha)):
        return apply("celu", u, alpha)
    return None


def _bounded(F: Form) -> Form:
    if _size(F) > MOST_ATOMS:
        raise TooLongError
    return F


def _size(F: Form) -> int:
    """How many atoms there are."""
    found = 1
    for _, atom in F.terms:
        inner = (atom[3],) if atom[0] == "f" else atom[1] if atom[0] == "times" else ()
        found += 1 + sum(map(_size, inner))
    return found


def _sorted(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    return tuple(sorted(terms, key=lambda term: repr(term[1])))


def _normalised(F: Form) -> tuple[float, Form]:
    """A number and an expression whose product is F: its constant is 1, or its first factor."""
    k = F.constant if F.constant else F.terms[0][0]
    return k, scaled(F, 1 / k)


def _function(F: Form, name: str) -> tuple[float, Form, tuple[float, ...]] | None:
    """Of factor·name(G) the factor, G, and the parameters."""
    if F.alone and F.alone[1][:2] == ("f", name):
        factor, (_, _, parameters, inner) = F.alone
        return factor, inner, parameters
    return None


def _as_logarithm(F: Form) -> Form | None:
    """ln(1 + e^u) = softplus(u), ln(sigmoid(u)) = log_sigmoid(u), ln(softmax) aside."""
    sigmoid = _function(F, "sigmoid")
    if sigmoid and close(sigmoid[0], 1.0):
        return apply("log_sigmoid", sigmoid[1])
    if close(F.constant, 1.0) and len(F.terms) == 1:
        factor, atom = F.terms[0]
        if close(factor, 1.0) and atom[:2] == ("f", "exp"):
            return apply("softplus", atom[3])
    return None


def _as_sum(F: Form) -> Form:
    """The activation that max(u, 0) and another term are; F itself if none."""
    if len(F.terms) != 2 or F.constant:
        return F
    for first, second in (F.terms, F.terms[::-1]):
        relu = _function(Form(0.0, (first,)), "relu")
        found = _beside_relu(relu[1], scaled(Form(0.0, (second,)), 1 / relu[0])) if relu else None
        if relu and found:
            return scaled(found, relu[0])
    return F


def _beside_relu(u: Form, rest: Form) -> Form | None:
    """max(u, 0) + ln(1 + e^(-|u|)) = softplus(u), max(u, 0) + min(α·(e^(u/α) − 1), 0) = celu(u)."""
    softplus, below = _function(rest, "softplus"), _function(rest, "clip")
    inner = _function(softplus[1], "abs") if softplus and close(softplus[0], 1.0) else None
    if inner and close(inner[0], -1.0) and same(inner[1], u):
        return apply("softplus", u)
    if below and close(below[0], 1.0) and below[2] == (-math.inf, 0.0):
        alpha = -below[1].constant
        exp = _function(scaled(below[1], 1.0, alpha), "exp")
        if exp and alpha > 0 and close(exp[0], alpha) and same(exp[1], scaled(u, 1 / alpha)):
            return apply("celu", u, alpha)
    return None


def _as_product(F: Form) -> Form:
    """The activation that a product is; F itself if none."""
    factors: tuple[Form, ...] = F.terms[0][1][1]
    for i, v in enumerate(factors):
        others = factors[:i] + factors[i + 1 :]
        if len(others) != 1:
            continue
        found = _gate(v, others[0])
        if found is not None:
            return found
    return F


def _gate(v: Form, gate: Form) -> Form | None:
    """The product of v and a function of v, if that is an activation."""
    sigmoid = _function(gate, "sigmoid")
    if sigmoid:  # v·sigmoid(βv) = silu(βv) / β
        for beta in _ratio(sigmoid[1], v):
            return scaled(apply("silu", sigmoid[1]), sigmoid[0] / beta)
    relu6 = _function(gate, "clip")
    if relu6 and same(relu6[2], (0.0, 6.0)) and same(relu6[1], scaled(v, 1.0, 3.0)):
        return scaled(apply("hard_swish", v), 6 * relu6[0])
    hard = _function(gate, "hard_sigmoid")
    if hard and same(hard[1], v):
        return scaled(apply("hard_swish", v), hard[0])
    tanh = _function(gate, "tanh")
    if tanh:
        softplus = _function(tanh[1], "softplus")
        if softplus and close(softplus[0], 1.0) and same(softplus[1], v):
            return scaled(apply("mish", v), tanh[0])
    over = _function(gate, "reciprocal")
    if over and over[1].constant == 1 and len(over[1].terms) == 1:
        inner = _function(Form(0.0, over[1].terms), "abs")
        if inner and close(inner[0], 1.0) and same(inner[1], v):
            return scaled(apply("softsign", v), over[0])
    return _as_gelu(v, gate)


def _as_gelu(v: Form, gate: Form) -> Form | None:
    """v·(1 + erf(v/√2)), and v·(1 + tanh(√(2/π)·(v + 0.044715·v³))), are twice a gelu."""
    if gate.constant != 1 or len(gate.terms) != 1 or not close(gate.terms[0][0], 1.0):
        return None
    part = Form(0.0, gate.terms)
    erf, tanh = _function(part, "erf"), _function(part, "tanh")
    if erf and same(erf[1], scaled(v, math.sqrt(0.5))):
        return scaled(apply("gelu", v), 2.0)
    if tanh:
        root = math.sqrt(2 / math.pi)
        cubic = scaled(times(v, times(v, v)), 0.044715)
        square = times(v, scaled(times(v, v), 0.044715, 1.0))
        for inside in (add(v, cubic), square):
            if same(tanh[1], scaled(inside, root)):
                return scaled(apply("gelu_tanh", v), 2.0)
    return None


def _ratio(F: Form, G: Form) -> list[float]:
    """The number β for which F = β·G, if there is one."""
    if not F.terms or not G.terms:
        return []
    beta = F.terms[0][0] / G.terms[0][0]
    return [beta] if same(F, scaled(G, beta)) else []
