/// An answer that is the page of a desktop: noVNC needs a policy of its own.
#[derive(Clone, Copy)]
pub(crate) struct ShowsDesktop;
