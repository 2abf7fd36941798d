/* What the formulas of elementary.h need in float32. It is read as elementary.h is; see there. */

/* a * b + c, rounded once. */
INLINE float NAMED(fma)(float a, float b, float c)
{
#ifdef CYPROP_NO_FMA
    return a * b + c;
#else
    return fmaf(a, b, c);
#endif
}

/* The bits of a number. */
INLINE uint32_t NAMED(bits)(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* The number that has these bits. */
INLINE float NAMED(from_bits)(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* |x| */
INLINE float NAMED(absolute)(float x)
{
    return fabsf(x);
}

/* |size| with the sign of the other number. */
INLINE float NAMED(copy_sign)(float size, float sign)
{
    return copysignf(size, sign);
}

/* e^x, but for a factor that is a power of two: 2^n * e^r, where n is x / ln 2 rounded. */
INLINE float NAMED(exp_but_for)(float x, float *factor)
{
    const float shift = 12582912.0f; /* adding 1.5 * 2^23 leaves n in the low bits */
    float clipped = x, shifted, n, r, r2, p, high, first;
    uint32_t whole, half;

    if (clipped > 89.0f) /* of conditional expressions GCC would make branches */
        clipped = 89.0f;
    if (clipped < -104.0f)
        clipped = -104.0f;
    shifted = NAMED(fma)(clipped, 1.4426950408889634f, shift);
    n = shifted - shift;
    r = NAMED(fma)(n, -0.693145751953125f, clipped);
    r = NAMED(fma)(n, -1.428606765330187e-06f, r);
    r2 = r * r;
    p = NAMED(fma)(0.1666652113199234f, r, 0.4999999403953552f);
    high = NAMED(fma)(0.00836874544620514f, r, 0.04166838899254799f);
    high = NAMED(fma)(0.0013814555713906884f, r2, high);
    p = NAMED(fma)(high, r2, p);
    whole = NAMED(bits)(shifted) - NAMED(bits)(shift);
    half = ((whole + 512) >> 1) - 256; /* in two halves: 2^n may be below the normal range */
    first = NAMED(from_bits)((half + 127) << 23);
    *factor = NAMED(from_bits)((whole - half + 127) << 23);
    return NAMED(fma)(NAMED(fma)(r2, p, r), first, first);
}

/* Q(u) in tanh x = x + x^3 * Q(x^2) for |x| < 0.55. */
INLINE float NAMED(tanh_polynomial)(float u)
{
    float q = -0.006282986764291901f;
    q = NAMED(fma)(q, u, 0.02107816001436066f);
    q = NAMED(fma)(q, u, -0.053853968563864f);
    q = NAMED(fma)(q, u, 0.1333260292964157f);
    return NAMED(fma)(q, u, -0.33333318092191716f);
}

/* ln x for a normal x > 0: ln(2^n * m) = n * ln 2 + 2 * atanh(s), where s = (m - 1) / (m + 1) and
   m is between the roots of 1/2 and of 2. */
INLINE float NAMED(log)(float x)
{
    int32_t n = (int32_t)(NAMED(bits)(x) - NAMED(bits)(0.70710677f)) >> 23;
    float m = NAMED(from_bits)(NAMED(bits)(x) - ((uint32_t)n << 23));
    float s = (m - 1) / (m + 1), u = s * s, q = 0;
    for (int k = 11; k > 1; k -= 2)
        q = NAMED(fma)(q, u, 1.0f / (float)k);
    return NAMED(fma)((float)n, 0.6931471805599453f, 2 * NAMED(fma)(s * u, q, s));
}
