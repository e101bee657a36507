use crate::config::{section::Section, syntax::image_tag};

/// `allocator`: which image the infrastructure module starts. The service itself reads none of it.
#[derive(Clone, Debug)]
pub struct AllocatorImage {
    /// Tag of the allocator's image; default `linux-amd64-latest`.
    pub image_tag: String,
}

impl AllocatorImage {
    pub(in crate::config) fn read(allocator: &mut Section<'_>) -> Self {
        Self {
            image_tag: allocator
                .value("image_tag", image_tag)
                .unwrap_or_else(|| "linux-amd64-latest".into()),
        }
    }
}
