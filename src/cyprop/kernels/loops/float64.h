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

/* x * x without its rounding `square`: the two add up to it exactly. */
INLINE double NAMED(square_rest)(double x, double square)
{
#ifdef CYPROP_NO_FMA
    double high = NAMED(from_bits)(NAMED(bits)(x) & ~(uint64_t)0x7ffffff), low = x - high;
    return ((high * high - square) + 2 * high * low) + low * low;
#else
    return fma(x, x, -square);
#endif
}

/* |size| with the sign of the other number. */
INLINE double NAMED(copy_sign)(double size, double sign)
{
    return copysign(size, sign);
}

/* e^r - 1, where x - rest = n * ln 2 + r and n is x / ln 2 rounded; n is an integer modulo 2^64. */
INLINE double NAMED(exp_of_rest)(double x, double rest, uint64_t *whole)
{
    const double shift = 6755399441055744.0; /* adding 1.5 * 2^52 leaves n in the low bits */
    double shifted, n, r, r2, r4, p, high;

    shifted = NAMED(fma)(x, 1.4426950408889634, shift);
    n = shifted - shift;
    r = NAMED(fma)(n, -0.6931471803691238, x);
    r = NAMED(fma)(n, -1.9082149292705877e-10, r);
    r = r - rest;
    r2 = r * r;
    r4 = r2 * r2;
    p = NAMED(fma)(0.1666666666666641, r, 0.5000000000000011);
    p = NAMED(fma)(NAMED(fma)(0.008333333333494975, r, 0.04166666666652973), r2, p);
    high = NAMED(fma)(0.00019841269505772022, r, 0.0013888888943758607);
    high = NAMED(fma)(NAMED(fma)(2.7557586809311725e-06, r, 2.4801492950881156e-05), r2, high);
    high = NAMED(fma)(NAMED(fma)(2.5000016188498703e-08, r, 2.7630305851197745e-07), r4, high);
    p = NAMED(fma)(high, r4, p);
    *whole = NAMED(bits)(shifted) - NAMED(bits)(shift);
    return NAMED(fma)(r2, p, r);
}

/* e^(x - rest) = 2^n * e^r, where n is x / ln 2 rounded: e^r - 1, and 2^n in two factors. The rest is
   what rounding has left out of x, or 0. */
INLINE double NAMED(exp_in_parts)(double x, double rest, double *first, double *factor)
{
    double clipped = x, y;
    uint64_t whole, half;

    if (clipped > 710.0) /* of conditional expressions GCC would make branches */
        clipped = 710.0;
    if (clipped < -760.0) /* where x * e^x, too, is below the smallest number */
        clipped = -760.0;
    y = NAMED(exp_of_rest)(clipped, rest, &whole);
    half = ((whole + 4096) >> 1) - 2048; /* in two halves: 2^n may be below the normal range */
    *first = NAMED(from_bits)((half + 1023) << 52);
    *factor = NAMED(from_bits)((whole - half + 1023) << 52);
    return y;
}

/* e^x, but for a factor that is a power of two. */
INLINE double NAMED(exp_but_for)(double x, double *factor)
{
    double first, y = NAMED(exp_in_parts)(x, 0, &first, factor);
    return NAMED(fma)(y, first, first);
}

/* e^x for x from 0 to 40, where 2^n is a normal number, so that one factor does; NaN for NaN. */
INLINE double NAMED(exp_to_forty)(double x)
{
    uint64_t whole;
    double y = NAMED(exp_of_rest)(x, 0, &whole);
    double factor = NAMED(from_bits)((whole + 1023) << 52);
    return NAMED(fma)(y, factor, factor);
}

/* z, or where z * e^z is below the smallest number, one such z. */
INLINE double NAMED(not_below)(double z)
{
    if (z < -760.0)
        z = -760.0;
    return z;
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

/* n + 1024, for n such that x = 2^n * m for a normal x > 0, where m is between the roots of 1/2 and
   of 2. Shifts that keep a sign, and conversions of such integers, AVX2 has not for its vectors. */
INLINE uint64_t NAMED(exponent_and_1024)(double x)
{
    return (NAMED(bits)(x) - NAMED(bits)(0.7071067811865476) + ((uint64_t)1024 << 52)) >> 52;
}

/* n of n + 1024: the last is put into the low bits of 2^52. */
INLINE double NAMED(exponent_as_number)(uint64_t biased)
{
    return NAMED(from_bits)(NAMED(bits)(4503599627370496.0) + biased) - 4503599627371520.0;
}

/* ln x for a normal x > 0: ln(2^n * m) = n * ln 2 + 2 * atanh(s), where s = (m - 1) / (m + 1) and
   m is between the roots of 1/2 and of 2. */
INLINE double NAMED(log)(double x)
{
    uint64_t biased = NAMED(exponent_and_1024)(x);
    double m = NAMED(from_bits)(NAMED(bits)(x) - ((biased - 1024) << 52));
    double s = (m - 1) / (m + 1), u = s * s, q = 1.0 / 21;
    q = NAMED(fma)(q, u, 1.0 / 19);
    q = NAMED(fma)(q, u, 1.0 / 17);
    q = NAMED(fma)(q, u, 1.0 / 15);
    q = NAMED(fma)(q, u, 1.0 / 13);
    q = NAMED(fma)(q, u, 1.0 / 11);
    q = NAMED(fma)(q, u, 1.0 / 9);
    q = NAMED(fma)(q, u, 1.0 / 7);
    q = NAMED(fma)(q, u, 1.0 / 5);
    q = NAMED(fma)(q, u, 1.0 / 3);
    q = 2 * NAMED(fma)(s * u, q, s);
    return NAMED(fma)(NAMED(exponent_as_number)(biased), 0.6931471805599453, q);
}

/* e^x - 1 = 2^n * (e^r - 1) + (2^n - 1), where e^r - 1 = r + r^2 * P(r). */
INLINE double NAMED(expm1)(double x)
{
    const double shift = 6755399441055744.0;
    double clipped = x, shifted, n, r, r2, r4, p, high, first, factor, one_by_factor;
    uint64_t whole, half;

    if (clipped > 710.0)
        clipped = 710.0;
    if (clipped < -38.0)
        clipped = -38.0;
    shifted = NAMED(fma)(clipped, 1.4426950408889634, shift);
    n = shifted - shift;
    r = NAMED(fma)(n, -0.6931471803691238, clipped);
    r = NAMED(fma)(n, -1.9082149292705877e-10, r);
    r2 = r * r;
    r4 = r2 * r2;
    p = NAMED(fma)(0.16666666666666674, r, 0.5000000000000001);
    p = NAMED(fma)(NAMED(fma)(0.008333333333321338, r, 0.041666666666654854), r2, p);
    high = NAMED(fma)(2.1125576996842193e-09, r, 2.5113456972547094e-08);
    high = NAMED(fma)(high, r, 2.7558110081657973e-07);
    high = NAMED(fma)(high, r2, NAMED(fma)(2.7557234575107363e-06, r, 2.48015839933241e-05));
    high = NAMED(fma)(high, r2, NAMED(fma)(0.0001984126989179663, r, 0.0013888888892228744));
    p = NAMED(fma)(high, r4, p);
    whole = NAMED(bits)(shifted) - NAMED(bits)(shift);
    half = ((whole + 4096) >> 1) - 2048; /* in two halves: 2^n may be above the largest number */
    first = NAMED(from_bits)((half + 1023) << 52);
    factor = NAMED(from_bits)((whole - half + 1023) << 52);
    one_by_factor = NAMED(from_bits)((half - whole + 1023) << 52);
    first = NAMED(fma)(first, NAMED(fma)(r2, p, r), first - one_by_factor) * factor;
    return NAMED(copy_sign)(first, x);
}

/* Q(u) in ln(1 + f) = f - (f^2 / 2 - s * (f^2 / 2 + s^2 * Q(s^2))), where s = f / (2 + f), for 1 + f
   between the roots of 1/2 and of 2. */
INLINE double NAMED(log1p_polynomial)(double u)
{
    double q = 0.1477486370313068;
    q = NAMED(fma)(q, u, 0.15316331482222925);
    q = NAMED(fma)(q, u, 0.18183466531868858);
    q = NAMED(fma)(q, u, 0.22222200676014459);
    q = NAMED(fma)(q, u, 0.2857142871885416);
    q = NAMED(fma)(q, u, 0.39999999999541586);
    return NAMED(fma)(q, u, 0.666666666666671);
}

/* n such that x = 2^n * m for a normal x > 0, where m is between the roots of 1/2 and of 2; 2^-n in
   two factors. */
INLINE double NAMED(exponent)(double x, double *first, double *second)
{
    uint64_t biased = NAMED(exponent_and_1024)(x), half = biased >> 1;
    *first = NAMED(from_bits)((1535 - half) << 52);
    *second = NAMED(from_bits)((1535 - (biased - half)) << 52);
    return NAMED(exponent_as_number)(biased);
}

/* Q(u) in erf x = x + x * Q(x^2) for |x| < 0.75. */
INLINE double NAMED(erf_polynomial)(double u)
{
    double q = 1.3331840959100315e-08;
    q = NAMED(fma)(q, u, -1.646714922528617e-07);
    q = NAMED(fma)(q, u, 1.6494246873901395e-06);
    q = NAMED(fma)(q, u, -1.4928444895072791e-05);
    q = NAMED(fma)(q, u, 0.00012055461412941776);
    q = NAMED(fma)(q, u, -0.0008548330497872451);
    q = NAMED(fma)(q, u, 0.0052239776813384825);
    q = NAMED(fma)(q, u, -0.02686617065023563);
    q = NAMED(fma)(q, u, 0.11283791670978666);
    q = NAMED(fma)(q, u, -0.37612638903184176);
    return NAMED(fma)(q, u, 0.1283791670955126);
}

/* P(q) in e^(t^2) * erfc t = (1 / sqrt(pi) + (1 - q) * P(q)) / (t + 4), q = (t - 4) / (t + 4), for t
   from 0 to 27.6. All of it is positive, so nothing cancels. */
INLINE double NAMED(erfc_polynomial)(double q)
{
    double q2 = q * q, p, odd;
    odd = NAMED(fma)(-1.2045654226582357e-09, q2, 1.417254296815129e-08);
    odd = NAMED(fma)(odd, q2, -1.1047007843723497e-07);
    odd = NAMED(fma)(odd, q2, 8.109829117467883e-07);
    odd = NAMED(fma)(odd, q2, -5.3077144733927255e-06);
    odd = NAMED(fma)(odd, q2, 1.7188529521345092e-05);
    odd = NAMED(fma)(odd, q2, 0.0002954282996628534);
    odd = NAMED(fma)(odd, q2, -0.005535668465838676);
    p = NAMED(fma)(-1.331490692950933e-09, q2, 1.2927002546117872e-08);
    p = NAMED(fma)(p, q2, -3.402841087440607e-08);
    p = NAMED(fma)(p, q2, -6.141649552607574e-07);
    p = NAMED(fma)(p, q2, 1.3553725208954789e-05);
    p = NAMED(fma)(p, q2, -0.00015962448104552945);
    p = NAMED(fma)(p, q2, 0.0005763872056342923);
    p = NAMED(fma)(p, q2, 0.020834384869488656);
    p = NAMED(fma)(odd, q, p);
    p = NAMED(fma)(p, q, -0.055547130038316676);
    p = NAMED(fma)(p, q, 0.1184638072019487);
    p = NAMED(fma)(p, q, -0.21238778067613684);
    p = NAMED(fma)(p, q, 0.32846605063708845);
    p = NAMED(fma)(p, q, -0.4447426516281472);
    return NAMED(fma)(p, q, 0.5318060774527349);
}

/* w * erfc t but for a factor that is a power of two, for t from 0 to 27.6, where t^2 is square +
   square_rest and t + 4 is sum + sum_rest. */
INLINE double NAMED(erfc_but_for)(
    double w, double square, double square_rest, double sum, double sum_rest, double *factor)
{
    double v = 1 / sum; /* v + v_rest is 1 / (t + 4) */
    double v_rest = v * NAMED(fma)(-sum_rest, v, NAMED(fma)(-sum, v, 1));
    double p = NAMED(erfc_polynomial)(NAMED(fma)(-8, v_rest, NAMED(fma)(-8, v, 1)));
    double x = NAMED(fma)(8 * v, p, 0.5641895835477563), wv = w * v, wv_rest, first, y;
    wv_rest = w * v_rest * NAMED(fma)(2, x, -0.5641895835477563);
    wv_rest = NAMED(fma)(x, NAMED(fma)(w, v, -wv), wv_rest);
    x = NAMED(fma)(x, wv, wv_rest);
    y = NAMED(exp_in_parts)(-square, square_rest, &first, factor);
    return NAMED(fma)(x, y, x) * first;
}

/* 1 - erf x, at most 4 ULP off. */
INLINE double NAMED(erfc)(double x)
{
    double t = NAMED(absolute)(x), square, sum, half, factor;
    if (t > 27.5)
        t = 27.5;
    square = t * t;
    sum = t + 4;
    half = NAMED(erfc_but_for)(
        1, square, NAMED(square_rest)(t, square), sum, t + (4 - sum), &factor);
    return x < 0 ? NAMED(fma)(-half, factor, 2) : half * factor;
}

/* w * Phi(z), where Phi is the standard normal distribution, erfc(-z / sqrt 2) / 2. */
INLINE double NAMED(times_normal)(double z, double w)
{
    double size = NAMED(absolute)(z), square, rest, sum, half, factor;
    if (size > 39)
        size = 39;
    square = size * size;
    rest = NAMED(square_rest)(size, square);
    sum = NAMED(fma)(size, 0.7071067811865476, 4);
    half = NAMED(erfc_but_for)(z < 0 ? 0.5 * w : 0.5, 0.5 * square, 0.5 * rest, sum,
        NAMED(fma)(size, 0.7071067811865476, 4 - sum), &factor);
    return z < 0 ? half * factor : w * NAMED(fma)(-half, factor, 1);
}

/* The density of the standard normal distribution, e^(-z^2 / 2) / sqrt(2 pi). */
INLINE double NAMED(normal_density)(double z)
{
    double size = NAMED(absolute)(z), square, first, factor, y;
    if (size > 39)
        size = 39;
    square = size * size;
    y = NAMED(exp_in_parts)(
        -0.5 * square, 0.5 * NAMED(square_rest)(size, square), &first, &factor);
    return NAMED(fma)(y, 0.3989422804014327, 0.3989422804014327) * first * factor;
}
