use std::ops::Range;

/// Where the bytes of a file lie in it. Between them are holes, which read as zeros and take no
/// space on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    size: u64,
    /// In order, apart from each other, none empty.
    extents: Vec<Range<u64>>,
}

impl Layout {
    /// A file without holes.
    pub fn full(size: u64) -> Self {
        let all = 0..size;
        Self { size, extents: if size > 0 { vec![all] } else { Vec::new() } }
    }

    /// None: that is no file.
    pub fn sparse(size: u64, extents: Vec<Range<u64>>) -> Option<Self> {
        let mut end = 0;
        for extent in &extents {
            if extent.start < end || extent.is_empty() {
                return None;
            }
            end = extent.end;
        }
        (end <= size).then_some(Self { size, extents })
    }

    /// With its holes, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Without them.
    pub fn held(&self) -> u64 {
        self.extents.iter().map(|extent| extent.end - extent.start).sum()
    }

    pub fn extents(&self) -> &[Range<u64>] {
        &self.extents
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_bytes_in_order_and_none_behind_its_end() {
        let sparse = Layout::sparse(100, vec![0..10, 10..20, 90..100]).unwrap();
        assert_eq!((sparse.size(), sparse.held()), (100, 30));
        assert_eq!(Layout::full(7).held(), 7);
        let one = |extent| Vec::from_iter([extent]);
        for extents in [vec![0..10, 5..20], one(90..101), vec![10..20, 0..5], one(5..5)] {
            assert_eq!(Layout::sparse(100, extents), None);
        }
    }
}
