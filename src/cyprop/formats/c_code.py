"""The C functions that an exported network is made of (export.py puts them together).

NAME stands for the network's name, REAL for its type. They repeat the kernels, operation for
operation: elementary.pxi, activation.pxi, dense.pxi and narrow.pxi in kernels/loops say why these.
The tests of the export hold the two together, bit for bit.
"""

FUSED = {
    "float32": """\
/* a * b + c, rounded once. */
static inline float NAME_fma(float a, float b, float c)
{
#ifdef CYPROP_NO_FMA
    return a * b + c;
#else
    return fmaf(a, b, c);
#endif
}
""",
    "float64": """\
/* a * b + c, rounded once. */
static inline double NAME_fma(double a, double b, double c)
{
#ifdef CYPROP_NO_FMA
    return a * b + c;
#else
    return fma(a, b, c);
#endif
}
""",
}

EXP = {
    "float32": """\
/* 2^n, for a normal result; n may be negative, modulo 2^32. */
static inline float NAME_power_of_two(uint32_t n)
{
    float y;
    n = (n + 127) << 23;
    memcpy(&y, &n, sizeof y);
    return y;
}

/* e^x, but for a factor that is a power of two: 2^n * e^r, where n is x / ln 2 rounded. */
static inline float NAME_exp(float x, float *factor)
{
    const float shift = 12582912.0f; /* adding 1.5 * 2^23 leaves n in the low bits */
    float clipped = x > 89.0f ? 89.0f : x;
    float shifted, n, r, r2, p, high, first;
    uint32_t whole, half, zero;

    clipped = clipped < -104.0f ? -104.0f : clipped;
    shifted = NAME_fma(clipped, 1.4426950408889634f, shift);
    n = shifted - shift;
    r = NAME_fma(n, -0.693145751953125f, clipped);
    r = NAME_fma(n, -1.428606765330187e-06f, r);
    r2 = r * r;
    p = NAME_fma(0.1666652113199234f, r, 0.4999999403953552f);
    high = NAME_fma(0.00836874544620514f, r, 0.04166838899254799f);
    high = NAME_fma(0.0013814555713906884f, r2, high);
    p = NAME_fma(high, r2, p);
    memcpy(&whole, &shifted, sizeof whole);
    memcpy(&zero, &shift, sizeof zero);
    whole -= zero;
    half = ((whole + 512) >> 1) - 256; /* in two halves: 2^n may be below the normal range */
    first = NAME_power_of_two(half);
    *factor = NAME_power_of_two(whole - half);
    return NAME_fma(NAME_fma(r2, p, r), first, first);
}
""",
    "float64": """\
/* 2^n, for a normal result; n may be negative, modulo 2^64. */
static inline double NAME_power_of_two(uint64_t n)
{
    double y;
    n = (n + 1023) << 52;
    memcpy(&y, &n, sizeof y);
    return y;
}

/* e^x, but for a factor that is a power of two: 2^n * e^r, where n is x / ln 2 rounded. */
static inline double NAME_exp(double x, double *factor)
{
    const double shift = 6755399441055744.0; /* adding 1.5 * 2^52 leaves n in the low bits */
    double clipped = x > 710.0 ? 710.0 : x;
    double shifted, n, r, r2, r4, p, high, first;
    uint64_t whole, half, zero;

    clipped = clipped < -746.0 ? -746.0 : clipped;
    shifted = NAME_fma(clipped, 1.4426950408889634, shift);
    n = shifted - shift;
    r = NAME_fma(n, -0.6931471803691238, clipped);
    r = NAME_fma(n, -1.9082149292705877e-10, r);
    r2 = r * r;
    r4 = r2 * r2;
    p = NAME_fma(0.1666666666666641, r, 0.5000000000000011);
    p = NAME_fma(NAME_fma(0.008333333333494975, r, 0.04166666666652973), r2, p);
    high = NAME_fma(0.00019841269505772022, r, 0.0013888888943758607);
    high = NAME_fma(NAME_fma(2.7557586809311725e-06, r, 2.4801492950881156e-05), r2, high);
    high = NAME_fma(NAME_fma(2.5000016188498703e-08, r, 2.7630305851197745e-07), r4, high);
    p = NAME_fma(high, r4, p);
    memcpy(&whole, &shifted, sizeof whole);
    memcpy(&zero, &shift, sizeof zero);
    whole -= zero;
    half = ((whole + 4096) >> 1) - 2048; /* in two halves: 2^n may be below the normal range */
    first = NAME_power_of_two(half);
    *factor = NAME_power_of_two(whole - half);
    return NAME_fma(NAME_fma(r2, p, r), first, first);
}
""",
}

SIGMOID = """\
/* 1 / (1 + e^-z) */
static inline void NAME_sigmoid(int n, REAL *A)
{
    int j;
    for (j = 0; j < n; j++) {
        REAL z = A[j], factor;
        REAL half = NAME_exp(z < 0 ? z : -z, &factor);
        REAL e = half * factor;
        REAL y = (z < 0 ? e : 1) / NAME_fma(half, factor, 1);
        A[j] = z < 0 ? NAME_fma(-e, y, e) : y;
    }
}
"""

TANH = {
    "float32": """\
/* tanh z: a polynomial near 0, elsewhere 1 - 2 / (e^2z + 1) */
static inline void NAME_tanh(int n, float *A)
{
    int j;
    for (j = 0; j < n; j++) {
        float size = fabsf(A[j]), u = A[j] * A[j], factor;
        float half = NAME_exp(size + size, &factor);
        float large = 1.0f - 2.0f / NAME_fma(half, factor, 1.0f);
        float q = -0.006282986764291901f;
        q = NAME_fma(q, u, 0.02107816001436066f);
        q = NAME_fma(q, u, -0.053853968563864f);
        q = NAME_fma(q, u, 0.1333260292964157f);
        q = NAME_fma(q, u, -0.33333318092191716f);
        A[j] = copysignf(size < 0.55f ? NAME_fma(size * u, q, size) : large, A[j]);
    }
}
""",
    "float64": """\
/* tanh z: a polynomial near 0, elsewhere 1 - 2 / (e^2z + 1) */
static inline void NAME_tanh(int n, double *A)
{
    int j;
    for (j = 0; j < n; j++) {
        double size = fabs(A[j]), u = A[j] * A[j], factor;
        double half = NAME_exp(size + size, &factor);
        double large = 1.0 - 2.0 / NAME_fma(half, factor, 1.0);
        double q = -1.952480369834614e-05;
        q = NAME_fma(q, u, 8.336654692651638e-05);
        q = NAME_fma(q, u, -0.00023341754691213752);
        q = NAME_fma(q, u, 0.0005884590847821482);
        q = NAME_fma(q, u, -0.0014555465214363098);
        q = NAME_fma(q, u, 0.0035920926243628525);
        q = NAME_fma(q, u, -0.008863232662962853);
        q = NAME_fma(q, u, 0.021869488389814656);
        q = NAME_fma(q, u, -0.053968253963908044);
        q = NAME_fma(q, u, 0.13333333333326897);
        q = NAME_fma(q, u, -0.333333333333333);
        A[j] = copysign(size < 0.55 ? NAME_fma(size * u, q, size) : large, A[j]);
    }
}
""",
}

RELU = """\
/* max(z, 0), and NaN for NaN */
static inline void NAME_relu(int n, REAL *A)
{
    int j;
    for (j = 0; j < n; j++)
        A[j] = A[j] <= 0 ? 0 : A[j];
}
"""

SOFTMAX = """\
/* e^z / sum of e^z, after the largest z has been taken from each */
static inline void NAME_softmax(int n, REAL *A)
{
    REAL largest = A[0], total = 0, factor;
    int j;
    for (j = 1; j < n; j++)
        largest = A[j] > largest ? A[j] : largest;
    for (j = 0; j < n; j++) {
        A[j] = NAME_exp(A[j] - largest, &factor);
        A[j] = A[j] * factor;
    }
    for (j = 0; j < n; j++)
        total = total + A[j];
    for (j = 0; j < n; j++)
        A[j] = A[j] / total;
}
"""

# A = f(A). Identity needs no function.
ACTIVATIONS = {
    "sigmoid": dict.fromkeys(FUSED, SIGMOID),
    "tanh": TANH,
    "relu": dict.fromkeys(FUSED, RELU),
    "identity": dict.fromkeys(FUSED, ""),
    "softmax": dict.fromkeys(FUSED, SOFTMAX),
}

DENSE = """\
/* Z = A_prev * W + b. Each element is summed in order, from b on. W has a row for each input. */
static inline void NAME_dense(
    int n_in, int n_out, const REAL *A_prev, const REAL *W, const REAL *b, REAL *Z)
{
    int k, j;
    for (j = 0; j < n_out; j++)
        Z[j] = b[j];
    for (k = 0; k < n_in; k++, W += n_out)
        for (j = 0; j < n_out; j++)
            Z[j] = NAME_fma(A_prev[k], W[j], Z[j]);
    for (j = 0; j < n_out; j++)
        Z[j] = Z[j] + 0; /* never -0 */
}
"""

NARROW_BYTES = 64  # of outputs at most, for which a sum is made of four
NARROW_SCRATCH = 4 * NARROW_BYTES
NARROW = """\
/* Z = A_prev * W + b for at most NARROW outputs, each of which is made of four sums. */
static inline void NAME_dense_narrow(
    int n_in, int n_out, const REAL *A_prev, const REAL *W, const REAL *b, REAL *Z)
{
    REAL p0[NARROW], p1[NARROW], p2[NARROW], p3[NARROW];
    int k, j;
    for (j = 0; j < n_out; j++) {
        p0[j] = b[j];
        p1[j] = p2[j] = p3[j] = 0;
    }
    for (k = 0; k + 4 <= n_in; k += 4, W += 4 * n_out)
        for (j = 0; j < n_out; j++) {
            p0[j] = NAME_fma(A_prev[k], W[j], p0[j]);
            p1[j] = NAME_fma(A_prev[k + 1], W[n_out + j], p1[j]);
            p2[j] = NAME_fma(A_prev[k + 2], W[2 * n_out + j], p2[j]);
            p3[j] = NAME_fma(A_prev[k + 3], W[3 * n_out + j], p3[j]);
        }
    for (j = 0; j < n_out; j++) {
        if (k < n_in)
            p0[j] = NAME_fma(A_prev[k], W[j], p0[j]);
        if (k + 1 < n_in)
            p1[j] = NAME_fma(A_prev[k + 1], W[n_out + j], p1[j]);
        if (k + 2 < n_in)
            p2[j] = NAME_fma(A_prev[k + 2], W[2 * n_out + j], p2[j]);
        Z[j] = (p0[j] + p1[j]) + (p2[j] + p3[j]);
    }
}
"""
