/*
 * A producer: it claims its record, raises the head, and writes its event.
 */

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
  JUDGE(P1_WRITTEN, SLOT(last) == EVENT(ME, P.answered));
  if
  :: !(acknowledged & BIT(last)) ->
    JUDGE(S3, P.began == 0 || last >= P.began);
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
    JUDGE(ROOM, head < SLOTS);
    head = head + 1;
    P.number = P.answered + 1;
    P.slot = (MUTANT == NUMBERS_SWAPPED && head <= 2 -> 3 - head : head)
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
    if
    :: granted && MUTANT == CLAIM_MISHEARD
    :: else -> remember_record()
    fi;
    if
    :: granted -> after_claim()
    :: else
    fi
  :: P.phase == RAISE ->
    /* Refused, it is shown its own record: the raise had been applied. */
    JUDGE(OWN_RECORD, P.epoch == P.seen_epoch);
    remember_record();
    P.phase = WRITE
  :: P.phase == WRITE ->
    if
    :: granted || MUTANT == REFUSAL_AS_DONE -> acknowledge(); next_append()
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
