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

/* e^r - 1, where x = n * ln 2 + r and n is x / ln 2 rounded; n is an integer modulo 2^32. */
INLINE float NAMED(exp_of_rest)(float x, uint32_t *whole)
{
    const float shift = 12582912.0f; /* adding 1.5 * 2^23 leaves n in the low bits */
    float shifted, n, r, r2, p, high;

    shifted = NAMED(fma)(x, 1.4426950408889634f, shift);
    n = shifted - shift;
    r = NAMED(fma)(n, -0.693145751953125f, x);
    r = NAMED(fma)(n, -1.428606765330187e-06f, r);
    r2 = r * r;
    p = NAMED(fma)(0.1666652113199234f, r, 0.4999999403953552f);
    high = NAMED(fma)(0.00836874544620514f, r, 0.04166838899254799f);
    high = NAMED(fma)(0.0013814555713906884f, r2, high);
    p = NAMED(fma)(high, r2, p);
    *whole = NAMED(bits)(shifted) - NAMED(bits)(shift);
    return NAMED(fma)(r2, p, r);
}

/* e^x, but for a factor that is a power of two: 2^n * e^r, where n is x / ln 2 rounded. */
INLINE float NAMED(exp_but_for)(float x, float *factor)
{
    float clipped = x, y, first;
    uint32_t whole, half;

    if (clipped > 89.0f) /* of conditional expressions GCC would make branches */
        clipped = 89.0f;
    if (clipped < -110.0f) /* where x * e^x, too, is below the smallest number */
        clipped = -110.0f;
    y = NAMED(exp_of_rest)(clipped, &whole);
    half = ((whole + 512) >> 1) - 256; /* in two halves: 2^n may be below the normal range */
    first = NAMED(from_bits)((half + 127) << 23);
    *factor = NAMED(from_bits)((whole - half + 127) << 23);
    return NAMED(fma)(y, first, first);
}

/* e^x for x from 0 to 40, where 2^n is a normal number, so that one factor does; NaN for NaN. */
INLINE float NAMED(exp_to_forty)(float x)
{
    uint32_t whole;
    float y = NAMED(exp_of_rest)(x, &whole);
    float factor = NAMED(from_bits)((whole + 127) << 23);
    return NAMED(fma)(y, factor, factor);
}

/* z, or where z * e^z is below the smallest number, one such z. */
INLINE float NAMED(not_below)(float z)
{
    if (z < -110.0f)
        z = -110.0f;
    return z;
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
    float s = (m - 1) / (m + 1), u = s * s, q = 1.0f / 11;
    q = NAMED(fma)(q, u, 1.0f / 9);
    q = NAMED(fma)(q, u, 1.0f / 7);
    q = NAMED(fma)(q, u, 1.0f / 5);
    q = NAMED(fma)(q, u, 1.0f / 3);
    return NAMED(fma)((float)n, 0.6931471805599453f, 2 * NAMED(fma)(s * u, q, s));
}

/* e^x - 1 = 2^n * (e^r - 1) + (2^n - 1), where e^r - 1 = r + r^2 * P(r). */
INLINE float NAMED(expm1)(float x)
{
    const float shift = 12582912.0f;
    float clipped = x, shifted, n, r, r2, p, high, first, factor, one_by_factor;
    uint32_t whole, half;

    if (clipped > 89.0f)
        clipped = 89.0f;
    if (clipped < -18.0f)
        clipped = -18.0f;
    shifted = NAMED(fma)(clipped, 1.4426950408889634f, shift);
    n = shifted - shift;
    r = NAMED(fma)(n, -0.693145751953125f, clipped);
    r = NAMED(fma)(n, -1.428606765330187e-06f, r);
    r2 = r * r;
    p = NAMED(fma)(0.16666666f, r, 0.5f);
    high = NAMED(fma)(0.0001973844f, r, 0.0013932952f);
    high = NAMED(fma)(high, r2, NAMED(fma)(0.008333574f, r, 0.041666485f));
    p = NAMED(fma)(high, r2, p);
    whole = NAMED(bits)(shifted) - NAMED(bits)(shift);
    half = ((whole + 512) >> 1) - 256; /* in two halves: 2^n may be above the largest number */
    first = NAMED(from_bits)((half + 127) << 23);
    factor = NAMED(from_bits)((whole - half + 127) << 23);
    one_by_factor = NAMED(from_bits)((half - whole + 127) << 23);
    first = NAMED(fma)(first, NAMED(fma)(r2, p, r), first - one_by_factor) * factor;
    return NAMED(copy_sign)(first, x);
}

/* Q(u) in ln(1 + f) = f - (f^2 / 2 - s * (f^2 / 2 + s^2 * Q(s^2))), where s = f / (2 + f), for 1 + f
   between the roots of 1/2 and of 2. */
INLINE float NAMED(log1p_polynomial)(float u)
{
    return NAMED(fma)(NAMED(fma)(0.29871082f, u, 0.39977577f), u, 0.66666776f);
}

/* n such that x = 2^n * m for a normal x > 0, where m is between the roots of 1/2 and of 2; 2^-n in
   two factors. */
INLINE float NAMED(exponent)(float x, float *first, float *second)
{
    int32_t n = (int32_t)(NAMED(bits)(x) - NAMED(bits)(0.70710677f)) >> 23;
    int32_t half = n >> 1;
    *first = NAMED(from_bits)((uint32_t)(127 - half) << 23);
    *second = NAMED(from_bits)((uint32_t)(127 - (n - half)) << 23);
    return (float)n;
}

/* Q(u) in erf x = x + x * Q(x^2) for |x| < 0.75. */
INLINE float NAMED(erf_polynomial)(float u)
{
    float q = -0.0006759814f;
    q = NAMED(fma)(q, u, 0.005115945f);
    q = NAMED(fma)(q, u, -0.026835527f);
    q = NAMED(fma)(q, u, 0.11283399f);
    q = NAMED(fma)(q, u, -0.3761262f);
    return NAMED(fma)(q, u, 0.12837917f);
}

/* a * b + c in float64, rounded once. The tails of the normal distribution are made in float64, so
   that x^2 is exact, and numbers below the normal range of float32 need no care. */
INLINE double NAMED(wide_fma)(double a, double b, double c)
{
#ifdef CYPROP_NO_FMA
    return a * b + c;
#else
    return fma(a, b, c);
#endif
}

/* e^-x for x from 0 to 120, with a relative error of 2^-29. */
INLINE double NAMED(wide_exp)(double x)
{
    const double shift = 6755399441055744.0; /* adding 1.5 * 2^52 leaves n in the low bits */
    double shifted = NAMED(wide_fma)(x, -1.4426950408889634, shift), n = shifted - shift;
    double r = NAMED(wide_fma)(n, -0.6931471805599453, -x), r2 = r * r, p, power;
    uint64_t whole, base;
    p = NAMED(wide_fma)(0.0013836694123879679, r2,
        NAMED(wide_fma)(0.008374917622481515, r, 0.04166823359253517));
    p = NAMED(wide_fma)(p, r2, NAMED(wide_fma)(0.16666418961384316, r, 0.4999999202016347));
    p = NAMED(wide_fma)(p, r2, NAMED(wide_fma)(1.000000036589735, r, 1.0000000005596676));
    memcpy(&whole, &shifted, sizeof whole);
    memcpy(&base, &shift, sizeof base);
    whole = (whole - base + 1023) << 52;
    memcpy(&power, &whole, sizeof power);
    return p * power;
}

/* e^(t^2) * erfc t = P(q) / (t + 3), q = (t - 3) / (t + 3), for t from 0 to 10.7, with a relative
   error of 2^-28. The sum is t + 3. */
INLINE double NAMED(wide_erfcx)(double sum)
{
    double w = 1 / sum, q = NAMED(wide_fma)(-6, w, 1), q2 = q * q, even, odd;
    odd = NAMED(wide_fma)(-0.0003222965133148017, q2, 0.0030814407026864394);
    odd = NAMED(wide_fma)(odd, q2, -0.026840963326001797);
    odd = NAMED(wide_fma)(odd, q2, -0.3104658204753851);
    odd = NAMED(wide_fma)(odd, q2, -0.8833944931586432);
    even = NAMED(wide_fma)(-0.00047737662731018574, q2, -0.00122955341512801);
    even = NAMED(wide_fma)(even, q2, 0.11952961691083315);
    even = NAMED(wide_fma)(even, q2, 0.5902282642560075);
    even = NAMED(wide_fma)(even, q2, 1.074006908150928);
    return w * NAMED(wide_fma)(odd, q, even);
}

/* 1 - erf x, at most 1 ULP off. */
INLINE float NAMED(erfc)(float x)
{
    double wide = x, t = fabs(wide), power, rest;
    if (t > 10.5)
        t = 10.5;
    power = NAMED(wide_exp)(t * t);
    rest = NAMED(wide_erfcx)(t + 3);
    return (float)(wide < 0 ? NAMED(wide_fma)(-power, rest, 2) : power * rest);
}

/* w * Phi(z), where Phi is the standard normal distribution, erfc(-z / sqrt 2) / 2. */
INLINE float NAMED(times_normal)(float z, float w)
{
    double wide = z, size = fabs(wide), power, rest;
    if (size > 15)
        size = 15;
    power = NAMED(wide_exp)(0.5 * size * size);
    rest = 0.5 * NAMED(wide_erfcx)(NAMED(wide_fma)(size, 0.7071067811865476, 3));
    return (float)(w * (wide < 0 ? power * rest : NAMED(wide_fma)(-power, rest, 1)));
}

/* The density of the standard normal distribution, e^(-z^2 / 2) / sqrt(2 pi). */
INLINE float NAMED(normal_density)(float z)
{
    double size = fabs((double)z);
    if (size > 15)
        size = 15;
    return (float)(0.3989422804014327 * NAMED(wide_exp)(0.5 * size * size));
}
