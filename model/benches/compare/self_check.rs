//! Shows that every assertion of the Promela model can fail: one that cannot checks nothing.

use std::collections::BTreeSet;

use super::pan;

/// A mutant, and the faults under which it violates an assertion.
struct Proof {
    assertion: &'static str,
    mutant: &'static str,
    faults: &'static [(&'static str, u8)],
}

const fn proof(
    assertion: &'static str,
    mutant: &'static str,
    faults: &'static [(&'static str, u8)],
) -> Proof {
    Proof { assertion, mutant, faults }
}

/// One for each assertion of `promela/`.
const PROOFS: [Proof; 15] = [
    proof("S1", "BLIND_WRITES", &[]),
    proof("S2", "OWN_TOKEN_IGNORED", &[("LOST_REPLIES", 1)]),
    proof("S3", "NUMBERS_SWAPPED", &[]),
    proof("D1", "VOIDS_AS_EVENTS", &[]),
    proof("D2_AGAIN", "CHECKPOINT_FORGOTTEN", &[]),
    proof("D2_TURN", "CURSOR_STANDS_STILL", &[]),
    proof("D2_FIRST", "SKIP_GAPS", &[("CRASHES", 1)]),
    proof("D3", "CHECKPOINT_AHEAD", &[]),
    proof("L1", "EPOCH_STANDS_STILL", &[]),
    proof("L2", "LEASE_TAKEN_ANYWAY", &[]),
    // Only a checkpoint that arrives late meets a lease that another worker has taken.
    proof("L3_FENCED", "CHECKPOINT_UNFENCED", &[("EXPIRIES", 1), ("LATE_CHECKPOINTS", 1)]),
    proof("L3_FORWARD", "CHECKPOINT_BACKWARDS", &[("LATE_CHECKPOINTS", 1)]),
    proof("P1_WRITTEN", "REFUSAL_AS_DONE", &[]),
    // Each rerun after a lost reply takes another number.
    proof("ROOM", "OWN_TOKEN_IGNORED", &[("LOST_REPLIES", 2)]),
    proof("OWN_RECORD", "CLAIM_MISHEARD", &[]),
];

/// Takes out one protection after the other, and has Spin judge the one assertion that should fail
/// without it; then all of them with every protection in place, where none may fail.
///
/// # Errors
/// An assertion that does not fail, or fails where it must not, or has no mutant here.
pub fn run() -> Result<(), String> {
    let model = pan::text();
    let missing = unproven(&model);
    if !missing.is_empty() {
        let missing = missing.join(", ");
        return Err(format!("no mutant is named that violates {missing}: add one to PROOFS"));
    }
    println!("{:<12} is violated without the protection that this mutant takes out", "assertion");
    for Proof { assertion, mutant, faults } in &PROOFS {
        if !violates(assertion, mutant, faults)? {
            return Err(format!("{assertion} is not violated by the mutant {mutant}"));
        }
        println!("{assertion:<12} {}", mutant.to_lowercase().replace('_', "-"));
    }
    let faults = [("CRASHES", 1), ("LOST_REPLIES", 1), ("EXPIRIES", 1), ("LATE_CHECKPOINTS", 1)];
    if violates("EVERY", "NONE", &faults)? {
        return Err("an assertion is violated with every protection in place".to_owned());
    }
    println!("{:<12} none: with every protection in place, all of them hold\n", "");
    Ok(())
}

/// Whether an assertion is violated.
fn violates(assertion: &str, mutant: &str, faults: &[(&str, u8)]) -> Result<bool, String> {
    let mut parameters = vec![format!("-DJUDGED={assertion}"), format!("-DMUTANT={mutant}")];
    parameters.extend(faults.iter().map(|(kind, most)| format!("-D{kind}={most}")));
    // Nearly all of the time goes into compiling.
    let pan = pan::build(&format!("self-check-{assertion}"), &parameters, &["-O1", "-DNOREDUCE"])?;
    pan.violates()
}

/// The assertions in the text of the model that no mutant is named for.
fn unproven(model: &str) -> Vec<&str> {
    let calls = model.split("JUDGE(").skip(1);
    let judged = calls.filter_map(|call| call.split(',').next()).filter(|name| *name != "name");
    let judged: BTreeSet<_> = judged.collect();
    let proven: BTreeSet<_> = PROOFS.iter().map(|proof| proof.assertion).collect();
    // An assertion by another name than `JUDGE` could not be judged alone.
    let bare = model.matches("assert(").count() > 1;
    let bare = bare.then_some("an assertion that is not a JUDGE");
    judged.difference(&proven).copied().chain(bare).collect()
}
