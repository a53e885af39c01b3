/*
 * The protocol of the recommended design, as the Rust model in model/src has it: one partition, one
 * group, named producers, workers that take turns under a lease, a clock. One step of the Rust
 * model is one d_step here. README.md lists the differences.
 *
 * Parameters, given to spin as -DNAME=value:
 *   EVENTS (1 to 3)       the number of events that each producer appends
 *   CRASHES, LOST_REPLIES, EXPIRIES
 *                         the largest number of faults of each kind on one path
 *   MUTANT                a protection to take out; see below. Default: none.
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

/* Mutants, by the names that the Rust model has for them. */
#define NONE 0
#define BLIND_WRITES 1         /* S1 */
#define OWN_TOKEN_IGNORED 2    /* S2 */
#define VOIDS_AS_EVENTS 3      /* D1 */
#define CHECKPOINT_FORGOTTEN 4 /* D2 */
#define CHECKPOINT_AHEAD 5     /* D3 */
#define EPOCH_STANDS_STILL 6   /* L1 */
#define LEASE_TAKEN_ANYWAY 7   /* L2 */
#define CHECKPOINT_UNFENCED 8  /* L3 */
#ifndef MUTANT
#define MUTANT NONE
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
  /* For D2: the last slot delivered under this lease. */
  unsigned delivered : NUMBER
};

/* The group's item, and what the judges remember of its deliveries. */
typedef Seat {
  bit exists;
  bit held;
  /* The worker that holds the lease, plus 1; 0 for a run that has ended. */
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

/* Temporaries of one step, which are no part of the state. */
hidden byte n, w, last, before, count, granted, taken, again, excused, known;

#define SLOT(number) slots[(number) - 1]
#define BIT(number) (1 << ((number) - 1))
#define HOLDS_EVENTS(number) (SLOT(number) > VOIDED)

/* Judges. */

/* D3: every slot at or below the checkpoint that holds events was delivered. */
inline judge_passed() {
  for (n : 1 .. seat.checkpoint) {
    assert(!HOLDS_EVENTS(n) || (seat.delivered & BIT(n)))
  }
}

/* S1: a slot changes only while it is empty. S2: an event is in one slot. */
inline judge_slot(number) {
  if
  :: SLOT(number) != before ->
    assert(before == EMPTY);
    if
    :: HOLDS_EVENTS(number) ->
      for (n : 1 .. SLOTS) {
        assert(n == number || SLOT(n) != SLOT(number))
      }
    :: else
    fi;
    judge_passed()
  :: else
  fi
}

/* D2: what was delivered and is not finished may be delivered again. */
inline excuse() {
  seat.excused = seat.excused | ((seat.delivered >> seat.checkpoint) << seat.checkpoint)
}

/* Producers. */

#define ME _pid
#define P producers[_pid]

/* An append begins with its first request, whichever run sends it. */
inline note_start() {
  if
  :: P.phase > CLAIM && P.began == 0 ->
    known = 0;
    last = 0;
    for (n : 1 .. SLOTS) {
      if
      :: acknowledged & BIT(n) ->
        last = n;
        if
        :: SLOT(n) >= EVENT(ME, P.answered + 1) && SLOT(n) <= EVENT(ME, EVENTS) -> known = 1
        :: else
        fi
      :: else
      fi
    }
    if
    :: !known -> P.began = last + 1
    :: else
    fi
  :: else
  fi
}

/* S3, and of P1 that an acknowledged event is in its slot. */
inline acknowledge() {
  last = P.seen_slot;
  P.answered = P.answered + 1;
  assert(SLOT(last) == EVENT(ME, P.answered));
  if
  :: !(acknowledged & BIT(last)) ->
    assert(P.began == 0 || last >= P.began);
    P.began = 0;
    acknowledged = acknowledged | BIT(last)
  :: else
  fi
}

inline forget_record() {
  P.seen_epoch = 0;
  P.seen_number = 0;
  P.seen_slot = 0
}

inline remember_record() {
  P.seen_epoch = P.epoch;
  P.seen_number = P.number;
  P.seen_slot = P.slot
}

/* Whether the record is the one that the producer saw. */
#define AS_SEEN \
  (P.epoch == P.seen_epoch && P.number == P.seen_number && P.slot == P.seen_slot)

/* Applies the write that a producer wants; `granted` is its reply. */
inline apply_producers() {
  note_start();
  granted = 0;
  if
  :: P.phase == CLAIM && AS_SEEN ->
    granted = 1;
    P.epoch = P.epoch + 1
  :: P.phase == RAISE && AS_SEEN ->
    granted = 1;
    assert(head < SLOTS);
    head = head + 1;
    P.number = P.answered + 1;
    P.slot = head
  :: P.phase == WRITE && (MUTANT == BLIND_WRITES || SLOT(P.seen_slot) == EMPTY) ->
    granted = 1;
    before = SLOT(P.seen_slot);
    SLOT(P.seen_slot) = EVENT(ME, P.answered + 1);
    judge_slot(P.seen_slot);
    if
    :: before == EMPTY -> seat.triggers = seat.triggers + 1
    :: else
    fi
  :: else
  fi
}

inline next_append() {
  if
  :: P.answered >= EVENTS -> P.phase = FINISHED; forget_record()
  :: else -> P.phase = RAISE
  fi
}

/* A batch that the record names may or may not have been written. */
inline after_claim() {
  if
  :: P.seen_number > P.answered + 1 -> P.answered = P.seen_number - 1
  :: else
  fi;
  if
  :: P.seen_number <= P.answered -> next_append()
  :: else -> P.phase = RECOVER
  fi
}

/* What a producer does that finds its slot taken. */
inline after_taken_slot() {
  if
  :: SLOT(P.seen_slot) == EVENT(ME, P.answered + 1) && MUTANT != OWN_TOKEN_IGNORED ->
    acknowledge();
    next_append()
  :: else -> P.phase = RAISE
  fi
}

inline tell_producer() {
  if
  :: P.phase == CLAIM ->
    /* Refused, it claims the record that it is shown. */
    remember_record();
    if
    :: granted -> after_claim()
    :: else
    fi
  :: P.phase == RAISE ->
    /* Refused, it is shown its own record: the raise had been applied. */
    assert(P.epoch == P.seen_epoch);
    remember_record();
    P.phase = WRITE
  :: P.phase == WRITE ->
    if
    :: granted -> acknowledge(); next_append()
    :: else -> after_taken_slot()
    fi
  fi
}

inline end_producer() {
  crashes = crashes - 1;
  P.phase = DEAD;
  P.answered = 0;
  forget_record()
}

#define PRODUCER_WRITES (P.phase == CLAIM || P.phase == RAISE || P.phase == WRITE)

active [PRODUCERS] proctype Producing() {
  do
  :: d_step { P.phase == START -> remember_record(); P.phase = CLAIM }
  :: d_step { P.phase == RECOVER ->
      note_start();
      if
      :: SLOT(P.seen_slot) == EMPTY -> P.phase = WRITE
      :: else -> after_taken_slot()
      fi
    }
  :: d_step { PRODUCER_WRITES -> apply_producers(); tell_producer() }
  :: d_step { PRODUCER_WRITES && lost_replies > 0 ->
      lost_replies = lost_replies - 1;
      apply_producers()
    }
  :: d_step { PRODUCER_WRITES && crashes > 0 -> apply_producers(); end_producer() }
  :: d_step { P.phase < FINISHED && crashes > 0 -> end_producer() }
  :: d_step { P.phase == DEAD -> P.phase = START }
  od
}

#undef ME

/* Workers. */

#define ME (_pid - PRODUCERS)
#define W workers[_pid - PRODUCERS]
#define HOLDS (W.phase >= READ)
#define IS_OVER (HOLDS && W.ends == 0)

inline clear_page() {
  W.items = 0;
  W.voids = 0;
  W.handled = 0;
  W.renewing = 0
}

inline end_turn() {
  W.phase = IDLE;
  W.fresh = 0;
  W.current = 0;
  W.ends = 0;
  W.cursor = 0;
  W.upto = 0;
  clear_page();
  W.waited = 0;
  W.delivered = 0
}

/* The turn takes its lease for lost: it ended by its own clock, or another write has taken it.
 * Otherwise it leaves deliveries behind for no reason, which is no excuse (D2). */
inline lose_lease(over) {
  if
  :: over || !W.current || !seat.held -> excuse()
  :: else -> seat.deserted = 1
  fi;
  end_turn();
  seat.triggers = seat.triggers + 1
}

/* Whether an acquire raises the lease's epoch. Epochs are not counted: all that matters of one is
 * whether it is the lease's. */
#define RAISES_EPOCH (MUTANT != EPOCH_STANDS_STILL)

/* Takes the lease if it is free or has ended. */
inline acquire() {
  if
  :: !seat.held || seat.until == 0 || MUTANT == LEASE_TAKEN_ANYWAY ->
    granted = 1;
    /* L1: an epoch has one owner. */
    assert(RAISES_EPOCH || !seat.exists || seat.owner == ME + 1);
    if
    :: seat.held && !seat.deserted -> excuse()
    :: else
    fi;
    if
    :: seat.held -> seat.deserted = 0
    :: else
    fi;
    seat.exists = 1;
    seat.held = 1;
    seat.owner = ME + 1;
    seat.until = LEASE + SKEW;
    if
    :: RAISES_EPOCH ->
      /* Every other epoch is lower from now on. */
      for (w : 0 .. WORKERS - 1) {
        workers[w].current = 0
      }
    :: else
    fi
  :: else
  fi
}

/* L3: the checkpoint moves only forward, and only under the lease's epoch. */
inline move_checkpoint() {
  if
  :: (W.current || MUTANT == CHECKPOINT_UNFENCED) && seat.checkpoint < W.upto ->
    granted = 1;
    if
    :: MUTANT != CHECKPOINT_FORGOTTEN ->
      assert(W.current);
      before = seat.checkpoint;
      seat.checkpoint = W.upto + (MUTANT == CHECKPOINT_AHEAD -> 1 : 0);
      assert(seat.checkpoint > before);
      if
      :: seat.held -> seat.until = LEASE + SKEW
      :: else
      fi;
      judge_passed()
    :: else
    fi
  :: else
  fi
}

/* Applies the write that a worker wants; `granted` and `taken` are its reply. */
inline apply_workers() {
  W.fresh = 0;
  granted = 0;
  taken = 0;
  if
  :: W.phase == ACQUIRE -> acquire()
  :: W.phase == DELIVER || W.phase == GAP ->
    if
    :: W.current && seat.held -> granted = 1; seat.until = LEASE + SKEW
    :: else
    fi
  :: W.phase == VOID ->
    before = SLOT(W.cursor + 1);
    if
    :: before == EMPTY -> SLOT(W.cursor + 1) = VOIDED; judge_slot(W.cursor + 1)
    :: else
    fi
  :: W.phase == CHECKPOINT -> move_checkpoint()
  :: W.phase == RELEASE ->
    if
    :: W.current && seat.held ->
      if
      :: SLOT(W.cursor + 1) != EMPTY -> taken = 1
      :: else -> granted = 1; seat.held = 0; seat.owner = 0; seat.until = 0
      fi
    :: else
    fi
  fi
}

/* A lease under the worker's own name that has not ended was taken by this turn's own request. */
inline tell_acquire() {
  if
  :: granted || (seat.owner == ME + 1 && seat.until > SKEW) ->
    W.ends = seat.until - SKEW;
    W.cursor = seat.checkpoint;
    W.current = 1;
    W.phase = READ
  :: else -> end_turn(); seat.triggers = seat.triggers + 1
  fi
}

inline tell_renewal() {
  if
  :: granted ->
    W.ends = LEASE;
    W.renewing = 0;
    if
    :: W.handled -> W.phase = CHECKPOINT; clear_page()
    :: else
    fi
  :: else -> lose_lease(0)
  fi
}

/* A checkpoint that is where it should be was moved by this turn's own request. */
inline tell_checkpoint() {
  if
  :: granted || (W.current && seat.held && seat.checkpoint >= W.upto) ->
    if
    :: granted -> W.ends = LEASE
    :: else -> W.ends = (seat.until > SKEW -> seat.until - SKEW : 0)
    fi;
    W.cursor = W.upto;
    W.upto = 0;
    W.phase = READ
  :: else -> lose_lease(0)
  fi
}

inline tell_release() {
  if
  :: taken -> W.phase = READ
  :: !taken && (granted || (W.current && !seat.held)) -> end_turn()
  :: else -> lose_lease(0)
  fi
}

/* L2: at most one worker acts as the owner of the lease. */
inline judge_active() {
  if
  :: W.phase >= READ && W.phase < RELEASE && W.ends > 0 ->
    for (w : 0 .. WORKERS - 1) {
      assert(w == ME || workers[w].phase < READ || workers[w].phase == RELEASE
        || workers[w].ends == 0)
    }
  :: else
  fi
}

inline tell_worker() {
  if
  :: W.phase == ACQUIRE -> tell_acquire()
  :: W.phase == DELIVER || W.phase == GAP -> tell_renewal()
  :: W.phase == VOID -> W.phase = READ
  :: W.phase == CHECKPOINT -> tell_checkpoint()
  :: W.phase == RELEASE -> tell_release()
  fi;
  judge_active()
}

/* Reads a page behind the cursor: the first items, and which of them are voids. */
inline read_page() {
  count = 0;
  last = 0;
  for (n : W.cursor + 1 .. SLOTS) {
    if
    :: SLOT(n) != EMPTY && count < PAGE ->
      count = count + 1;
      last = n;
      W.items = W.items | BIT(n);
      if
      :: SLOT(n) == VOIDED && MUTANT != VOIDS_AS_EVENTS -> W.voids = W.voids | BIT(n)
      :: else
      fi
    :: else
    fi
  }
}

/* The page decides: deliver, pass voids, wait at a gap, or release at the tail. */
inline act_on_page() {
  n = W.cursor;
  known = 0;
  do
  :: n < last && (W.items & BIT(n + 1)) ->
    n = n + 1;
    if
    :: !(W.voids & BIT(n)) -> known = 1
    :: else
    fi
  :: else -> break
  od;
  if
  :: known -> W.upto = n; W.phase = DELIVER
  :: !known && n > W.cursor -> W.upto = n; W.phase = CHECKPOINT; clear_page()
  :: !known && n == W.cursor && last > 0 -> W.phase = GAP; clear_page()
  :: else -> W.phase = RELEASE
  fi
}

/* D1: what is delivered was appended. D2: slots come in order, and none comes again unless a fault
 * struck its delivery. What an owner delivers that lost its lease is no concern of the next one. */
inline judge_delivery() {
  assert(HOLDS_EVENTS(n));
  again = (seat.delivered & BIT(n)) != 0;
  excused = (seat.excused & BIT(n)) != 0;
  assert(!(again && !excused && seat.held && W.current));
  assert(n > W.delivered && (again || (seat.delivered >> n) == 0));
  seat.delivered = seat.delivered | BIT(n);
  if
  :: seat.held && W.current -> seat.excused = seat.excused & ~BIT(n)
  :: else -> seat.excused = seat.excused | BIT(n)
  fi;
  W.delivered = n
}

inline deliver() {
  for (n : W.cursor + 1 .. W.upto) {
    if
    :: !(W.voids & BIT(n)) -> judge_delivery()
    :: else
    fi
  }
  if
  :: W.renewing -> W.handled = 1
  :: else -> W.phase = CHECKPOINT; clear_page()
  fi
}

/* What is due by the worker's clock. */
inline look_at_clock() {
  if
  :: W.ends == 0 -> lose_lease(1)
  :: W.ends > 0 && W.phase == GAP && W.waited >= GRACE -> W.phase = VOID; W.waited = 0
  :: else -> W.renewing = 1
  fi
}

inline end_worker() {
  crashes = crashes - 1;
  if
  :: HOLDS -> excuse()
  :: else
  fi;
  if
  :: seat.owner == ME + 1 -> seat.owner = 0
  :: else
  fi;
  end_turn();
  seat.triggers = seat.triggers + 1
}

#define WAITS (W.phase == DELIVER || W.phase == GAP)
#define IS_DUE (IS_OVER || (WAITS && !W.renewing && \
  (W.ends <= LEASE - RENEW || (W.phase == GAP && W.waited >= GRACE))))
#define WORKER_WRITES (W.phase != IDLE && W.phase != READ && !IS_OVER && (!WAITS || W.renewing))

active [WORKERS] proctype Consuming() {
  do
  :: d_step { W.phase == IDLE && seat.triggers > 0 ->
      seat.triggers = seat.triggers - 1;
      W.phase = ACQUIRE;
      W.fresh = 1
    }
  :: d_step { IS_DUE -> look_at_clock() }
  :: d_step { W.phase == READ && W.ends > 0 -> read_page(); act_on_page() }
  :: d_step { WORKER_WRITES -> apply_workers(); tell_worker() }
  :: d_step { WORKER_WRITES && lost_replies > 0 ->
      lost_replies = lost_replies - 1;
      apply_workers()
    }
  :: d_step { WORKER_WRITES && crashes > 0 -> apply_workers(); end_worker() }
  :: d_step { W.phase == DELIVER && !W.handled && W.ends > 0 -> deliver() }
  :: d_step { W.phase != IDLE && crashes > 0 -> end_worker() }
  od
}

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
