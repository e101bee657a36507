use crate::text_enum::text_enum;

text_enum! {
    /// Where a VM comes from.
    pub enum Source {
        /// A process on the allocator's machine.
        Local = "local",
        /// An EC2 instance.
        Aws = "aws",
        /// A machine somebody already has.
        Manual = "manual",
        /// It reported by itself, and nobody had asked for it.
        Unknown = "unknown",
    }
}
