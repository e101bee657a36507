//! Statements that may cost more with more rows, each with its reason. None is on the way of a
//! participant or of an agent that waits.

/// A part of the statement, and why it may.
pub const ALLOWED: [(&str, &str); 4] = [
    (
        "from (select id from claim where pool_id = $1 and id < $2 order",
        "the table of all claims that an organiser exports: all of it is wanted",
    ),
    ("line ilike $4", "a search reads the log of one VM, which the setting for its size bounds"),
    (
        "select $1, 'lablink-vm-' || $2",
        "a launch looks for free numbers; Terraform then goes through all VMs, for minutes",
    ),
    ("insert into usage_sample", "it counts once a minute, so that no page has to"),
];
