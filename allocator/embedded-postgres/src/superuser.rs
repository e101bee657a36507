/// The cluster's first role. Nobody configures it, so it can't collide with the allocator's own.
pub(super) const SUPERUSER: &str = "lablink_superuser";
