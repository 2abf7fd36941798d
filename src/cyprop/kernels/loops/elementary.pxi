# exp, sigmoid, tanh and log without libm: branch-free, so that a loop over them vectorises, and the
# same operations in the same order for every vector width, so that the bits are the same.
#
#     exp(x) = 2ⁿ · e^r,  n = round(x / ln 2),  r = x − n·ln 2 in two parts,  e^r = 1 + r + r²·P(r)
#     sigmoid(x) = (1 or e) / (1 + e),  e = exp(−|x|) ≤ 1, so nothing overflows
#     tanh(x) = x + x³·Q(x²) near 0, else 1 − 2 / (exp(2|x|) + 1), with the sign of x
#
# P and Q minimise the largest relative error over their range (Remez's exchange, 40 digits).
# Adding and subtracting 1.5·2^23 (1.5·2^52) rounds to an integer and leaves it in the low bits;
# 2ⁿ is multiplied in as two halves, so that results below the normal range round only once. A tiny
# network waits for each operation here in turn: P is summed in pairs, and the second half of 2ⁿ left
# to the caller, who can multiply and add at once. A NaN passes through all of it.


cdef inline floating exp_but_for(floating x, floating *factor) noexcept nogil:
    """e^x, but for a factor that is a power of two."""
    cdef floating n, r, r2, r4, p, high, clipped, shifted, half
    cdef uint32_t whole32, half32
    cdef uint64_t whole64, half64
    if floating is float:
        clipped = <float>89.0 if x > <float>89.0 else x
        clipped = <float>-104.0 if clipped < <float>-104.0 else clipped
        shifted = fma32(clipped, <float>1.4426950408889634, <float>12582912.0)
        n = shifted - <float>12582912.0
        r = fma32(n, <float>-0.693145751953125, clipped)
        r = fma32(n, <float>-1.428606765330187e-06, r)
        r2 = r * r
        p = fma32(<float>0.1666652113199234, r, <float>0.4999999403953552)
        high = fma32(<float>0.00836874544620514, r, <float>0.04166838899254799)
        high = fma32(<float>0.0013814555713906884, r2, high)
        p = fma32(high, r2, p)
        whole32 = to_bits32(shifted) - to_bits32(<float>12582912.0)
        half32 = ((whole32 + 512) >> 1) - 256
        half = from_bits32((half32 + 127) << 23)
        factor[0] = from_bits32((whole32 - half32 + 127) << 23)
    else:
        clipped = 710.0 if x > 710.0 else x
        clipped = -746.0 if clipped < -746.0 else clipped
        shifted = fma64(clipped, 1.4426950408889634, 6755399441055744.0)
        n = shifted - 6755399441055744.0
        r = fma64(n, -0.6931471803691238, clipped)
        r = fma64(n, -1.9082149292705877e-10, r)
        r2 = r * r
        r4 = r2 * r2
        p = fma64(0.1666666666666641, r, 0.5000000000000011)
        p = fma64(fma64(0.008333333333494975, r, 0.04166666666652973), r2, p)
        high = fma64(0.00019841269505772022, r, 0.0013888888943758607)
        high = fma64(fma64(2.7557586809311725e-06, r, 2.4801492950881156e-05), r2, high)
        high = fma64(fma64(2.5000016188498703e-08, r, 2.7630305851197745e-07), r4, high)
        p = fma64(high, r4, p)
        whole64 = to_bits64(shifted) - to_bits64(6755399441055744.0)
        half64 = ((whole64 + 4096) >> 1) - 2048
        half = from_bits64((half64 + 1023) << 52)
        factor[0] = from_bits64((whole64 - half64 + 1023) << 52)
    return fma(fma(r2, p, r), half, half)


cdef inline floating exp(floating x) noexcept nogil:
    """e^x, at most 2 ULP off; exact at 0 and ±inf, NaN for NaN."""
    cdef floating factor
    cdef floating y = exp_but_for(x, &factor)
    return y * factor


cdef inline floating sigmoid(floating x) noexcept nogil:
    """1 / (1 + e^−x), at most 2 ULP off, never outside [0, 1]."""
    cdef floating factor
    cdef floating half = exp_but_for(-absolute(x), &factor)
    cdef floating e = half * factor
    cdef floating numerator = e if x < 0 else <floating>1.0
    cdef floating y = numerator / fma(half, factor, <floating>1.0)
    return fma(-e, y, e) if x < 0 else y    # e − e·y is y again, and rounded once less for small e


cdef inline floating tanh(floating x) noexcept nogil:
    """(e^x − e^−x) / (e^x + e^−x), at most 2 ULP off, never outside [−1, 1]."""
    cdef floating size = absolute(x)
    cdef floating u = x * x
    cdef floating q, small, large, factor
    large = exp_but_for(size + size, &factor)
    large = <floating>1.0 - <floating>2.0 / fma(large, factor, <floating>1.0)
    if floating is float:
        q = <float>-0.006282986764291901
        q = fma32(q, u, <float>0.02107816001436066)
        q = fma32(q, u, <float>-0.053853968563864)
        q = fma32(q, u, <float>0.1333260292964157)
        q = fma32(q, u, <float>-0.33333318092191716)
    else:
        q = -1.952480369834614e-05
        q = fma64(q, u, 8.336654692651638e-05)
        q = fma64(q, u, -0.00023341754691213752)
        q = fma64(q, u, 0.0005884590847821482)
        q = fma64(q, u, -0.0014555465214363098)
        q = fma64(q, u, 0.0035920926243628525)
        q = fma64(q, u, -0.008863232662962853)
        q = fma64(q, u, 0.021869488389814656)
        q = fma64(q, u, -0.053968253963908044)
        q = fma64(q, u, 0.13333333333326897)
        q = fma64(q, u, -0.333333333333333)
    small = fma(size * u, q, size)
    return copy_sign(small if size < <floating>0.55 else large, x)


cdef inline double log(double x) noexcept nogil:
    """ln x for a normal x > 0 (a loss takes the logarithm of sums of exponentials only).

    ln(2ⁿ·m) = n·ln 2 + 2·atanh(s),  s = (m − 1)/(m + 1),  m from √½ to √2.
    """
    cdef uint64_t bits = to_bits64(x) - to_bits64(0.7071067811865476)
    cdef long long n = (<long long> bits) >> 52
    cdef double m = from_bits64(to_bits64(x) - ((<uint64_t> n) << 52))
    cdef double s = (m - 1.0) / (m + 1.0)
    cdef double u = s * s
    cdef double q = 0.0
    cdef int k
    for k in range(21, 1, -2):
        q = fma64(q, u, 1.0 / k)
    return fma64(<double> n, 0.6931471805599453, 2.0 * fma64(s * u, q, s))


cdef inline double log1p_exp(double x) noexcept nogil:
    """ln(1 + e^x) for x ≤ 0; what 1 + e^x rounds away is put back."""
    cdef double e = exp(x)
    cdef double u = 1.0 + e
    return log(u) + (e - (u - 1.0)) / u
