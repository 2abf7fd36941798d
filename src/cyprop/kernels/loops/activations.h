/* Activations, A = f(Z), each above its vector-Jacobian product dA -> dZ, for one element. This is
   read as elementary.h is; see there. sigmoid and tanh, elementary functions too, stand there.

   An activation's function has the activation's name. It takes z or, if it couples the units of a
   row, (ptrdiff_t n, const REAL *Z, REAL *A), where Z may be A; then each hyperparameter as REAL.
   ELEMENTWISE makes the kernels of both: loops over rows, in elementwise.h. There z, a and dA are an
   element's Z, A and dA, and h is the first hyperparameter. elementwise.pxi registers them. */

/* max(z, 0), and NaN for NaN. */
INLINE REAL NAMED(relu)(REAL z)
{
    return z <= 0 ? 0 : z;
}


/* A = Z, or slope * Z where Z is not above 0 */
INLINE REAL NAMED(leaky_relu)(REAL z, REAL slope)
{
    return z > 0 ? z : slope * z;
}

/* dZ = dA, or slope * dA where A is not above 0 */
INLINE REAL NAMED(leaky_relu_backward)(REAL a, REAL dA, REAL slope)
{
    return a > 0 ? dA : slope * dA;
}
ELEMENTWISE(leaky_relu, NAMED(leaky_relu)(z, h), NAMED(leaky_relu_backward)(a, dA, h))

/* A = Z, or alpha * (e^Z - 1) where Z is not above 0 */
INLINE REAL NAMED(elu)(REAL z, REAL alpha)
{
    return z > 0 ? z : alpha * NAMED(expm1)(z);
}

/* dZ = dA, or dA * alpha * e^Z where Z is not above 0 */
INLINE REAL NAMED(elu_backward)(REAL z, REAL dA, REAL alpha)
{
    REAL scale = z > 0 ? 1 : alpha;
    return dA * (scale * NAMED(exp_below)(z));
}
ELEMENTWISE(elu, NAMED(elu)(z, h), NAMED(elu_backward)(z, dA, h))

/* A = 1.0507 * (Z, or 1.6733 * (e^Z - 1) where Z is not above 0), which keeps mean 0, variance 1 */
INLINE REAL NAMED(selu)(REAL z)
{
    return z > 0 ? (REAL)1.0507009873554805 * z : (REAL)1.7580993408473768 * NAMED(expm1)(z);
}

/* dZ = dA * 1.0507 * (1, or 1.6733 * e^Z where Z is not above 0) */
INLINE REAL NAMED(selu_backward)(REAL z, REAL dA)
{
    REAL scale = z > 0 ? (REAL)1.0507009873554805 : (REAL)1.7580993408473768;
    return dA * (scale * NAMED(exp_below)(z));
}
ELEMENTWISE(selu, NAMED(selu)(z), NAMED(selu_backward)(z, dA))

/* A = Z, or alpha * (e^(Z / alpha) - 1) where Z is not above 0 */
INLINE REAL NAMED(celu)(REAL z, REAL alpha)
{
    return z > 0 ? z : alpha * NAMED(expm1)(z / alpha);
}

/* dZ = dA, or dA * e^(Z / alpha) where Z is not above 0 */
INLINE REAL NAMED(celu_backward)(REAL z, REAL dA, REAL alpha)
{
    return dA * NAMED(exp_below)(z / alpha);
}
ELEMENTWISE(celu, NAMED(celu)(z, h), NAMED(celu_backward)(z, dA, h))

/* A = Z * Phi(Z), where Phi(Z) = (1 + erf(Z / sqrt 2)) / 2; at most 4 ULP off */
INLINE REAL NAMED(gelu)(REAL z)
{
    if (z < -39) /* where Z * Phi(Z) is below the smallest number */
        z = -39;
    return NAMED(times_normal)(z, z);
}

/* dZ = dA * (Phi(Z) + Z * phi(Z)), where phi(Z) = e^(-Z^2 / 2) / sqrt(2 pi) */
INLINE REAL NAMED(gelu_backward)(REAL z, REAL dA)
{
    return dA * NAMED(fma)(z, NAMED(normal_density)(z), NAMED(times_normal)(z, 1));
}
ELEMENTWISE(gelu, NAMED(gelu)(z), NAMED(gelu_backward)(z, dA))

/* w * sigmoid(v), below the normal range rounded once. */
INLINE REAL NAMED(times_sigmoid)(REAL v, REAL w)
{
    REAL factor, half = NAMED(exp_but_for)(-NAMED(absolute)(v), &factor);
    REAL y = (v < 0 ? w * half : w) / NAMED(fma)(half, factor, 1);
    return v < 0 ? y * factor : y;
}

/* sigmoid(v) * (1 + x * sigmoid(-v)), which is the slope of z * sigmoid(v) where x = z * dv/dz. */
INLINE REAL NAMED(times_sigmoid_slope)(REAL v, REAL x)
{
    REAL e = NAMED(exp_of_minus)(v), r = 1 / (1 + e), er = e * r;
    return (v < 0 ? er : r) * NAMED(fma)(x, v < 0 ? r : er, 1);
}

/* A = Z * (1 + tanh(u)) / 2 = Z * sigmoid(2 u), where u = sqrt(2 / pi) * (Z + 0.044715 * Z^3) */
INLINE REAL NAMED(gelu_tanh)(REAL z)
{
    if (z < -40) /* where A is below the smallest number */
        z = -40;
    return NAMED(times_sigmoid)(
        z * NAMED(fma)((REAL)0.07135481627260025, z * z, (REAL)1.5957691216057308), z);
}

/* dZ = dA * s * (1 + Z * (1 - s) * 2 du/dZ), where s = sigmoid(2 u) */
INLINE REAL NAMED(gelu_tanh_backward)(REAL z, REAL dA)
{
    if (z < -40)
        z = -40;
    if (z > 40)
        z = 40;
    return dA * NAMED(times_sigmoid_slope)(
        z * NAMED(fma)((REAL)0.07135481627260025, z * z, (REAL)1.5957691216057308),
        z * NAMED(fma)((REAL)0.21406444881780073, z * z, (REAL)1.5957691216057308));
}
ELEMENTWISE(gelu_tanh, NAMED(gelu_tanh)(z), NAMED(gelu_tanh_backward)(z, dA))

/* A = Z * sigmoid(Z) */
INLINE REAL NAMED(silu)(REAL z)
{
    z = NAMED(not_below)(z);
    return NAMED(times_sigmoid)(z, z);
}

/* dZ = dA * s * (1 + Z * (1 - s)), where s = sigmoid(Z) */
INLINE REAL NAMED(silu_backward)(REAL z, REAL dA)
{
    return dA * NAMED(times_sigmoid_slope)(z, z);
}
ELEMENTWISE(silu, NAMED(silu)(z), NAMED(silu_backward)(z, dA))

/* A = ln(1 + e^Z) */
INLINE REAL NAMED(softplus)(REAL z)
{
    return (z > 0 ? z : 0) + NAMED(log1p)(NAMED(exp_of_minus)(z));
}

/* dZ = dA * sigmoid(Z) = dA * (1 - e^-A) */
INLINE REAL NAMED(softplus_backward)(REAL a, REAL dA)
{
    return dA * -NAMED(expm1)(-a);
}
ELEMENTWISE(softplus, NAMED(softplus)(z), NAMED(softplus_backward)(a, dA))

/* A = Z * tanh(ln(1 + e^Z)) = Z * n / d, where n = e^Z * (e^Z + 2) and d = n + 2, or both divided by
   e^(2 Z) where Z is at least 0 */
INLINE REAL NAMED(mish)(REAL z)
{
    REAL factor, half, e, top, d;
    z = NAMED(not_below)(z);
    half = NAMED(exp_but_for)(-NAMED(absolute)(z), &factor);
    e = half * factor;
    top = z < 0 ? half * (e + 2) : NAMED(fma)(2, e, 1);
    d = z < 0 ? NAMED(fma)(e, e + 2, 2) : NAMED(fma)(2 * e, e, top);
    top = z * top / d;
    return z < 0 ? top * factor : top;
}

/* dZ = dA * (n + 4 * Z * e^Z * (1 + e^Z) / d) / d, or n, d and the product divided as above */
INLINE REAL NAMED(mish_backward)(REAL z, REAL dA)
{
    REAL e = NAMED(exp_of_minus)(z);
    REAL n = z < 0 ? e * (e + 2) : NAMED(fma)(2, e, 1);
    REAL d = z < 0 ? NAMED(fma)(e, e + 2, 2) : NAMED(fma)(2 * e, e, n);
    REAL x = 4 * (z * (z < 0 ? e : e * e));
    return dA * (NAMED(fma)(x, (1 + e) / d, n) / d);
}
ELEMENTWISE(mish, NAMED(mish)(z), NAMED(mish_backward)(z, dA))

/* A = Z / (1 + |Z|) */
INLINE REAL NAMED(softsign)(REAL z)
{
    REAL size = NAMED(absolute)(z);
    if (size > (REAL)1e30) /* where A is 1, at infinity too */
        size = (REAL)1e30;
    return NAMED(copy_sign)(size / (1 + size), z);
}

/* dZ = dA / (1 + |Z|)^2 */
INLINE REAL NAMED(softsign_backward)(REAL z, REAL dA)
{
    REAL r = 1 / (1 + NAMED(absolute)(z));
    return dA * (r * r);
}
ELEMENTWISE(softsign, NAMED(softsign)(z), NAMED(softsign_backward)(z, dA))

/* A = min(max(Z, 0), 6) */
INLINE REAL NAMED(relu6)(REAL z)
{
    z = z <= 0 ? 0 : z;
    return z >= 6 ? 6 : z;
}

/* dZ = dA where 0 < A < 6, else 0 */
INLINE REAL NAMED(relu6_backward)(REAL a, REAL dA)
{
    dA = a <= 0 ? 0 : dA;
    return a >= 6 ? 0 : dA;
}
ELEMENTWISE(relu6, NAMED(relu6)(z), NAMED(relu6_backward)(a, dA))

/* A = min(max(Z + 3, 0), 6) / 6 */
INLINE REAL NAMED(hard_sigmoid)(REAL z)
{
    REAL a = z <= -3 ? 0 : (z + 3) / 6;
    return z >= 3 ? 1 : a;
}

/* dZ = dA / 6 where -3 < Z < 3, else 0 */
INLINE REAL NAMED(hard_sigmoid_backward)(REAL z, REAL dA)
{
    dA = z <= -3 ? 0 : dA / 6;
    return z >= 3 ? 0 : dA;
}
ELEMENTWISE(hard_sigmoid, NAMED(hard_sigmoid)(z), NAMED(hard_sigmoid_backward)(z, dA))

/* A = Z * min(max(Z + 3, 0), 6) / 6 */
INLINE REAL NAMED(hard_swish)(REAL z)
{
    REAL a = z <= -3 ? 0 : z * (z + 3) / 6;
    return z >= 3 ? z : a;
}

/* dZ = 0 where Z <= -3, dA * (2 Z + 3) / 6 where Z < 3, else dA */
INLINE REAL NAMED(hard_swish_backward)(REAL z, REAL dA)
{
    REAL dz = z <= -3 ? 0 : dA * (NAMED(fma)(2, z, 3) / 6);
    return z >= 3 ? dA : dz;
}
ELEMENTWISE(hard_swish, NAMED(hard_swish)(z), NAMED(hard_swish_backward)(z, dA))

/* A = min(max(Z, -1), 1) */
INLINE REAL NAMED(hard_tanh)(REAL z)
{
    z = z <= -1 ? -1 : z;
    return z >= 1 ? 1 : z;
}

/* dZ = dA where -1 < A < 1, else 0 */
INLINE REAL NAMED(hard_tanh_backward)(REAL a, REAL dA)
{
    dA = a <= -1 ? 0 : dA;
    return a >= 1 ? 0 : dA;
}
ELEMENTWISE(hard_tanh, NAMED(hard_tanh)(z), NAMED(hard_tanh_backward)(a, dA))

/* A = ln sigmoid(Z) = -ln(1 + e^-Z) */
INLINE REAL NAMED(log_sigmoid)(REAL z)
{
    return (z < 0 ? z : 0) - NAMED(log1p)(NAMED(exp_of_minus)(z));
}

/* dZ = dA * sigmoid(-Z) = dA * (1 - e^A) */
INLINE REAL NAMED(log_sigmoid_backward)(REAL a, REAL dA)
{
    return dA * -NAMED(expm1)(a);
}
ELEMENTWISE(log_sigmoid, NAMED(log_sigmoid)(z), NAMED(log_sigmoid_backward)(a, dA))

/* A = e^Z */
INLINE REAL NAMED(exponential)(REAL z)
{
    return NAMED(exp)(z);
}

/* dZ = dA * A */
INLINE REAL NAMED(exponential_backward)(REAL a, REAL dA)
{
    return dA * a;
}
ELEMENTWISE(exponential, NAMED(exponential)(z), NAMED(exponential_backward)(a, dA))

/* e^z / sum of e^z over a row. The largest z is taken from each first: nothing overflows. */
INLINE void NAMED(softmax)(ptrdiff_t n, const REAL *Z, REAL *A)
{
    REAL largest = Z[0], total = 0;
    ptrdiff_t j;
    for (j = 1; j < n; j++)
        largest = Z[j] > largest ? Z[j] : largest;
    for (j = 0; j < n; j++)
        A[j] = NAMED(exp)(Z[j] - largest);
    for (j = 0; j < n; j++)
        total = total + A[j];
    for (j = 0; j < n; j++)
        A[j] = A[j] / total;
}

/* z - ln(sum of e^z) over a row. Units that have the largest z are counted, and the others summed
   apart, so that the logarithm of a probability near 1 is as exact as any other. */
INLINE void NAMED(log_softmax)(ptrdiff_t n, const REAL *Z, REAL *A)
{
    REAL largest = Z[0], others = 0, more = -1, half, factor, log_total;
    ptrdiff_t j;
    for (j = 1; j < n; j++)
        largest = Z[j] > largest ? Z[j] : largest;
    for (j = 0; j < n; j++) {
        half = NAMED(exp_but_for)(Z[j] - largest, &factor);
        more = Z[j] == largest ? more + 1 : more;
        others = Z[j] == largest ? others : NAMED(fma)(half, factor, others);
    }
    log_total = NAMED(log1p)(more + others);
    for (j = 0; j < n; j++)
        A[j] = (Z[j] - largest) - log_total;
}
