/* What the formulas of elementary.h need in float64. It is read as elementary.h is; see there. */

/* a * b + c, rounded once. */
INLINE double NAMED(fma)(double a, double b, double c)
{
#ifdef CYPROP_NO_FMA
    return a * b + c;
#else
    return fma(a, b, c);
#endif
}

/* The bits of a number. */
INLINE uint64_t NAMED(bits)(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* The number that has these bits. */
INLINE double NAMED(from_bits)(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* |x| */
INLINE double NAMED(absolute)(double x)
{
    return fabs(x);
}

/* |size| with the sign of the other number. */
INLINE double NAMED(copy_sign)(double size, double sign)
{
    return copysign(size, sign);
}

/* e^x, but for a factor that is a power of two: 2^n * e^r, where n is x / ln 2 rounded. */
INLINE double NAMED(exp_but_for)(double x, double *factor)
{
    const double shift = 6755399441055744.0; /* adding 1.5 * 2^52 leaves n in the low bits */
    double clipped = x, shifted, n, r, r2, r4, p, high, first;
    uint64_t whole, half;

    if (clipped > 710.0) /* of conditional expressions GCC would make branches */
        clipped = 710.0;
    if (clipped < -746.0)
        clipped = -746.0;
    shifted = NAMED(fma)(clipped, 1.4426950408889634, shift);
    n = shifted - shift;
    r = NAMED(fma)(n, -0.6931471803691238, clipped);
    r = NAMED(fma)(n, -1.9082149292705877e-10, r);
    r2 = r * r;
    r4 = r2 * r2;
    p = NAMED(fma)(0.1666666666666641, r, 0.5000000000000011);
    p = NAMED(fma)(NAMED(fma)(0.008333333333494975, r, 0.04166666666652973), r2, p);
    high = NAMED(fma)(0.00019841269505772022, r, 0.0013888888943758607);
    high = NAMED(fma)(NAMED(fma)(2.7557586809311725e-06, r, 2.4801492950881156e-05), r2, high);
    high = NAMED(fma)(NAMED(fma)(2.5000016188498703e-08, r, 2.7630305851197745e-07), r4, high);
    p = NAMED(fma)(high, r4, p);
    whole = NAMED(bits)(shifted) - NAMED(bits)(shift);
    half = ((whole + 4096) >> 1) - 2048; /* in two halves: 2^n may be below the normal range */
    first = NAMED(from_bits)((half + 1023) << 52);
    *factor = NAMED(from_bits)((whole - half + 1023) << 52);
    return NAMED(fma)(NAMED(fma)(r2, p, r), first, first);
}

/* Q(u) in tanh x = x + x^3 * Q(x^2) for |x| < 0.55. */
INLINE double NAMED(tanh_polynomial)(double u)
{
    double q = -1.952480369834614e-05;
    q = NAMED(fma)(q, u, 8.336654692651638e-05);
    q = NAMED(fma)(q, u, -0.00023341754691213752);
    q = NAMED(fma)(q, u, 0.0005884590847821482);
    q = NAMED(fma)(q, u, -0.0014555465214363098);
    q = NAMED(fma)(q, u, 0.0035920926243628525);
    q = NAMED(fma)(q, u, -0.008863232662962853);
    q = NAMED(fma)(q, u, 0.021869488389814656);
    q = NAMED(fma)(q, u, -0.053968253963908044);
    q = NAMED(fma)(q, u, 0.13333333333326897);
    return NAMED(fma)(q, u, -0.333333333333333);
}

/* ln x for a normal x > 0: ln(2^n * m) = n * ln 2 + 2 * atanh(s), where s = (m - 1) / (m + 1) and
   m is between the roots of 1/2 and of 2. */
INLINE double NAMED(log)(double x)
{
    int64_t n = (int64_t)(NAMED(bits)(x) - NAMED(bits)(0.7071067811865476)) >> 52;
    double m = NAMED(from_bits)(NAMED(bits)(x) - ((uint64_t)n << 52));
    double s = (m - 1) / (m + 1), u = s * s, q = 0;
    for (int k = 21; k > 1; k -= 2)
        q = NAMED(fma)(q, u, 1.0 / (double)k);
    return NAMED(fma)((double)n, 0.6931471805599453, 2 * NAMED(fma)(s * u, q, s));
}
