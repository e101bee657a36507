use crate::text_enum::text_enum;

text_enum! {
    /// What a role allows people to do. A route names the one that it needs.
    #[derive(PartialOrd, Ord, Hash)]
    pub enum Permission {
        /// The overview of a pool: how many VMs there are, what needs attention.
        PoolView = "pool.view",
        /// The VMs of a pool, each with its state, health and history.
        VmView = "vm.view",
        VmLaunch = "vm.launch",
        VmReplace = "vm.replace",
        VmReboot = "vm.reboot",
        VmDestroy = "vm.destroy",
        /// To clean a used machine again, or to lift the bar after an alarm.
        VmRecover = "vm.recover",
        /// A machine that somebody already has: into the pool, and a new install command for it.
        MachineRegister = "machine.register",
        MachineForget = "machine.forget",
        /// The SSH host key of a VM that was installed anew.
        HostKeyForget = "host_key.forget",
        /// What VMs write to their logs.
        LogView = "log.view",
        /// The participants of VMs, and people who ask to get back in: e-mail addresses.
        ClaimView = "claim.view",
        ClaimExport = "claim.export",
        /// To end a claim and take its VM back.
        ClaimRelease = "claim.release",
        /// A new link into somebody's claim.
        ClaimLink = "claim.link",
        ClaimLockOut = "claim.lock_out",
        ClaimFreshMachine = "claim.fresh_machine",
        /// The people in line.
        LineView = "line.view",
        LineRemove = "line.remove",
        ResultsView = "results.view",
        ResultsCollect = "results.collect",
        ResultsDownload = "results.download",
        ResultsDiscard = "results.discard",
        OperationView = "operation.view",
        OperationCancel = "operation.cancel",
        OperationRetry = "operation.retry",
        /// To bring VMs back into Terraform's state, or to give them up.
        OperationSolve = "operation.solve",
        /// To approve or reject an operation that awaits approval.
        OperationApprove = "operation.approve",
        /// What happened, and who did it.
        EventView = "event.view",
        CloudKeysView = "cloud_keys.view",
        CloudKeysEdit = "cloud_keys.edit",
        /// How the installation itself is: its log, its periodic tasks.
        InstallationView = "installation.view",
    }
}
