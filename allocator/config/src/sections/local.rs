use std::path::PathBuf;

use crate::{
    section::Section,
    syntax::{boolean, count, non_empty},
};

/// `local`: VMs as processes on this machine. Read with `provider: local` only.
#[derive(Clone, Debug)]
pub struct Local {
    /// VMs that are launched once per new data directory; default 0.
    pub warm: u32,
    /// True: VMs stop with the allocator and start again with it. Default false: they live on, as
    /// machines would.
    pub stop_with_allocator: bool,
    /// Folder in which VMs keep their files; by default one in the data directory.
    pub vm_dir: Option<PathBuf>,
}

impl Local {
    pub(crate) fn read(local: &mut Section<'_>) -> Self {
        Self {
            warm: local.value("warm", count).unwrap_or(0),
            stop_with_allocator: local.value("stop_with_allocator", boolean).unwrap_or(false),
            vm_dir: local.value("vm_dir", non_empty).map(PathBuf::from),
        }
    }
}
