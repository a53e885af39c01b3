//! The search for an order of one item's pieces.

use std::collections::{BTreeSet, HashSet};

use super::bounds::{Bounds, Earliest};
use super::partition::{Partition, hash_of};
use super::pieces::{Pieces, Says, Unheard};
use crate::store::{FromSlots, Reply, Request, Slot, View, apply};
use crate::vocabulary::{SpanOf, Vocabulary};

/// The search for an order of one item's pieces.
///
/// It goes deep first. In each configuration it takes every piece that changes nothing and is true,
/// since it would be as true in any order that takes it later. Then it tries, one after the other, the
/// changes that were heard of, and last those that may have happened unheard. A configuration is given
/// up when the item is beyond what is still to be explained.
pub(super) struct Search<'a, V: Vocabulary> {
    pieces: &'a Pieces<V>,
    skew: SpanOf<V>,
    /// The steps that are left.
    left: u64,
    items: Partition<V>,
    /// The heard pieces that have no place in the order yet.
    open: BTreeSet<usize>,
    /// How often each unheard effect has happened.
    happened: Vec<u8>,
    /// A hash of those two.
    hash: u64,
    bounds: Bounds,
    /// Configurations that were looked at.
    visited: HashSet<(u64, u64)>,
    /// The piece that stopped the order which explains the most.
    stopped: Option<usize>,
}

/// How a search ended.
pub(super) enum Found<V: Vocabulary> {
    /// An order explains everything, and leaves the items so.
    Order(Partition<V>),
    /// No order explains everything.
    None,
    /// The steps were used up. No order explained more than those up to this piece.
    GivenUp(usize),
}

/// A step of an order.
#[derive(Clone, Copy, Hash)]
enum Step {
    Heard(usize),
    Unheard(usize),
}

/// A configuration, and what is still to be tried in it.
struct Frame {
    /// Where the journal and the order were before the step that led here.
    mark: usize,
    begin: usize,
    /// The heard pieces that no other one precedes.
    possible: Vec<usize>,
    choices: Vec<Step>,
    /// Whether these are the last ones.
    all: bool,
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
            open: (0..pieces.heard.len()).collect(),
            happened: vec![0; pieces.unheard.len()],
            hash: 0,
            bounds: Bounds::of(pieces),
            visited: HashSet::new(),
            stopped: None,
        }
    }

    pub(super) fn run(mut self) -> Found<V> {
        let (mut trail, mut frames) = (Vec::new(), Vec::new());
        let (mut mark, mut begin) = (0, 0);
        loop {
            let (possible, choices) = self.settle(&mut trail);
            if self.open.is_empty() {
                return Found::Order(self.items);
            }
            if self.visited.insert((self.hash, self.items.hash())) {
                self.note_stop(&possible);
                let is_over = self.bounds.are_passed_by(self.items.clock(), &self.open);
                let choices = if is_over { Vec::new() } else { choices };
                frames.push(Frame { mark, begin, possible, choices, all: is_over });
            } else {
                self.undo(&mut trail, begin, mark);
            }
            let Some(step) = self.next_step(&mut frames, &mut trail) else {
                return Found::None;
            };
            if self.left == 0 {
                return Found::GivenUp(self.stopped.unwrap_or_default());
            }
            self.left -= 1;
            (mark, begin) = (self.items.mark(), trail.len());
            self.apply(step);
            self.place(&mut trail, step);
        }
    }

    /// Goes back to the last configuration in which something is left to be tried, and says what.
    fn next_step(&mut self, frames: &mut Vec<Frame>, trail: &mut Vec<Step>) -> Option<Step> {
        loop {
            let frame = frames.last_mut()?;
            if let Some(step) = frame.choices.pop() {
                return Some(step);
            }
            if !frame.all {
                (frame.choices, frame.all) = (self.unheard_steps(&frame.possible), true);
                continue;
            }
            self.undo(trail, frame.begin, frame.mark);
            frames.pop();
        }
    }

    /// Places every piece that is true and changes nothing, until there is none. Returns the pieces that
    /// no other one precedes then, and the changes among them that could come next, the best one last.
    fn settle(&mut self, trail: &mut Vec<Step>) -> (Vec<usize>, Vec<Step>) {
        loop {
            let possible = self.possible();
            let (mut settled, mut changes) = (false, Vec::new());
            for &piece in &possible {
                let mark = self.items.mark();
                let is_true = self.is_true(piece);
                let is_change = self.items.has_changed_since(mark);
                self.items.undo_to(mark);
                if is_true && is_change {
                    changes.push(piece);
                } else if is_true {
                    self.place(trail, Step::Heard(piece));
                    settled = true;
                }
            }
            if !settled {
                // What was heard first, happened first, if nothing speaks against it.
                changes.sort_by_key(|&piece| std::cmp::Reverse(self.pieces.heard[piece].heard));
                return (possible, changes.into_iter().map(Step::Heard).collect());
            }
        }
    }

    /// The heard pieces without a place that no other one precedes.
    fn possible(&self) -> Vec<usize> {
        let heard = &self.pieces.heard;
        let mut earliest = Earliest::<V>::new(self.skew);
        let mut open = Vec::new();
        for &index in &self.open {
            let piece = &heard[index];
            if earliest.precede_all_from(piece.sent) {
                break;
            }
            open.push(index);
            earliest.add(piece.process, piece.heard);
        }
        open.retain(|&index| !earliest.precede(heard[index].process, heard[index].sent));
        open
    }

    /// The changes that may have happened unheard, and that lead to different items.
    fn unheard_steps(&mut self, possible: &[usize]) -> Vec<Step> {
        let mut earliest = Earliest::<V>::new(self.skew);
        for piece in possible.iter().map(|&piece| &self.pieces.heard[piece]) {
            earliest.add(piece.process, piece.heard);
        }
        let may_rise = !self.bounds.are_passed_by(self.items.clock() + 1, &self.open);
        let (mut steps, mut results) = (Vec::new(), HashSet::new());
        let pieces = self.pieces;
        for (index, unheard) in pieces.unheard.iter().enumerate().rev() {
            let is_left = self.happened[index] < pieces.most_effects;
            let fits = self.may_change(unheard, may_rise) && is_left;
            if !fits || earliest.precede(unheard.process, unheard.sent) {
                continue;
            }
            let mark = self.items.mark();
            self.apply(Step::Unheard(index));
            let is_new = self.items.has_changed_since(mark) && results.insert(self.items.hash());
            self.items.undo_to(mark);
            if is_new {
                steps.push(Step::Unheard(index));
            }
        }
        steps
    }

    /// Whether an unheard request can change the item at all, as far as that is seen at once.
    fn may_change(&self, unheard: &Unheard<V>, may_rise: bool) -> bool {
        match &unheard.request {
            Request::Raise(_) | Request::Acquire { .. } => may_rise,
            Request::Renew { fence, .. }
            | Request::Checkpoint { fence, .. }
            | Request::Release { fence, .. } => {
                fence.is_none_or(|epoch| epoch.0 == self.items.clock())
            }
            Request::Claim { .. }
            | Request::Create { .. }
            | Request::Seal { .. }
            | Request::Merge { .. }
            | Request::Write(_)
            | Request::Void { .. }
            | Request::RaiseAndWrite { .. }
            | Request::SetLease { .. }
            | Request::Wake { .. } => true,
            Request::ReadHead { .. }
            | Request::ReadTail { .. }
            | Request::ReadSlot { .. }
            | Request::ReadEvents { .. }
            | Request::ReadLease { .. } => false,
        }
    }

    /// Whether a piece is true of the items, which become what it makes of them.
    fn is_true(&mut self, piece: usize) -> bool {
        match &self.pieces.heard[piece].says {
            Says::Answer(request, reply) => apply(&mut self.items, request, View::Latest) == *reply,
            Says::Slot(seq, slot) => self.items.content(*seq) == *slot,
            Says::Filled(seq) => self.items.content(*seq) != Slot::Empty,
            Says::Releasable(request) => {
                let mark = self.items.mark();
                let reply = apply(&mut self.items, request, View::Latest);
                self.items.undo_to(mark);
                reply == Reply::Released
            }
            Says::Never => false,
        }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Heard(piece) => drop(self.is_true(piece)),
            Step::Unheard(index) => {
                drop(apply(&mut self.items, &self.pieces.unheard[index].request, View::Latest));
            }
        }
    }

    fn place(&mut self, trail: &mut Vec<Step>, step: Step) {
        trail.push(step);
        match step {
            Step::Heard(piece) => {
                self.open.remove(&piece);
                self.hash ^= hash_of(&step);
            }
            Step::Unheard(index) => {
                self.happened[index] += 1;
                self.turn(index);
            }
        }
    }

    fn undo(&mut self, trail: &mut Vec<Step>, begin: usize, mark: usize) {
        for step in trail.drain(begin..) {
            match step {
                Step::Heard(piece) => {
                    self.open.insert(piece);
                    self.hash ^= hash_of(&step);
                    self.bounds.reopen(piece);
                }
                Step::Unheard(index) => {
                    self.turn(index);
                    self.happened[index] -= 1;
                }
            }
        }
        self.items.undo_to(mark);
    }

    /// Notes that an effect happened once more, or once less. Where one can happen many times, only what
    /// it leads to counts: otherwise the same items would be searched once for each of the calls that
    /// may have led there.
    fn turn(&mut self, index: usize) {
        if self.pieces.most_effects == 1 {
            self.hash ^= hash_of(&Step::Unheard(index));
        }
    }

    /// Notes what stops the order here, if it explains more than those before.
    fn note_stop(&mut self, possible: &[usize]) {
        let heard = |piece: usize| self.pieces.heard[piece].heard;
        let first = possible.iter().copied().min_by_key(|&piece| heard(piece));
        if let Some(first) = first
            && self.stopped.is_none_or(|stopped| heard(first) > heard(stopped))
        {
            self.stopped = Some(first);
        }
    }
}
