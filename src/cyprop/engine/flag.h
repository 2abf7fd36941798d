/* A flag that one thread at a time holds; a thread that takes it sees what the last holder wrote.

   It holds a number other than 0, by which a holder that has gone can be told from one that is there:
   the process's count of forks, since a fork leaves all threads behind but the one that called it. */

#ifndef CYPROP_FLAG_H
#define CYPROP_FLAG_H

#if defined(_MSC_VER)
#include <intrin.h>
static inline long cyprop_flag_holder(volatile long *flag)
{
    return _InterlockedCompareExchange(flag, 0, 0);
}
static inline int cyprop_flag_take(volatile long *flag, long holder)
{
    return _InterlockedCompareExchange(flag, holder, 0) == 0;
}
static inline void cyprop_flag_give(volatile long *flag) { _InterlockedExchange(flag, 0); }
static inline void cyprop_flag_add(volatile long *count, long more)
{
    _InterlockedExchangeAdd(count, more);
}
#else
static inline long cyprop_flag_holder(volatile long *flag)
{
    return __atomic_load_n(flag, __ATOMIC_SEQ_CST);
}
static inline int cyprop_flag_take(volatile long *flag, long holder)
{
    long none = 0;
    return __atomic_compare_exchange_n(
        flag, &none, holder, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}
static inline void cyprop_flag_give(volatile long *flag)
{
    __atomic_store_n(flag, 0, __ATOMIC_RELEASE);
}
static inline void cyprop_flag_add(volatile long *count, long more)
{
    __atomic_add_fetch(count, more, __ATOMIC_SEQ_CST);
}
#endif
#endif
