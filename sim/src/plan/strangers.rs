//! Draws processes that open the stream with another design than it was founded with, as a deployment
//! does whose configuration is wrong.

use gapless_model::design::{Design, NAMED};

use super::Plan;
use super::dice::Dice;
use super::incident::{Happening, Incident, OperatorAction};
use super::units::Millis;

/// Has a stranger come in one plan of eight. It has dice of its own, so that the other plans are as they
/// were before there were any.
pub(super) fn add_stranger(plan: &mut Plan) {
    let mut dice = Dice::at(plan.seed, &[39, plan.profile as u64]);
    if dice.percent(12) && plan.stranger().is_some() {
        let at = Millis(dice.between(50, plan.heals.0));
        let happening = Happening::Operate { act: OperatorAction::OpenOtherwise };
        plan.incidents.push(Incident { at, happening, ambush: None });
    }
}

impl Plan {
    /// The design of a process that was configured wrongly: one that could run the stream, and is not
    /// the stream's.
    pub(crate) fn stranger(&self) -> Option<Design> {
        let can_run = |design: &Design| {
            let config = self.config().refuted_design(*design);
            *design != self.design && config.rules().is_ok()
        };
        let others: Vec<Design> = NAMED.iter().map(|known| known.design).filter(can_run).collect();
        let mut dice = Dice::at(self.seed, &[39]);
        (!others.is_empty()).then(|| *dice.pick(&others))
    }
}
