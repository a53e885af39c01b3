//! What a producer leaves behind that is done, and nothing asks for any more.

use super::super::small::{PartitionNo, ProducerNo};
use super::{Work, World};

impl World {
    /// Forgets what only a producer's own requests and answers ask for, once the producer is done.
    ///
    /// Its records are read by requests that name it, and compared with by no others. How things stood
    /// when its append began is asked for when that is answered (S3), where the last raise came from by
    /// the one that sent it, and where a run is by that run. None of these comes any more: no run of it
    /// is alive, a run that has ended does not start again, and no request under way names it. So
    /// states that differ in nothing else have the same future. What it appended stays: the slots with
    /// their tokens, and which of them were acknowledged. `home` is where each producer begins.
    pub(in crate::check) fn forget_done(&mut self, home: PartitionNo) {
        let names = self.logs.first().map_or(0, |log| log.records.len());
        for name in (0..names as u8).map(ProducerNo) {
            if !self.is_done(name) {
                continue;
            }
            for log in &mut self.logs {
                log.records[name.index()] = None;
                log.began[name.index()] = None;
                log.raiser.take_if(|raiser| raiser.token.producer == name);
            }
            for run in [name, name.other()] {
                if let Some(run) = self.producers.get_mut(run.index()) {
                    run.route = home;
                }
            }
        }
    }

    /// Whether no run of a producer does anything any more, and no request under way names it.
    fn is_done(&self, name: ProducerNo) -> bool {
        let ended = |run: ProducerNo| match self.producers.get(run.index()).map(|run| &run.work) {
            // A second run starts only beside one that is alive.
            None | Some(Work::Finished | Work::Fenced | Work::Asleep) => true,
            // One that is dead may run again.
            Some(Work::Claim(_) | Work::Between(_) | Work::Append(_) | Work::Dead) => false,
        };
        let named = || self.network.0.iter().any(|late| late.request.producer() == Some(&name));
        ended(name) && ended(name.other()) && !named()
    }
}
