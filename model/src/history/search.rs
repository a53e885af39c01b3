//! The search for an order of one item's pieces.

use std::collections::HashSet;

use super::call::Unexplained;
use super::partition::Partition;
use super::pieces::{Piece, Pieces, Says, Unheard};
use crate::store::{FromSlots, Reply, Slot, View, apply};
use crate::vocabulary::{SpanOf, Time, Vocabulary};

/// The search for an order of one item's pieces.
///
/// It goes deep first. In each configuration it takes every piece that changes nothing and is true,
/// since it would be as true in any order that takes it later. Then it tries, one after the other, the
/// changes that were heard of, and last those that may have happened unheard.
pub(super) struct Search<'a, V: Vocabulary> {
    pieces: &'a Pieces<V>,
    skew: SpanOf<V>,
    /// The steps that are left.
    left: u64,
    items: Partition<V>,
    /// Which pieces have their place in the order, those that were heard first.
    placed: Vec<bool>,
    /// A hash of `placed`.
    hash: u64,
    /// No heard piece before this one is without a place.
    low: usize,
    /// Configurations that led nowhere.
    failed: HashSet<(u64, u64)>,
    /// The piece that stopped the order which explains the most, and what the store would have answered.
    stopped: Option<(usize, Box<Reply<V>>)>,
}

/// A configuration, and what is still to be tried in it.
struct Frame {
    /// Where the journal and the order were before the choice that led here.
    mark: usize,
    begin: usize,
    choices: Vec<usize>,
    /// Whether these are the last ones.
    all: bool,
    key: (u64, u64),
}

impl<'a, V: Vocabulary> Search<'a, V>
where
    V::Group: Ord,
    V::Name: Ord,
    V::Page: FromSlots<V>,
{
    pub(super) fn of(pieces: &'a Pieces<V>, skew: SpanOf<V>, most: u64) -> Self {
        Search {
            pieces,
            skew,
            left: most,
            items: Partition::new(),
            placed: vec![false; pieces.heard.len() + pieces.unheard.len()],
            hash: 0,
            low: 0,
            failed: HashSet::new(),
            stopped: None,
        }
    }

    /// The first answer that no order gives, with the time at which it was heard.
    pub(super) fn run(mut self) -> Option<(V::Time, Unexplained<V>)> {
        let (mut trail, mut frames) = (Vec::new(), Vec::new());
        let (mut mark, mut begin) = (0, 0);
        loop {
            self.settle(&mut trail);
            if self.low == self.pieces.heard.len() {
                return None;
            }
            let key = (self.hash, self.items.hash());
            if self.failed.contains(&key) {
                self.undo(&mut trail, begin, mark);
            } else {
                self.note_stop();
                let choices = self.heard_choices();
                frames.push(Frame { mark, begin, choices, all: false, key });
            }
            let Some(choice) = self.next_choice(&mut frames, &mut trail) else {
                return self.unexplained(false);
            };
            if self.left == 0 {
                return self.unexplained(true);
            }
            self.left -= 1;
            (mark, begin) = (self.items.mark(), trail.len());
            self.apply(choice);
            self.place(&mut trail, choice);
        }
    }

    /// Goes back to the last configuration in which something is left to be tried, and says what.
    fn next_choice(&mut self, frames: &mut Vec<Frame>, trail: &mut Vec<usize>) -> Option<usize> {
        loop {
            let frame = frames.last_mut()?;
            if let Some(choice) = frame.choices.pop() {
                return Some(choice);
            }
            if !frame.all {
                (frame.choices, frame.all) = (self.unheard_choices(), true);
                continue;
            }
            self.failed.insert(frame.key);
            self.undo(trail, frame.begin, frame.mark);
            frames.pop();
        }
    }

    /// Places every piece that is true and changes nothing, until there is none.
    fn settle(&mut self, trail: &mut Vec<usize>) {
        loop {
            let mut settled = false;
            for piece in self.possible() {
                let mark = self.items.mark();
                let is_true = self.is_true(piece);
                let changes = self.items.has_changed_since(mark);
                self.items.undo_to(mark);
                if is_true && !changes {
                    self.place(trail, piece);
                    settled = true;
                }
            }
            if !settled {
                return;
            }
        }
    }

    /// The changes that were heard of and could come next, the best one last.
    fn heard_choices(&mut self) -> Vec<usize> {
        let mut heard = Vec::new();
        for piece in self.possible() {
            let mark = self.items.mark();
            if self.is_true(piece) {
                heard.push(piece);
            }
            self.items.undo_to(mark);
        }
        // What was heard first, happened first, if nothing speaks against it.
        heard.sort_by_key(|&piece| std::cmp::Reverse(self.pieces.heard[piece].heard));
        heard
    }

    /// The changes that may have happened unheard.
    fn unheard_choices(&mut self) -> Vec<usize> {
        let open = self.possible();
        let mut unheard = Vec::new();
        for (index, piece) in self.pieces.unheard.iter().enumerate() {
            let number = self.pieces.heard.len() + index;
            if self.placed[number] || !self.may_follow(&open, piece) {
                continue;
            }
            let mark = self.items.mark();
            self.apply(number);
            if self.items.has_changed_since(mark) {
                unheard.push(number);
            }
            self.items.undo_to(mark);
        }
        unheard
    }

    /// The heard pieces without a place that no other one precedes.
    fn possible(&self) -> Vec<usize> {
        let heard = &self.pieces.heard;
        let mut first: Option<&Piece<V>> = None;
        let mut open = Vec::new();
        for (index, piece) in heard.iter().enumerate().skip(self.low) {
            if first.is_some_and(|first| first.heard.plus(self.skew) < piece.sent) {
                break;
            }
            if self.placed[index] {
                continue;
            }
            open.push(index);
            if first.is_none_or(|first| piece.heard < first.heard) {
                first = Some(piece);
            }
        }
        let precedes = |one: usize, other: usize| self.precedes(&heard[one], &heard[other]);
        let is_free = |&piece: &usize| !open.iter().any(|&other| precedes(other, piece));
        open.iter().copied().filter(is_free).collect()
    }

    /// Whether one piece was heard before the other was asked.
    fn precedes(&self, one: &Piece<V>, other: &Piece<V>) -> bool {
        match one.process == other.process {
            true => one.heard < other.sent,
            false => one.heard.plus(self.skew) < other.sent,
        }
    }

    /// The piece without a place that was heard first.
    fn first_heard(&self) -> Option<usize> {
        let open = self.possible();
        open.into_iter().min_by_key(|&piece| self.pieces.heard[piece].heard)
    }

    /// Whether something unheard can come before those that could come next.
    fn may_follow(&self, open: &[usize], unheard: &Unheard<V>) -> bool {
        open.iter().map(|&piece| &self.pieces.heard[piece]).all(|piece| {
            match piece.process == unheard.process {
                true => unheard.sent <= piece.heard,
                false => unheard.sent <= piece.heard.plus(self.skew),
            }
        })
    }

    /// Whether a piece is true of the items, which become what it makes of them.
    fn is_true(&mut self, piece: usize) -> bool {
        match &self.pieces.heard[piece].says {
            Says::Answer(request, reply) => apply(&mut self.items, request, View::Latest) == *reply,
            Says::Slot(seq, slot) => self.items.content(*seq) == *slot,
            Says::Filled(seq) => self.items.content(*seq) != Slot::Empty,
        }
    }

    fn apply(&mut self, piece: usize) {
        match self.pieces.heard.get(piece) {
            Some(_) => drop(self.is_true(piece)),
            None => {
                let unheard = &self.pieces.unheard[piece - self.pieces.heard.len()];
                drop(apply(&mut self.items, &unheard.request, View::Latest));
            }
        }
    }

    fn place(&mut self, trail: &mut Vec<usize>, piece: usize) {
        self.turn(piece);
        trail.push(piece);
        while self.low < self.pieces.heard.len() && self.placed[self.low] {
            self.low += 1;
        }
    }

    fn turn(&mut self, piece: usize) {
        self.placed[piece] = !self.placed[piece];
        self.hash ^= spread(piece as u64 + 1);
    }

    fn undo(&mut self, trail: &mut Vec<usize>, begin: usize, mark: usize) {
        for piece in trail.drain(begin..) {
            self.turn(piece);
            self.low = self.low.min(piece);
        }
        self.items.undo_to(mark);
    }

    /// Notes what stops the order here, if it explains more than those before.
    fn note_stop(&mut self) {
        let Some(piece) = self.first_heard() else { return };
        let heard = |piece: usize| self.pieces.heard[piece].heard;
        if self.stopped.as_ref().is_none_or(|(stopped, _)| heard(piece) > heard(*stopped)) {
            let instead = match &self.pieces.heard[piece].says {
                Says::Answer(request, _) => {
                    let mark = self.items.mark();
                    let reply = apply(&mut self.items, request, View::Latest);
                    self.items.undo_to(mark);
                    reply
                }
                Says::Slot(seq, _) | Says::Filled(seq) => Reply::Slot(self.items.content(*seq)),
            };
            self.stopped = Some((piece, Box::new(instead)));
        }
    }

    fn unexplained(self, given_up: bool) -> Option<(V::Time, Unexplained<V>)> {
        let (piece, instead) = self.stopped?;
        let Piece { call, heard, .. } = &self.pieces.heard[piece];
        let call = *call;
        let unexplained = match given_up {
            true => Unexplained::GivenUp { call },
            false => Unexplained::Answer { call, instead },
        };
        Some((*heard, unexplained))
    }
}

/// A number whose every bit depends on the whole of another one (the finaliser of SplitMix64).
fn spread(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}
