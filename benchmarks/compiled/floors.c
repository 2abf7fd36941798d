/* What the machine can do at best: read memory, rewrite it, multiply and add in registers.
   Compiled when a benchmark starts, for the processor it runs on. */

#include <stddef.h>

#if defined(__aarch64__)
#define REGISTER "+w"
#else
#define REGISTER "+x"
#endif

#if defined(__AVX512F__)
#define WIDTH 64
#elif defined(__AVX__)
#define WIDTH 32
#else
#define WIDTH 16
#endif

typedef long long words __attribute__((vector_size(WIDTH)));
typedef float floats __attribute__((vector_size(WIDTH)));
typedef double doubles __attribute__((vector_size(WIDTH)));

/* The compiler must assume that memory has changed, and so do all the work again. */
#define AGAIN __asm__ volatile("" ::: "memory")
#define IN_REGISTER(x) __asm__ volatile("" : REGISTER(x))

/* Read `size` bytes, a multiple of 8 vectors, `repeats` times. */
long long read_memory(long repeats, const words *data, size_t size) {
    size_t n = size / sizeof(words);
    words sum = {0};
    for (long r = 0; r < repeats; r++) {
        words s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
        for (size_t i = 0; i < n; i += 8) {
            s0 ^= data[i] ^ data[i + 4];
            s1 ^= data[i + 1] ^ data[i + 5];
            s2 ^= data[i + 2] ^ data[i + 6];
            s3 ^= data[i + 3] ^ data[i + 7];
        }
        sum ^= s0 ^ s1 ^ s2 ^ s3;
        AGAIN;
    }
    return sum[0];
}

/* Read and write back `size` bytes, a multiple of 8 vectors, `repeats` times. */
void rewrite_memory(long repeats, words *data, size_t size) {
    size_t n = size / sizeof(words);
    for (long r = 0; r < repeats; r++) {
        for (size_t i = 0; i < n; i += 8)
            for (size_t j = i; j < i + 8; j++) data[j] = ~data[j];
        AGAIN;
    }
}

/* Read it, then read and write it back: what learning a sample cannot do without. */
long long read_and_rewrite_memory(long repeats, words *data, size_t size) {
    long long sum = 0;
    for (long r = 0; r < repeats; r++) {
        sum ^= read_memory(1, data, size);
        rewrite_memory(1, data, size);
    }
    return sum;
}

/* Twelve independent chains hide the latency of an FMA. The empty assembly keeps every accumulator in
   a register of its own. */
#define CHAINS 12
#define EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
#define DECLARE(i) vector a##i = b * (b[0] * i);
#define MULTIPLY_ADD(i) a##i = a##i * b + c;
#define KEEP(i) IN_REGISTER(a##i);
#define ADD(i) sum += a##i[0];
#define FMA_LOOP(name, type)                                   \
    double name(long repeats) {                                \
        typedef type vector;                                   \
        vector b, c;                                           \
        for (size_t k = 0; k < sizeof b / sizeof b[0]; k++) {  \
            b[k] = 0.999f;                                     \
            c[k] = 0.001f;                                     \
        }                                                      \
        IN_REGISTER(b);                                        \
        IN_REGISTER(c);                                        \
        EACH(DECLARE)                                          \
        for (long r = 0; r < repeats; r++) {                   \
            EACH(MULTIPLY_ADD)                                 \
            EACH(KEEP)                                         \
        }                                                      \
        double sum = 0;                                        \
        EACH(ADD)                                              \
        return sum;                                            \
    }

FMA_LOOP(fma_float32, floats)
FMA_LOOP(fma_float64, doubles)

/* Floating-point operations of one repeat, for an element of `itemsize` bytes. */
long fma_operations(long itemsize) { return CHAINS * 2 * (WIDTH / itemsize); }
