/* A team of threads that lives for one call.

   `cyprop_run` gives every member the same task, does one share of it in the calling thread and
   joins the others before it returns: no thread, lock or pool is left behind, so fork() is safe
   afterwards. Members who need each other's results meet. */

#ifndef CYPROP_TEAM_H
#define CYPROP_TEAM_H

#include <stddef.h>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <process.h>
#else
#include <pthread.h>
#include <time.h>
#endif

#define CYPROP_MOST_MEMBERS 256
#define CYPROP_STACK_BYTES (1 << 20) /* some systems' default is too little for the kernels */
#define CYPROP_SPINS 2000            /* some 0.1 ms; then the processor is for whoever needs it */
#define CYPROP_NAP 20000             /* ns */
#define CYPROP_LOOK 30000000         /* ns between two looks for Ctrl-C */

typedef struct {
    ptrdiff_t n_parts;
    volatile long arrived; /* members at this meeting */
    volatile long meeting; /* how many there have been; the first is the start */
    volatile long wanted;  /* that all stop; any member may want that at any time */
    volatile long stopped; /* whether they do: changes in a meeting, so all see the same after it */
    long deserted;         /* the others were left behind by a fork, in whose child this is */
} cyprop_team;

/* The share of the work numbered index, of team->n_parts. */
typedef void (*cyprop_task)(void *work, ptrdiff_t index, cyprop_team *team);

#if defined(_MSC_VER)
static inline long cyprop_load(volatile long *word) { return InterlockedCompareExchange(word, 0, 0); }
static inline void cyprop_store(volatile long *word, long value) { InterlockedExchange(word, value); }
static inline long cyprop_increment(volatile long *word) { return InterlockedIncrement(word); }
#else
static inline long cyprop_load(volatile long *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
static inline void cyprop_store(volatile long *word, long value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}
static inline long cyprop_increment(volatile long *word)
{
    return __atomic_add_fetch(word, 1, __ATOMIC_ACQ_REL);
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

/* For a long one, as when a member has lost its processor to another process. */
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

static inline void cyprop_await(volatile long *word, long old)
{
    for (long spins = 0; spins < CYPROP_SPINS; spins++) {
        if (cyprop_load(word) != old) return;
        cyprop_pause();
    }
    while (cyprop_load(word) == old) cyprop_nap();
}

/* Return when all members are here; what any of them wrote before, each now sees. True if all must
   stop. */
static inline int cyprop_meet(cyprop_team *team)
{
    long meeting = cyprop_load(&team->meeting);
    if (team->deserted) return 1;
    if (cyprop_increment(&team->arrived) == team->n_parts) {
        if (cyprop_load(&team->wanted)) cyprop_store(&team->stopped, 1);
        cyprop_store(&team->arrived, 0);
        cyprop_store(&team->meeting, meeting + 1);
    } else {
        cyprop_await(&team->meeting, meeting);
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

typedef struct {
    cyprop_team *team;
    cyprop_task task;
    void *work;
    ptrdiff_t index;
} cyprop_member;

static inline void cyprop_join_in(const cyprop_member *member)
{
    cyprop_await(&member->team->meeting, 0);
    member->task(member->work, member->index, member->team);
}

#if defined(_WIN32)

typedef HANDLE cyprop_thread;

static unsigned __stdcall cyprop_main(void *member)
{
    cyprop_join_in((const cyprop_member *)member);
    return 0;
}

static inline int cyprop_start(cyprop_thread *thread, cyprop_member *member)
{
    *thread = (HANDLE)_beginthreadex(
        NULL, CYPROP_STACK_BYTES, cyprop_main, member, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    return *thread != NULL;
}

static inline void cyprop_join(cyprop_thread thread)
{
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

#else

typedef pthread_t cyprop_thread;

static void *cyprop_main(void *member)
{
    cyprop_join_in((const cyprop_member *)member);
    return NULL;
}

static inline int cyprop_start(cyprop_thread *thread, cyprop_member *member)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes)) return 0;
    int started = pthread_attr_setstacksize(&attributes, CYPROP_STACK_BYTES) == 0
        && pthread_create(thread, &attributes, cyprop_main, member) == 0;
    pthread_attr_destroy(&attributes);
    return started;
}

static inline void cyprop_join(cyprop_thread thread) { pthread_join(thread, NULL); }

#endif

/* Do the task in n_parts shares; in fewer where the system gives no more threads. */
static inline void cyprop_run(cyprop_task task, void *work, ptrdiff_t n_parts)
{
    cyprop_team team = {1, 0, 0, 0, 0, 0};
    cyprop_thread threads[CYPROP_MOST_MEMBERS];
    cyprop_member members[CYPROP_MOST_MEMBERS];
    while (team.n_parts < n_parts && team.n_parts < CYPROP_MOST_MEMBERS) {
        cyprop_member member = {&team, task, work, team.n_parts};
        members[team.n_parts] = member;
        if (!cyprop_start(&threads[team.n_parts], &members[team.n_parts])) break;
        team.n_parts++;
    }
    cyprop_store(&team.meeting, 1);
    task(work, 0, &team);
    for (ptrdiff_t i = 1; i < team.n_parts && !team.deserted; i++) cyprop_join(threads[i]);
}

#endif
