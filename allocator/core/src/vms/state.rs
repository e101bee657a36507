use crate::text_enum::text_enum;

text_enum! {
    /// The state of a VM in one word, worst first: the column `vm.state`, which the database works
    /// out from the others (V34, V42).
    pub enum State {
        Removing = "removing",
        /// A dead token of its agent was shown: nobody gets it until an organiser says so.
        Barred = "barred",
        /// Its cloud has said that it takes the machine back.
        Ending = "ending",
        /// In error, or its state is unknown.
        Failed = "failed",
        Unhealthy = "unhealthy",
        /// Its machine was begun long ago, and its agent has not reported that it runs.
        Overdue = "overdue",
        Starting = "starting",
        /// A participant had it, and it was neither made anew nor cleaned since.
        Used = "used",
        /// Its agent is to take a new token since a claim has ended.
        TokenDue = "token_due",
        /// Its agent has been silent for so long that an organiser should look.
        Suspect = "suspect",
        /// Its agent has stopped, or has been silent for too long to hand the VM out.
        Stale = "stale",
        Claimed = "claimed",
        /// Kept for somebody in line.
        Offered = "offered",
        Free = "free",
    }
}
