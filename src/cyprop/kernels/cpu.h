/* What the processor has, and which compiler this is. */

#ifndef CYPROP_CPU_H
#define CYPROP_CPU_H

#if defined(_M_X64) || defined(__x86_64__)
    #if defined(_MSC_VER)
        #include <intrin.h>
        static inline void cyprop_cpuid(unsigned leaf, unsigned r[4]) {
            __cpuidex((int *)r, (int)leaf, 0);
        }
        static inline unsigned cyprop_saved(void) { return (unsigned)_xgetbv(0); }
    #else
        #include <cpuid.h>
        static inline void cyprop_cpuid(unsigned leaf, unsigned r[4]) {
            __cpuid_count(leaf, 0, r[0], r[1], r[2], r[3]);
        }
        static inline unsigned cyprop_saved(void) {
            unsigned low, high;
            __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
            return low;
        }
    #endif
    /* Whether there are FMA and these bits of leaf 7, and the system saves the registers. */
    static inline int cyprop_has(unsigned leaf7, unsigned saved) {
        unsigned r[4];
        cyprop_cpuid(0, r);
        if (r[0] < 7) return 0;
        cyprop_cpuid(1, r);
        if (!(r[2] & 1u << 12) || !(r[2] & 1u << 27)) return 0;
        if ((cyprop_saved() & saved) != saved) return 0;
        cyprop_cpuid(7, r);
        return (r[1] & leaf7) == leaf7;
    }
    /* Whether it is a Zen 5 that begins two shuffles of 64 bytes in a cycle: AMD's family 26 without the
       models for laptops, whose units have 32. */
    static inline int cyprop_has_wide_shuffles(void) {
        unsigned r[4], family, model;
        cyprop_cpuid(0, r);
        if (r[1] != 0x68747541 || r[3] != 0x69746e65 || r[2] != 0x444d4163) return 0; /* AuthenticAMD */
        cyprop_cpuid(1, r);
        family = (r[0] >> 8 & 0xf) + (r[0] >> 20 & 0xff);
        model = (r[0] >> 4 & 0xf) | (r[0] >> 12 & 0xf0);
        return family == 26 && (model < 0x20 || (model >= 0x40 && model < 0x50));
    }
    static inline int cyprop_has_avx2(void) { return cyprop_has(1u << 5, 0x06); }
    static inline int cyprop_has_avx512(void) { /* F, DQ, BW, VL */
        return cyprop_has(1u << 5 | 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31, 0xe6);
    }
#else
    static inline int cyprop_has_avx2(void) { return 0; }
    static inline int cyprop_has_avx512(void) { return 0; }
    static inline int cyprop_has_wide_shuffles(void) { return 0; }
#endif
#define CYPROP_TEXT_(x) #x
#define CYPROP_TEXT(x) CYPROP_TEXT_(x)
#if defined(__clang__)
    #define CYPROP_COMPILER "clang"
    #define CYPROP_COMPILER_VERSION __clang_version__
#elif defined(__GNUC__)
    #define CYPROP_COMPILER "gcc"
    #define CYPROP_COMPILER_VERSION __VERSION__
#elif defined(_MSC_VER)
    #define CYPROP_COMPILER "msvc"
    #define CYPROP_COMPILER_VERSION CYPROP_TEXT(_MSC_FULL_VER)
#else
    #define CYPROP_COMPILER "unknown"
    #define CYPROP_COMPILER_VERSION "unknown"
#endif

#endif
