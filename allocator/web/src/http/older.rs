/// The cursor of the next page of a list with `page` entries a page: what `last` gives for the last
/// entry of this one. None: this page is not full, so it is the last.
pub(crate) fn older<T, C>(found: &[T], page: i64, last: impl Fn(&T) -> C) -> Option<C> {
    let is_full = i64::try_from(found.len()).is_ok_and(|found| found >= page);
    found.last().filter(|_| is_full).map(last)
}

#[cfg(test)]
mod tests {
    use super::older;

    #[test]
    fn a_page_that_is_not_full_is_the_last() {
        assert_eq!(older(&[9, 8, 7], 3, |id| *id), Some(7));
        assert_eq!(older(&[9, 8], 3, |id| *id), None);
        assert_eq!(older(&[] as &[i32], 3, |id| *id), None);
    }
}
