/* How much of its stack a thread has left.

   The kernels keep their tiles and panels there, which a thread with a small stack has no room for. */

#ifndef CYPROP_STACK_H
#define CYPROP_STACK_H

#include <stddef.h>
#include <stdint.h>

#if defined(__linux__)

#include <pthread.h>

/* From GNU's pthread.h, which declares it only where _GNU_SOURCE was defined first. */
extern int pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes);

/* Its lowest address; asked for once a thread. GNU's loader has room for a few bytes that are reached
   without a call, which would cost a hot function more than all else that it checks. */
#if defined(__GLIBC__)
static __thread uintptr_t cyprop_stack_end __attribute__((tls_model("initial-exec")));
#else
static __thread uintptr_t cyprop_stack_end;
#endif

static inline void cyprop_find_stack(void)
{
    pthread_attr_t attributes;
    void *lowest = NULL;
    size_t size = 0, guard = 0;
    cyprop_stack_end = 1; /* an address below all others, should it not be found */
    if (pthread_getattr_np(pthread_self(), &attributes)) return;
    if (!pthread_attr_getstack(&attributes, &lowest, &size) && lowest != NULL) {
        pthread_attr_getguardsize(&attributes, &guard);
        cyprop_stack_end = (uintptr_t)lowest + guard;
    }
    pthread_attr_destroy(&attributes);
}

static inline int cyprop_has_stack(size_t size)
{
    char here;
    if (cyprop_stack_end == 0) cyprop_find_stack();
    return (uintptr_t)&here > cyprop_stack_end + size;
}

#else

static inline int cyprop_has_stack(size_t size)
{
    (void)size;
    return 1;
}

#endif
#endif
