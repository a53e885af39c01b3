//! How long everything may take once all trouble has ended.

use super::Plan;
use super::participants::ProducerPlan;
use super::units::Millis;

/// What an append takes without faults, in milliseconds, about.
pub(super) const APPEND: u64 = 30;

/// How long everything may take once all trouble has ended: to append the longest input from its
/// beginning, to hand partitions over from one owner to the next, and to handle what is left, page by
/// page. A message that a function was invoked with and did not finish is hidden for a while. The rest is
/// for retries, sweeps and invocations under way.
pub(super) fn patience(plan: &Plan) -> Millis {
    let inputs = plan.producers.iter().map(|producer| input(plan, producer));
    let handling = plan.workers.iter().map(|plan| plan.handling.0);
    let (input, handling) = (inputs.max().unwrap_or(0), handling.max().unwrap_or(0));
    let events: u64 = plan.producers.iter().map(|producer| u64::from(producer.events)).sum();
    let deliveries = 4 + plan.page.map_or(0, |page| events / u64::from(page.get()));
    let hidden = plan.visibility.0;
    Millis(input + deliveries * handling + hidden + 5 * plan.lease.0 + 5_000)
}

/// How long an input takes. Of two instances of a producer the older one first comes to its end, or is
/// fenced. The newer one may be at work by then and have been fenced by it, and learns that at the
/// latest at the end of its input; then it runs once more.
fn input(plan: &Plan, producer: &ProducerPlan) -> u64 {
    let alone = |plan: &ProducerPlan| u64::from(plan.events) * (plan.pause.0 + APPEND);
    let older = producer.twin.and_then(|twin| plan.producers.get(usize::from(twin.of)));
    older.map_or_else(|| alone(producer), |older| alone(older) + 2 * alone(producer))
}
