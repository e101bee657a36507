use crate::text_enum::text_enum;

text_enum! {
    /// How far connecting the participant has come, for the newest command.
    pub enum ClaimState {
        /// The agent has not fetched the command yet.
        Waiting = "waiting",
        Connecting = "connecting",
        Connected = "connected",
        Failed = "failed",
    }
}
