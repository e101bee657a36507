use crate::{
    allocator::Api,
    clean::Cleaner,
    desktop::{RemoteDesktop, TabDesktop},
    state_dir::StateDir,
};

/// This VM: what claims and channels work with.
pub struct Vm {
    pub api: Api,
    pub state: StateDir,
    pub remote_desktop: RemoteDesktop,
    pub tab_desktop: TabDesktop,
    pub cleaner: Cleaner,
}
