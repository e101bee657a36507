use crate::text_enum::text_enum;

text_enum! {
    /// What becomes of a machine that LabLink did not make when its participant is done
    /// (`manual.after_use`).
    pub enum AfterUse {
        /// Its agent cleans it; one that can't leaves it held.
        Clean = "clean",
        /// It goes back to the pool as it is.
        Reuse = "reuse",
        /// It waits for the organiser.
        Hold = "hold",
    }
}
