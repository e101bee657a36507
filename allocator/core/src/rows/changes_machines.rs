/// A condition on a row of `operation`: it is at work, and makes, changes or removes machines.
pub(crate) const CHANGES_MACHINES: &str =
    "state = 'running' and lane = 'machines' and kind <> 'collect'";
