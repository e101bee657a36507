/// The way of the logs of VMs on AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromAws {
    /// To `CloudWatch`, and from there by the log forwarder.
    CloudWatch,
    /// Each VM sends its own, with its own token, and needs no rights in the account.
    Direct,
}
