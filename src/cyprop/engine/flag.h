/* A flag that one thread at a time holds; whoever takes it sees what the last holder wrote. */

#ifndef CYPROP_FLAG_H
#define CYPROP_FLAG_H

#if defined(_MSC_VER)
#include <intrin.h>
static inline int cyprop_flag_is_held(volatile long *flag)
{
    return _InterlockedCompareExchange(flag, 0, 0) != 0;
}
static inline int cyprop_flag_take(volatile long *flag)
{
    return _InterlockedCompareExchange(flag, 1, 0) == 0;
}
static inline void cyprop_flag_give(volatile long *flag) { _InterlockedExchange(flag, 0); }
#else
static inline int cyprop_flag_is_held(volatile long *flag)
{
    return __atomic_load_n(flag, __ATOMIC_ACQUIRE) != 0;
}
static inline int cyprop_flag_take(volatile long *flag)
{
    return __atomic_exchange_n(flag, 1, __ATOMIC_ACQ_REL) == 0;
}
static inline void cyprop_flag_give(volatile long *flag)
{
    __atomic_store_n(flag, 0, __ATOMIC_RELEASE);
}
#endif
#endif
