/* A team of threads, which work for one thread: the caller, who does one share of each task.

   A team lives for one task, or is kept by its caller for several: as long as `fit` takes. When it ends
   its threads are joined: no thread, lock or pool is left behind, so fork() is safe afterwards. While a
   team is kept, only its caller uses it, and in the child of a fork it starts afresh. */

#ifndef CYPROP_TEAM_H
#define CYPROP_TEAM_H

#include "meeting.h"
#include <stdlib.h>

#if defined(_WIN32)
#include <process.h>
#else
#include <unistd.h>
#endif

#if defined(_MSC_VER)
#define CYPROP_OF_A_THREAD __declspec(thread)
#else
#define CYPROP_OF_A_THREAD __thread
#endif

#define CYPROP_STACK_BYTES (1 << 20) /* some systems' default is too little for the kernels */

#if defined(_WIN32)
typedef HANDLE cyprop_thread;
#else
typedef pthread_t cyprop_thread;
#endif

struct cyprop_member {
    cyprop_team *team;
    ptrdiff_t index;
    cyprop_thread thread;
    volatile long orders; /* that were given to it: how many tasks, and to go home at last */
    char apart[CYPROP_APART];
};

/* What a member does all its life. */
static inline void cyprop_serve(cyprop_member *member)
{
    cyprop_team *team = member->team;
    for (long served = 0;; served++) {
        cyprop_await(team, &member->orders, served);
        if (team->task == NULL) return;
        team->task(team->work, member->index, team);
        cyprop_meet(team);
    }
}

#if defined(_WIN32)

static unsigned __stdcall cyprop_main(void *member)
{
    cyprop_serve((cyprop_member *)member);
    return 0;
}

static inline int cyprop_start(cyprop_member *member)
{
    member->thread = (HANDLE)_beginthreadex(
        NULL, CYPROP_STACK_BYTES, cyprop_main, member, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    return member->thread != NULL;
}

static inline void cyprop_join(cyprop_member *member)
{
    WaitForSingleObject(member->thread, INFINITE);
    CloseHandle(member->thread);
}

static inline long cyprop_process(void) { return 0; }

static inline void cyprop_make_bed(cyprop_team *team)
{
    InitializeSRWLock(&team->lock);
    InitializeConditionVariable(&team->awake);
}

static inline void cyprop_leave_bed(cyprop_team *team) { (void)team; }

#else

static void *cyprop_main(void *member)
{
    cyprop_serve((cyprop_member *)member);
    return NULL;
}

static inline int cyprop_start(cyprop_member *member)
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes)) return 0;
    int started = pthread_attr_setstacksize(&attributes, CYPROP_STACK_BYTES) == 0
        && pthread_create(&member->thread, &attributes, cyprop_main, member) == 0;
    pthread_attr_destroy(&attributes);
    return started;
}

static inline void cyprop_join(cyprop_member *member) { pthread_join(member->thread, NULL); }

static inline long cyprop_process(void) { return (long)getpid(); }

/* Where members sleep. */
static inline void cyprop_make_bed(cyprop_team *team)
{
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->awake, NULL);
}

static inline void cyprop_leave_bed(cyprop_team *team)
{
    pthread_cond_destroy(&team->awake);
    pthread_mutex_destroy(&team->lock);
}

#endif

/* A team of the caller alone, who has no need of a bed or of members. */
static inline void cyprop_begin(cyprop_team *team)
{
    team->n_parts = team->n_members = 1;
    team->deserted = team->wanted = team->stopped = team->meeting = team->arrived = 0;
    team->sleepers = team->busy = team->process = 0;
}

/* Have so many members, or as many as the system gives; orders: those that new ones begin with. */
static inline void cyprop_engage(cyprop_team *team, ptrdiff_t n_members, long orders)
{
    if (team->n_members == 1 && n_members > 1) {
        cyprop_make_bed(team);
        team->process = cyprop_process();
    }
    while (team->n_members < n_members) {
        cyprop_member *member = (cyprop_member *)malloc(sizeof(cyprop_member));
        if (member == NULL) break;
        member->team = team;
        member->index = team->n_members;
        member->orders = orders;
        if (!cyprop_start(member)) {
            free(member);
            break;
        }
        team->members[team->n_members++] = member;
    }
}

/* Go on without members. Those of a parent are not there in the child of a fork, and whether they held
   the lock nobody knows: it is left as it is. */
static inline void cyprop_dismiss(cyprop_team *team)
{
    int here = team->process == cyprop_process();
    if (team->n_members == 1) return;
    team->task = NULL;
    for (ptrdiff_t i = 1; here && i < team->n_members; i++) cyprop_add(&team->members[i]->orders, 1);
    if (here) cyprop_wake(team);
    for (ptrdiff_t i = 1; i < team->n_members; i++) {
        if (here) cyprop_join(team->members[i]);
        free(team->members[i]);
    }
    if (here) cyprop_leave_bed(team);
    cyprop_begin(team);
}

/* Give the first n_parts members a task, do a share of it and return when all is done. `apart` is for
   tasks whose members never meet and take what there is to do piece by piece: then each begins as soon
   as its thread does. */
static inline void cyprop_work(
    cyprop_team *team, cyprop_task task, void *work, ptrdiff_t n_parts, int apart)
{
    ptrdiff_t missing = 0, old = team->n_members;
    if (n_parts > CYPROP_MOST_MEMBERS) n_parts = CYPROP_MOST_MEMBERS;
    if (!apart) cyprop_engage(team, n_parts, 0);
    if (!apart && n_parts > team->n_members) n_parts = team->n_members;
    if (!apart || old > n_parts) old = n_parts;
    team->task = task;
    team->work = work;
    team->n_parts = n_parts;
    cyprop_store(&team->wanted, 0);
    cyprop_store(&team->stopped, 0);
    for (ptrdiff_t i = 1; i < old; i++) cyprop_add(&team->members[i]->orders, 1);
    if (old > 1) cyprop_wake(team);
    if (apart) {
        cyprop_engage(team, n_parts, 1);
        if (n_parts > team->n_members) missing = n_parts - team->n_members;
    }
    team->busy = 1;
    task(work, 0, team);
    if (n_parts > 1 && !team->deserted) {
        if (missing) cyprop_add(&team->arrived, (long)missing);
        cyprop_meet(team);
    }
    team->busy = 0;
}

/* The team that this thread has kept last, if it keeps one. */
static CYPROP_OF_A_THREAD cyprop_team *cyprop_kept;

static inline void cyprop_keep(cyprop_team *team)
{
    cyprop_begin(team);
    team->before = cyprop_kept;
    cyprop_kept = team;
}

/* Keep it no longer. Others may have been kept since and still be: greenlets of one thread take turns
   as they like. */
static inline void cyprop_keep_no_longer(cyprop_team *team)
{
    cyprop_team **place = &cyprop_kept;
    while (*place != NULL && *place != team) place = &(*place)->before;
    if (*place == team) *place = team->before;
    cyprop_dismiss(team);
}

/* End the threads of the team that is kept; the next task starts others. They stay where a signal
   handler asks, which has interrupted a task: they wait for the thread that it runs in. */
static inline void cyprop_rest(void)
{
    if (cyprop_kept != NULL && !cyprop_kept->busy) cyprop_dismiss(cyprop_kept);
}

/* Do a task in n_parts shares, or in fewer where the system gives no more threads, with the team that
   is kept or one for this task alone. A signal handler that interrupts a task has to do without the
   team that is busy with it. */
static inline void cyprop_run(cyprop_task task, void *work, ptrdiff_t n_parts, int apart)
{
    cyprop_team own, *team = &own;
    if (n_parts > 1 && cyprop_kept != NULL && !cyprop_kept->busy) {
        team = cyprop_kept;
        if (team->process != cyprop_process()) cyprop_dismiss(team);
    } else {
        cyprop_begin(team);
    }
    cyprop_work(team, task, work, n_parts, apart);
    if (team == &own) cyprop_dismiss(team);
}

#endif
