//! What a refused seal says.

/// Whether all partitions are sealed for the same children: by an earlier try, or by another operator.
pub(super) fn are_for<P: PartialEq>(before: &[Vec<P>], children: &[P]) -> bool {
    before.iter().all(|sealed| sealed == children)
}
