//! A stable sort whose comparisons may fail. Knows no values.

use std::cmp::Ordering;

use crate::error::Result;

/// Sorts `items` by merging, equal ones in the order they had; what has no order counts as equal.
///
/// # Errors
/// The first error of `compare`; `OutOfMemory`.
pub(crate) fn sort<T: Clone>(
    items: &mut [T],
    mut compare: impl FnMut(&T, &T) -> Result<Option<Ordering>>,
) -> Result<()> {
    let mut other: Vec<T> = Vec::new();
    other.try_reserve_exact(items.len())?;
    let mut width = 1;
    while width < items.len() {
        other.clear();
        for pair in items.chunks(2 * width) {
            let (mut left, mut right) = pair.split_at(width.min(pair.len()));
            while let (Some(a), Some(b)) = (left.first(), right.first()) {
                if compare(b, a)? == Some(Ordering::Less) {
                    other.push(b.clone());
                    right = &right[1..];
                } else {
                    other.push(a.clone());
                    left = &left[1..];
                }
            }
            other.extend_from_slice(left);
            other.extend_from_slice(right);
        }
        items.clone_from_slice(&other);
        width *= 2;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_items_keep_their_order() {
        for count in 0..40 {
            let mut items: Vec<(u32, u32)> = (0..count).map(|at| (at * 7 % 5, at)).collect();
            let mut expected = items.clone();
            expected.sort_by_key(|item| item.0);
            sort(&mut items, |a, b| Ok(Some(a.0.cmp(&b.0)))).unwrap();
            assert_eq!(items, expected);
        }
    }
}
