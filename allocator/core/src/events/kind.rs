use crate::text_enum::text_enum;

text_enum! {
    /// What can happen in a pool.
    #[derive(Hash)]
    pub enum Kind {
        AwsKeysSet = "aws_keys.set",
        AwsKeysUnset = "aws_keys.unset",
        ClaimCommandReplaced = "claim.command_replaced",
        ClaimConnected = "claim.connected",
        ClaimCreated = "claim.created",
        /// Its command was fetched by the VM's agent.
        ClaimDelivered = "claim.delivered",
        ClaimFailed = "claim.failed",
        ClaimLinkIssued = "claim.link_issued",
        ClaimLockOutAsked = "claim.lock_out_asked",
        ClaimLockedOut = "claim.locked_out",
        ClaimMoved = "claim.moved",
        ClaimReentryRequested = "claim.reentry_requested",
        ClaimReleased = "claim.released",
        ClaimSamePerson = "claim.same_person",
        OperationApproved = "operation.approved",
        OperationAwaitsApproval = "operation.awaits_approval",
        OperationCancelRequested = "operation.cancel_requested",
        OperationFinished = "operation.finished",
        /// An attempt has failed for a reason that may pass.
        OperationPutOff = "operation.put_off",
        OperationQueued = "operation.queued",
        OperationRejected = "operation.rejected",
        OperationStarted = "operation.started",
        /// Its earlier worker is gone.
        OperationTakenOver = "operation.taken_over",
        PlaceInvited = "place.invited",
        PlaceJoined = "place.joined",
        PlaceLapsed = "place.lapsed",
        PlaceLeft = "place.left",
        /// The VM that was kept for it is not fit any more.
        PlaceOfferEnded = "place.offer_ended",
        PlaceOffered = "place.offered",
        PlacePassed = "place.passed",
        PlaceRemoved = "place.removed",
        ResultsCollected = "results.collected",
        ResultsDiscarded = "results.discarded",
        ResultsDownloaded = "results.downloaded",
        /// It reported by itself, and nobody had asked for it.
        VmAdmitted = "vm.admitted",
        VmAdopted = "vm.adopted",
        VmBarLifted = "vm.bar_lifted",
        VmBarred = "vm.barred",
        VmCleanAgain = "vm.clean_again",
        VmCleanFailed = "vm.clean_failed",
        VmCleaned = "vm.cleaned",
        /// An install command was made for it.
        VmEnrolmentIssued = "vm.enrolment_issued",
        VmEnrolled = "vm.enrolled",
        /// Not made, or not whole.
        VmFailed = "vm.failed",
        /// Its machine is new. What the one before it left is gone.
        VmFresh = "vm.fresh",
        VmGivenUp = "vm.given_up",
        VmGpuChanged = "vm.gpu_changed",
        VmHeard = "vm.heard",
        VmHostKeyForgotten = "vm.host_key_forgotten",
        /// A machine that had failed is made once more.
        VmMadeAgain = "vm.made_again",
        /// An operation begins to make its machine.
        VmMaking = "vm.making",
        /// Terraform has made its machine.
        VmMade = "vm.made",
        /// Its cloud has announced that it works on the machine.
        VmMaintenance = "vm.maintenance",
        /// What its cloud had announced is called off, or over.
        VmNoticeOver = "vm.notice_over",
        VmOverdue = "vm.overdue",
        VmRebooted = "vm.rebooted",
        VmRegistered = "vm.registered",
        VmRemoved = "vm.removed",
        /// An operation begins to remove its machine.
        VmRemoving = "vm.removing",
        VmReplaced = "vm.replaced",
        VmRequested = "vm.requested",
        VmReused = "vm.reused",
        VmStartFailed = "vm.start_failed",
        VmStatusChanged = "vm.status_changed",
        VmSuspect = "vm.suspect",
        /// Its cloud has announced that it takes the machine back.
        VmTakenBack = "vm.taken_back",
        /// An operation that would have removed it does not, or not any more.
        VmStays = "vm.stays",
        /// An operation is to remove it.
        VmToGo = "vm.to_go",
        VmTokenRenewed = "vm.token_renewed",
        /// What was asked for did not happen to it.
        VmUnchanged = "vm.unchanged",
        VmUseEnded = "vm.use_ended",
        VmUseStarted = "vm.use_started",
    }
}

impl Kind {
    /// Whether it changes the waiting line.
    pub(super) fn is_of_line(self) -> bool {
        matches!(
            self,
            Self::PlaceInvited
                | Self::PlaceJoined
                | Self::PlaceLapsed
                | Self::PlaceLeft
                | Self::PlaceOfferEnded
                | Self::PlaceOffered
                | Self::PlacePassed
                | Self::PlaceRemoved
        )
    }
}
