use crate::text_enum::text_enum;

text_enum! {
    /// What happens to a machine that LabLink did not make when its participant is done
    /// (`manual.after_use`).
    pub enum AfterUse {
        /// Its agent cleans it. If the agent can't, the machine is held.
        Clean = "clean",
        /// It goes back to the pool as it is.
        Reuse = "reuse",
        /// It waits for the organiser.
        Hold = "hold",
    }
}
