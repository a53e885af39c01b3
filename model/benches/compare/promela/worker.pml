/*
 * A worker: it takes the lease, reads, delivers, moves the checkpoint, and releases.
 */

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
  W.gap_before = 0;
  W.gap_age = 0;
  W.delivered = 0;
  /* An owner is a turn: the next one has another name. */
  if
  :: seat.owner == ME + 1 -> seat.owner = 0
  :: else
  fi
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
    JUDGE(L1, RAISES_EPOCH || !seat.exists || seat.owner == ME + 1);
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
#if LATE_CHECKPOINTS > 0
      copy.current = 0
#endif
    :: else
    fi
  :: else
  fi
}

/* L3: the checkpoint moves only forward, and only under the lease's epoch. */
inline move_checkpoint(fenced, target) {
  if
  :: (fenced || MUTANT == CHECKPOINT_UNFENCED) &&
      (seat.checkpoint < target || MUTANT == CHECKPOINT_BACKWARDS) ->
    granted = 1;
    if
    :: MUTANT != CHECKPOINT_FORGOTTEN ->
      JUDGE(L3_FENCED, fenced);
      before = seat.checkpoint;
      seat.checkpoint = target + (MUTANT == CHECKPOINT_AHEAD -> 1 : 0);
      JUDGE(L3_FORWARD, seat.checkpoint >= before);
      judge_passed()
    :: else
    fi
  :: else
  fi
}

inline apply_checkpoint() {
  move_checkpoint(W.current, W.upto);
  if
  :: granted && seat.held && MUTANT != CHECKPOINT_FORGOTTEN -> seat.until = LEASE + SKEW
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
    /* `upto` is the slot before the one that is voided. */
    before = SLOT(W.upto + 1);
    if
    :: before == EMPTY -> SLOT(W.upto + 1) = VOIDED; judge_slot(W.upto + 1)
    :: else
    fi
  :: W.phase == CHECKPOINT -> apply_checkpoint()
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
    if
    :: MUTANT != CURSOR_STANDS_STILL -> W.cursor = W.upto
    :: else
    fi;
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
      JUDGE(L2, w == ME || workers[w].phase < READ || workers[w].phase == RELEASE
        || workers[w].ends == 0)
    }
  :: else
  fi
}

inline tell_worker() {
  if
  :: W.phase == ACQUIRE -> tell_acquire()
  :: W.phase == DELIVER || W.phase == GAP -> tell_renewal()
  :: W.phase == VOID -> W.phase = READ; W.upto = 0
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
    :: SLOT(n) == EMPTY && MUTANT == SKIP_GAPS ->
      W.items = W.items | BIT(n);
      W.voids = W.voids | BIT(n)
    :: else
    fi
  }
}

/* Whether a slot behind the cursor and before another one is empty, as far as the page shows. */
inline look_for_gap(limit) {
  gapped = 0;
  n = W.cursor + 1;
  do
  :: n < limit ->
    if
    :: !(W.items & BIT(n)) -> gapped = 1
    :: else
    fi;
    n = n + 1
  :: else -> break
  od
}

/* Empty slots of one page age together, unless older ones are still before them. */
inline age_gaps() {
  look_for_gap(W.gap_before);
  if
  :: !gapped ->
    W.gap_before = 0;
    W.gap_age = 0;
    look_for_gap(last);
    if
    :: gapped -> W.gap_before = last
    :: else
    fi
  :: else
  fi
}

#define HAS_AGED(slot) (slot < W.gap_before && W.gap_age >= GRACE)

/* The page decides: deliver, pass voids, wait at a gap or void it, or release at the tail. */
inline act_on_page() {
  age_gaps();
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
  :: n < last && HAS_AGED(n + 1) && (n == W.cursor || W.ends > LEASE - RENEW) ->
    /* What is in front of it is delivered together with what is behind it. */
    W.upto = n;
    W.phase = VOID;
    clear_page()
  :: else ->
    if
    :: known -> W.upto = n; W.phase = DELIVER
    :: !known && n > W.cursor -> W.upto = n; W.phase = CHECKPOINT; clear_page()
    :: !known && n == W.cursor && last > 0 -> W.phase = GAP; W.waited = W.gap_age; clear_page()
    :: else -> W.phase = RELEASE
    fi
  fi
}

/* D1: what is delivered was appended. D2: slots come in order, and none comes again unless a fault
 * struck its delivery. What an owner delivers that lost its lease is no concern of the next one. */
inline judge_delivery() {
  JUDGE(D1, HOLDS_EVENTS(n));
  again = (seat.delivered & BIT(n)) != 0;
  excused = (seat.excused & BIT(n)) != 0;
  JUDGE(D2_AGAIN, !(again && !excused && seat.held && W.current));
  JUDGE(D2_TURN, n > W.delivered);
  JUDGE(D2_FIRST, again || (seat.delivered >> n) == 0);
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
  :: W.ends > 0 && W.phase == GAP && W.waited >= GRACE ->
    W.phase = VOID;
    W.upto = W.cursor;
    W.waited = 0
  :: else -> W.renewing = 1
  fi
}

inline end_worker() {
  crashes = crashes - 1;
  if
  :: HOLDS -> excuse()
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
#if LATE_CHECKPOINTS > 0
  :: d_step { WORKER_WRITES && W.phase == CHECKPOINT && late_checkpoints > 0 && !copy.exists ->
      late_checkpoints = late_checkpoints - 1;
      copy.exists = 1;
      copy.current = W.current;
      copy.upto = W.upto
    }
#endif
  :: d_step { WORKER_WRITES && crashes > 0 -> apply_workers(); end_worker() }
  :: d_step { W.phase == DELIVER && !W.handled && W.ends > 0 -> deliver() }
  :: d_step { W.phase != IDLE && crashes > 0 -> end_worker() }
  od
}
