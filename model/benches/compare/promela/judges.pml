/*
 * What is asserted, and the mutants that make it fail.
 */

/* The assertions: the invariants, and what this model assumes. JUDGED names the one to judge. */
#define EVERY 0
#define S1 1
#define S2 2
#define S3 3
#define D1 4
#define D2_AGAIN 5   /* What was delivered comes again only if a fault struck it. */
#define D2_TURN 6    /* A turn delivers in order. */
#define D2_FIRST 7   /* What was never delivered comes in order. */
#define D3 8
#define L1 9
#define L2 10
#define L3_FENCED 11  /* A checkpoint moves only under the lease's epoch. */
#define L3_FORWARD 12 /* A checkpoint never moves back. */
#define P1_WRITTEN 13 /* An acknowledged event is in its slot. */
#define ROOM 14       /* There are as many slots as numbers are handed out. */
#define OWN_RECORD 15 /* No other run has claimed the record of one that is alive. */
#ifndef JUDGED
#define JUDGED EVERY
#endif
#define JUDGE(name, condition) assert((JUDGED != EVERY && JUDGED != name) || (condition))

/* The mutants: each takes one protection out. */
#define NONE 0
#define BLIND_WRITES 1
#define OWN_TOKEN_IGNORED 2
#define NUMBERS_SWAPPED 3
#define VOIDS_AS_EVENTS 4
#define CHECKPOINT_FORGOTTEN 5
#define SKIP_GAPS 6
#define CHECKPOINT_AHEAD 7
#define EPOCH_STANDS_STILL 8
#define LEASE_TAKEN_ANYWAY 9
#define CHECKPOINT_UNFENCED 10
#define CHECKPOINT_BACKWARDS 11
#define REFUSAL_AS_DONE 12
#define CURSOR_STANDS_STILL 13 /* A turn reads on from where it read before. */
#define CLAIM_MISHEARD 14      /* A producer goes on with the record that it had before its claim. */
#ifndef MUTANT
#define MUTANT NONE
#endif

/* D3: every slot at or below the checkpoint that holds events was delivered. */
inline judge_passed() {
  for (n : 1 .. seat.checkpoint) {
    JUDGE(D3, !HOLDS_EVENTS(n) || (seat.delivered & BIT(n)))
  }
}

/* S1: a slot changes only while it is empty. S2: an event is in one slot. */
inline judge_slot(number) {
  if
  :: SLOT(number) != before ->
    JUDGE(S1, before == EMPTY);
    if
    :: HOLDS_EVENTS(number) ->
      for (n : 1 .. SLOTS) {
        JUDGE(S2, n == number || SLOT(n) != SLOT(number))
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
