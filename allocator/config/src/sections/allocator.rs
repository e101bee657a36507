use std::num::NonZero;

use crate::{
    section::Section,
    syntax::{image_tag, positive_count},
};

/// `allocator`: what the infrastructure module starts. The service itself reads none of it.
#[derive(Clone, Debug)]
pub struct Allocator {
    /// Tag of the allocator's image; default `linux-amd64-latest`.
    pub image_tag: String,
    /// How many hosts run it, on one database; default 1.
    pub count: NonZero<u32>,
}

impl Allocator {
    pub(crate) fn read(allocator: &mut Section<'_>) -> Self {
        Self {
            image_tag: allocator
                .value("image_tag", image_tag)
                .unwrap_or_else(|| "linux-amd64-latest".into()),
            count: allocator.value("count", positive_count).unwrap_or(NonZero::<u32>::MIN),
        }
    }
}
