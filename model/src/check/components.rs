//! The strongly connected components of a graph.

/// Returns for each state the number of its component. A step leads to its own component or to one
/// with a lower number (Tarjan). `target` is where a state's step of an index leads to, if there is
/// one.
pub(super) fn components(
    states: usize,
    target: impl Fn(usize, usize) -> Option<usize>,
) -> Vec<u32> {
    const NONE: u32 = u32::MAX;
    let (mut order, mut low) = (vec![NONE; states], vec![NONE; states]);
    let (mut component, mut open) = (vec![NONE; states], Vec::new());
    let (mut visited, mut found) = (0, 0);
    for root in 0..states {
        let mut way = if order[root] == NONE { vec![(root, 0)] } else { Vec::new() };
        while let Some(&mut (state, ref mut step)) = way.last_mut() {
            if *step == 0 {
                (order[state], low[state]) = (visited, visited);
                visited += 1;
                open.push(state);
            }
            if let Some(to) = target(state, *step) {
                *step += 1;
                if order[to] == NONE {
                    way.push((to, 0));
                } else if component[to] == NONE {
                    low[state] = low[state].min(order[to]);
                }
                continue;
            }
            way.pop();
            if let Some(&(above, _)) = way.last() {
                low[above] = low[above].min(low[state]);
            }
            if low[state] == order[state] {
                while let Some(member) = open.pop() {
                    component[member] = found;
                    if member == state {
                        break;
                    }
                }
                found += 1;
            }
        }
    }
    component
}
