/*
 * The protocol of the recommended design, as the Rust model in model/src has it: one partition, one
 * group, named producers, workers that take turns under a lease, a clock. One step of the Rust
 * model is one d_step here. ../README.md lists the differences.
 *
 * Parameters, given to spin as -DNAME=value:
 *   EVENTS (1 to 3)       the number of events that each producer appends
 *   CRASHES, LOST_REPLIES, EXPIRIES
 *                         the largest number of faults of each kind on one path
 *   LATE_CHECKPOINTS      the largest number of checkpoints of which a copy arrives later. The
 *                         Rust side of the comparison has none; they are for the self-check.
 *   MUTANT, JUDGED        a protection to take out, and the one assertion to judge (judges.pml).
 *                         Default: none, and every one.
 */

#ifndef EVENTS
#define EVENTS 1
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef LOST_REPLIES
#define LOST_REPLIES 0
#endif
#ifndef EXPIRIES
#define EXPIRIES 0
#endif
#ifndef LATE_CHECKPOINTS
#define LATE_CHECKPOINTS 0
#endif

#define PRODUCERS 2
#define WORKERS 2

/* The most slots: each event once, and a void for each event of another producer behind it. The
 * names of numbers are literals, because the widths of variables have to be. */
#if EVENTS == 1
#define SLOTS 3
#define NUMBER 2
#elif EVENTS == 2
#define SLOTS 7
#define NUMBER 3
#else
#define SLOTS 11
#define NUMBER 4
#endif

/* The number of items on a page. */
#define PAGE 4

/* Times are counted from the present, in ticks. A lease lasts two, a renewal is due after one, a
 * gap is voided after one, and clocks differ by at most one. */
#define LEASE 2
#define RENEW 1
#define GRACE 1
#define SKEW 1
/* A gap that was waited for so long looks the same for ever after. */
#define LONGEST 4

/* What a slot holds: nothing, a void, or an event of a producer. */
#define EMPTY 0
#define VOIDED 1
#define EVENT(p, number) (1 + (p) * EVENTS + (number))

/* What a producer does. */
#define START 0
#define CLAIM 1
#define RECOVER 2
#define RAISE 3
#define WRITE 4
#define FINISHED 5
#define DEAD 6

/* What a worker does. From READ on it holds the lease, as far as it knows. */
#define IDLE 0
#define ACQUIRE 1
#define READ 2
#define DELIVER 3
#define GAP 4
#define VOID 5
#define CHECKPOINT 6
#define RELEASE 7

/* Fields are not nested, because each structure takes whole words of a state. */
typedef Producer {
  unsigned phase : 3;
  unsigned answered : 2;
  /* Its record in the partition's item; there is none if the epoch is 0. A batch is one event. */
  unsigned epoch : 4;
  unsigned number : 2;
  unsigned slot : NUMBER;
  /* The record as the producer knows it: it was claimed, or is to be. */
  unsigned seen_epoch : 4;
  unsigned seen_number : 2;
  unsigned seen_slot : NUMBER;
  /* For S3: one more than the last slot that was acknowledged when the first append that is not
   * acknowledged yet sent its first request; 0 if it has sent none. */
  unsigned began : 4
};

typedef Worker {
  unsigned phase : 3;
  /* Whether the turn has sent no request yet. */
  bit fresh;
  /* Whether the epoch that it holds is the lease's. A lower one never is again. */
  bit current;
  /* The ticks until its lease ends, by its own clock. */
  unsigned ends : 2;
  unsigned cursor : NUMBER;
  unsigned upto : NUMBER;
  /* The page: bit n - 1 for slot n. */
  unsigned items : SLOTS;
  unsigned voids : SLOTS;
  bit handled;
  bit renewing;
  /* The ticks that it has waited at a gap. */
  unsigned waited : 3;
  /* A slot that was filled when empty ones before it were seen first, or 0; and the ticks since,
   * at most GRACE. */
  unsigned gap_before : NUMBER;
  unsigned gap_age : 1;
  /* For D2: the last slot delivered under this lease. */
  unsigned delivered : NUMBER
};

/* The group's item, and what the judges remember of its deliveries. */
typedef Seat {
  bit exists;
  bit held;
  /* The worker whose turn holds the lease, plus 1; 0 for a turn that has ended. */
  unsigned owner : 2;
  /* The lease's end plus SKEW; 0 if that is past by every clock, or the lease is free. */
  unsigned until : 2;
  unsigned checkpoint : NUMBER;
  unsigned delivered : SLOTS;
  unsigned excused : SLOTS;
  bit deserted;
  unsigned triggers : 4
};

Producer producers[PRODUCERS];
Worker workers[WORKERS];
Seat seat;
/* Slot n is at n - 1. The one behind the last stays empty. */
byte slots[SLOTS + 1];
/* The partition's head, and for S3 the slots that were acknowledged. */
unsigned head : NUMBER;
unsigned acknowledged : SLOTS;
/* The faults that may still strike. */
unsigned crashes : 3 = CRASHES;
unsigned lost_replies : 3 = LOST_REPLIES;
unsigned expiries : 3 = EXPIRIES;

#if LATE_CHECKPOINTS > 0
/* The copy of a checkpoint that is still to arrive, and whether its epoch is the lease's. */
typedef Copy {
  bit exists;
  bit current;
  unsigned upto : NUMBER
};
Copy copy;
unsigned late_checkpoints : 3 = LATE_CHECKPOINTS;
#endif

/* Temporaries of one step, which are no part of the state. */
hidden byte n, w, last, before, count, granted, taken, again, excused, known, gapped;

#define SLOT(number) slots[(number) - 1]
#define BIT(number) (1 << ((number) - 1))
#define HOLDS_EVENTS(number) (SLOT(number) > VOIDED)

#include "judges.pml"
#include "producer.pml"
#include "worker.pml"

/* Time. Where it ends the lease of a worker that is alive, that worker was too slow: a fault. */

#define EXPIRES(number) (workers[number].phase >= READ && workers[number].ends == 1)

inline pass_tick() {
  for (w : 0 .. WORKERS - 1) {
    if
    :: EXPIRES(w) -> expiries = expiries - 1; excuse()
    :: else
    fi;
    if
    :: workers[w].ends > 0 -> workers[w].ends = workers[w].ends - 1
    :: else
    fi;
    if
    :: workers[w].phase == GAP && workers[w].waited < LONGEST ->
      workers[w].waited = workers[w].waited + 1
    :: else
    fi;
    if
    :: workers[w].gap_before > 0 && workers[w].gap_age < GRACE ->
      workers[w].gap_age = workers[w].gap_age + 1
    :: else
    fi
  }
  if
  :: seat.until > 0 -> seat.until = seat.until - 1
  :: else
  fi
}

active proctype Time() {
  do
  :: d_step { EXPIRES(0) + EXPIRES(1) <= expiries -> pass_tick() }
  od
}

#if LATE_CHECKPOINTS > 0
/* The network hands over the copy. It leaves the lease's end alone, which L3 does not speak of. */
active proctype Network() {
  do
  :: d_step { copy.exists ->
      granted = 0;
      move_checkpoint(copy.current, copy.upto);
      copy.exists = 0;
      copy.current = 0;
      copy.upto = 0
    }
  od
}
#endif
