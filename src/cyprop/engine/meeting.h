/* What the members of a team do with each other while they work: they meet, and wait for that.

   A member that waits stays on its processor for a while, since the others are nearly there, and then
   sleeps until it is woken: they may have lost their processors to other processes, or have nothing
   for it to do. */

#ifndef CYPROP_MEETING_H
#define CYPROP_MEETING_H

#include <stddef.h>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <pthread.h>
#include <sched.h>
#include <time.h>
#endif

#define CYPROP_MOST_MEMBERS 256
#define CYPROP_APART 128        /* bytes between words of different members: two cache lines */
#define CYPROP_SPINS 64         /* looks at a word between two looks at the clock */
#define CYPROP_ALONE 50000      /* ns that a member that waits keeps its processor to itself, */
#define CYPROP_AWAKE 400000     /* and that it only gives way to others, before it sleeps */
#define CYPROP_NAP 20000        /* ns */
#define CYPROP_LOOK 30000000    /* ns between two looks for Ctrl-C */

typedef struct cyprop_team cyprop_team;
typedef struct cyprop_member cyprop_member;

/* The share of the work numbered index, of team->n_parts. */
typedef void (*cyprop_task)(void *work, ptrdiff_t index, cyprop_team *team);

struct cyprop_team {
    ptrdiff_t n_parts;     /* of the task under way */
    cyprop_task task;      /* NULL: go home */
    void *work;
    long deserted;         /* the others were left behind by a fork, in whose child this is */
    volatile long wanted;  /* that all stop; any member may want that at any time */
    volatile long stopped; /* whether they do: changes in a meeting, so all see the same after it */
    char apart_of_meeting[CYPROP_APART];
    volatile long meeting; /* how many there have been */
    char apart_of_arrived[CYPROP_APART];
    volatile long arrived; /* members at this meeting */
    char apart_of_sleepers[CYPROP_APART];
    volatile long sleepers;
#if defined(_WIN32)
    SRWLOCK lock;
    CONDITION_VARIABLE awake;
#else
    pthread_mutex_t lock;
    pthread_cond_t awake;
#endif
    long process;          /* that the members were started in */
    long busy;             /* with a task */
    cyprop_team *before;   /* that the caller keeps too, and has kept for longer */
    ptrdiff_t n_members;   /* with the caller, who is the first */
    cyprop_member *members[CYPROP_MOST_MEMBERS];
};

#if defined(_MSC_VER)
static inline long cyprop_load(volatile long *word) { return InterlockedCompareExchange(word, 0, 0); }
static inline void cyprop_store(volatile long *word, long value) { InterlockedExchange(word, value); }
static inline long cyprop_add(volatile long *word, long n)
{
    return InterlockedExchangeAdd(word, n) + n;
}
#else
/* Sequentially consistent, since a member that goes to sleep and one that wakes the others each write
   one word and then read what the other writes. */
static inline long cyprop_load(volatile long *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }
static inline void cyprop_store(volatile long *word, long value)
{
    __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}
static inline long cyprop_add(volatile long *word, long n)
{
    return __atomic_add_fetch(word, n, __ATOMIC_SEQ_CST);
}
#endif

/* For a short wait: stay on the processor, and go easy on it. */
static inline void cyprop_pause(void)
{
#if defined(_WIN32)
    YieldProcessor();
#elif defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

/* Let another thread have the processor, if one is waiting for it. */
static inline void cyprop_yield(void)
{
#if defined(_WIN32)
    SwitchToThread();
#else
    sched_yield();
#endif
}

/* For a long wait for somebody who wakes nobody. */
static inline void cyprop_nap(void)
{
#if defined(_WIN32)
    SwitchToThread();
#else
    struct timespec nap = {0, CYPROP_NAP};
    nanosleep(&nap, NULL);
#endif
}

/* In nanoseconds, from some time on. */
static inline long long cyprop_now(void)
{
#if defined(_WIN32)
    LARGE_INTEGER count, rate;
    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&rate);
    return (long long)((double)count.QuadPart * 1e9 / (double)rate.QuadPart);
#else
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (long long)time.tv_sec * 1000000000 + time.tv_nsec;
#endif
}

#if defined(_WIN32)
static inline void cyprop_lock(cyprop_team *team) { AcquireSRWLockExclusive(&team->lock); }
static inline void cyprop_unlock(cyprop_team *team) { ReleaseSRWLockExclusive(&team->lock); }
static inline void cyprop_sleep(cyprop_team *team)
{
    SleepConditionVariableSRW(&team->awake, &team->lock, INFINITE, 0);
}
static inline void cyprop_wake_sleepers(cyprop_team *team) { WakeAllConditionVariable(&team->awake); }
#else
static inline void cyprop_lock(cyprop_team *team) { pthread_mutex_lock(&team->lock); }
static inline void cyprop_unlock(cyprop_team *team) { pthread_mutex_unlock(&team->lock); }
static inline void cyprop_sleep(cyprop_team *team) { pthread_cond_wait(&team->awake, &team->lock); }
static inline void cyprop_wake_sleepers(cyprop_team *team) { pthread_cond_broadcast(&team->awake); }
#endif

/* Sleep until a word is another. */
static inline void cyprop_sleep_until(cyprop_team *team, volatile long *word, long old)
{
    cyprop_lock(team);
    cyprop_add(&team->sleepers, 1);
    while (cyprop_load(word) == old) cyprop_sleep(team);
    cyprop_add(&team->sleepers, -1);
    cyprop_unlock(team);
}

/* Wait until a word is another. The clock decides for how long without sleep, since a pause lasts from
   40 to 140 cycles on different processors. To give way helps where the one that is waited for has been
   put on the same processor: both stay ready to run, so that the system soon moves one of them. */
static inline void cyprop_await(cyprop_team *team, volatile long *word, long old)
{
    long long start = 0, waited = 0;
    while (waited < CYPROP_AWAKE) {
        for (long spins = 0; spins < CYPROP_SPINS; spins++) {
            if (cyprop_load(word) != old) return;
            cyprop_pause();
        }
        if (start == 0) start = cyprop_now();
        waited = cyprop_now() - start;
        if (waited > CYPROP_ALONE) cyprop_yield();
    }
    cyprop_sleep_until(team, word, old);
}

/* Wake all who sleep, behind a change of the word that some of them wait for. */
static inline void cyprop_wake(cyprop_team *team)
{
    if (cyprop_load(&team->sleepers) == 0) return;
    cyprop_lock(team);
    cyprop_wake_sleepers(team);
    cyprop_unlock(team);
}

/* Return when all members are here; what any of them wrote before, each now sees. True if all must
   stop. */
static inline int cyprop_meet(cyprop_team *team)
{
    long meeting = cyprop_load(&team->meeting);
    long n_parts = (long)team->n_parts; /* read before arriving: the next task may have another */
    if (team->deserted) return 1;
    if (cyprop_add(&team->arrived, 1) == n_parts) {
        if (cyprop_load(&team->wanted)) cyprop_store(&team->stopped, 1);
        cyprop_store(&team->arrived, 0);
        cyprop_store(&team->meeting, meeting + 1);
        cyprop_wake(team);
    } else {
        cyprop_await(team, &team->meeting, meeting);
    }
    return cyprop_load(&team->stopped) != 0;
}

/* All stop at the next meeting, which this member must not leave out. */
static inline void cyprop_stop(cyprop_team *team) { cyprop_store(&team->wanted, 1); }
static inline int cyprop_stops(cyprop_team *team) { return cyprop_load(&team->wanted) != 0; }

/* The others are not there any more: nobody waits for them. */
static inline void cyprop_desert(cyprop_team *team)
{
    team->deserted = 1;
    cyprop_stop(team);
}

#endif
