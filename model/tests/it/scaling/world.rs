//! Partitions with keys whose traffic changes from minute to minute, and a scaler that looks once a
//! minute.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gapless_model::PartitionId;
use gapless_model::scale::{
    Averages, Choice, Follower, Following, Limits, Measured, Pace, Rate, Readings, Share, Traffic,
    Window, decide,
};

/// The hashes are looked at in so many slices, each of them spread evenly.
pub const SLICES: usize = 64;
const SLICE_BITS: u8 = 6;

/// What the keys are written, in units a second.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Of each slice, what follows the first curve, and what follows the second.
    pub slices: Vec<[f64; 2]>,
    /// Hashes of single keys, with what each of them is written along the first curve.
    pub single: Vec<(u64, f64)>,
    /// The two curves: a factor for each minute. Before and after, they are as at their ends.
    pub curves: [Vec<f64>; 2],
}

impl Keys {
    /// What follows each of the curves in a partition.
    fn part(&self, partition: &PartitionId) -> [f64; 2] {
        let mut part = [0.0; 2];
        let finer = partition.bits().saturating_sub(SLICE_BITS);
        for (index, slice) in (0_u64..).zip(&self.slices) {
            let hashes = PartitionId::covering(index << (64 - SLICE_BITS), SLICE_BITS);
            if hashes.overlaps(partition) {
                for (sum, rate) in part.iter_mut().zip(slice) {
                    *sum += rate / f64::from(finer).exp2();
                }
            }
        }
        let single = self.single.iter().filter(|(hash, _)| partition.covers(*hash));
        part[0] += single.map(|(_, rate)| rate).sum::<f64>();
        part
    }

    /// What a part is written in a minute.
    fn rate(&self, part: [f64; 2], minute: i64) -> f64 {
        let factor = |curve: &[f64]| {
            let last = curve.len() as i64 - 1;
            curve[minute.clamp(0, last) as usize]
        };
        part.iter().zip(&self.curves).map(|(part, curve)| part * factor(curve)).sum()
    }
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub minute: i64,
    /// The hashes that were divided or united, by the first partition that covered them.
    pub range: PartitionId,
    pub how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Split,
    Merge,
}

/// A partition, be it open or sealed.
#[derive(Clone, Debug)]
struct Partition {
    /// What it is written, and so is each sixteenth of it.
    part: [f64; 2],
    sixteenths: Vec<[f64; 2]>,
    /// `None`: the stream began with it.
    born: Option<i64>,
    parents: Vec<PartitionId>,
    is_open: bool,
    /// What the group has not finished, in units; and that at each minute since it began the
    /// partition.
    lag: f64,
    /// What it finished so far, and what it had not finished, by the minute.
    went: BTreeMap<i64, (f64, f64)>,
}

/// A stream, and a group that reads it.
pub struct World {
    pub keys: Keys,
    pub limits: Limits,
    /// How much the group finishes of one partition, in units a second; it is never behind without.
    pub pace: Option<f64>,
    pub minute: i64,
    pub changes: Vec<Change>,
    all: BTreeMap<PartitionId, Partition>,
    when_split: BTreeMap<PartitionId, Rate>,
}

impl World {
    /// A stream that begins with two to the power of `bits` partitions.
    pub fn new(keys: Keys, limits: Limits, bits: u8) -> World {
        let (all, when_split) = Default::default();
        let mut world =
            World { keys, limits, pace: None, minute: 0, changes: vec![], all, when_split };
        for index in 0..1_u64 << bits {
            let hash = if bits == 0 { 0 } else { index << (64 - bits) };
            world.open(PartitionId::covering(hash, bits), None, Vec::new());
        }
        world
    }

    fn open(&mut self, id: PartitionId, born: Option<i64>, parents: Vec<PartitionId>) {
        let mut sixteenths = vec![id.clone()];
        for _ in 0..4 {
            sixteenths =
                sixteenths.iter().flat_map(|id| id.halves().expect("few digits")).collect();
        }
        let sixteenths = sixteenths.iter().map(|id| self.keys.part(id)).collect();
        let part = self.keys.part(&id);
        let (is_open, lag, went) = (true, 0.0, BTreeMap::new());
        self.all.insert(id, Partition { part, sixteenths, born, parents, is_open, lag, went });
    }

    /// The open partitions, with what each is written now.
    pub fn leaves(&self) -> BTreeMap<&PartitionId, f64> {
        let open = self.all.iter().filter(|(_, it)| it.is_open);
        open.map(|(id, it)| (id, self.keys.rate(it.part, self.minute))).collect()
    }

    /// How much of an open partition would stay together.
    pub fn together(&self, id: &PartitionId) -> f64 {
        let it = &self.all[id];
        let most = it.sixteenths.iter().map(|part| self.keys.rate(*part, self.minute));
        most.fold(0.0, f64::max) / self.keys.rate(it.part, self.minute)
    }

    fn averages(&self, it: &Partition) -> Averages {
        Averages::of(|window| {
            let minutes = (window.length().as_secs() / 60) as i64;
            if it.born.is_some_and(|born| self.minute - born < minutes) {
                return None;
            }
            let all = self.minute - minutes..self.minute;
            let sum: f64 = all.map(|minute| self.keys.rate(it.part, minute)).sum();
            let writes = Rate::per_second(sum / minutes as f64);
            Some(Traffic { writes, reads: Rate::ZERO })
        })
    }

    fn following(&self, it: &Partition) -> Following {
        if it.went.is_empty() {
            return Following::NotBegun;
        }
        let pace = it.went.get(&(self.minute - 2)).map(|(finished, lag)| {
            let now = it.went.last_key_value().map_or(0.0, |(_, (finished, _))| *finished);
            Pace { finished: (60.0 * (now - finished)) as u64, lag_before: (60.0 * lag) as u64 }
        });
        let rate = self.keys.rate(it.part, self.minute);
        let minutes = if rate > 0.0 { it.lag / rate } else { 0.0 };
        let behind = Duration::from_secs((60.0 * minutes) as u64);
        Following::Begun { lag: (60.0 * it.lag) as u64, behind, pace }
    }

    /// What a look shows.
    pub fn readings(&self) -> Readings {
        let measured = |it: &Partition| {
            let total = self.keys.rate(it.part, self.minute);
            let parts = it.sixteenths.iter().map(|part| self.keys.rate(*part, self.minute));
            let group = "g".to_owned();
            let follower = Follower { group, following: self.following(it) };
            Measured {
                averages: self.averages(it),
                together: Some(Share::of(parts.fold(0.0, f64::max), total)),
                age: it.born.map(|born| Duration::from_secs(60 * (self.minute - born) as u64)),
                followers: self.pace.map(|_| follower).into_iter().collect(),
            }
        };
        let open = self.all.iter().filter(|(_, it)| it.is_open);
        let open = open.map(|(id, it)| (id.clone(), measured(it))).collect();
        Readings { open, when_split: self.when_split.clone() }
    }

    /// A minute passes, and the scaler does what it decides. Returns how much that is.
    pub fn pass(&mut self) -> usize {
        self.consume();
        self.minute += 1;
        let before = self.changes.len();
        let mut done = BTreeSet::new();
        for decision in decide(&self.limits, &self.readings()) {
            let id = decision.partition;
            match decision.choice {
                Choice::Split { halves, .. } => {
                    let averages = Window::ALL.map(|window| {
                        self.averages(&self.all[&id])
                            .over(window)
                            .map_or(Rate::ZERO, Traffic::weight)
                    });
                    let most = averages.into_iter().fold(Rate::ZERO, Rate::max);
                    self.when_split.insert(id.clone(), most);
                    self.seal(&id);
                    self.note(id.clone(), How::Split);
                    for half in halves {
                        self.open(half, Some(self.minute), vec![id.clone()]);
                    }
                }
                Choice::Merge { with, into, .. } => {
                    if !done.insert(into.clone()) {
                        continue;
                    }
                    [&id, &with].into_iter().for_each(|half| self.seal(half));
                    self.note(into.clone(), How::Merge);
                    self.open(into, Some(self.minute), vec![id, with]);
                }
                Choice::Held { .. } | Choice::Keep(_) => {}
            }
        }
        self.changes.len() - before
    }

    fn seal(&mut self, id: &PartitionId) {
        let it = self.all.get_mut(id).expect("it is there");
        assert!(std::mem::take(&mut it.is_open), "{id} was open");
    }

    fn note(&mut self, id: PartitionId, how: How) {
        let digits = id.as_str().replace('~', "");
        let range = digits.parse().expect("an id");
        self.changes.push(Change { minute: self.minute, range, how });
    }

    /// The group goes on for a minute, in what comes after partitions that it has finished.
    fn consume(&mut self) {
        let Some(pace) = self.pace else { return };
        let drained = |it: &Partition| !it.is_open && !it.went.is_empty() && it.lag <= 0.0;
        let finished: BTreeSet<_> =
            self.all.iter().filter(|(_, it)| drained(it)).map(|(id, _)| id.clone()).collect();
        for it in self.all.values_mut() {
            let comes = if it.is_open { self.keys.rate(it.part, self.minute) } else { 0.0 };
            it.lag += comes;
            if it.parents.iter().all(|parent| finished.contains(parent)) {
                let does = pace.min(it.lag);
                it.lag -= does;
                let before = it.went.last_key_value().map_or(0.0, |(_, (finished, _))| *finished);
                it.went.insert(self.minute + 1, (before + does, it.lag));
            }
        }
    }
}
