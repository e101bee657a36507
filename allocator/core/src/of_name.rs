//! The VMs of one name. A machine that is made anew gets a new row, so a name may have many.

/// `named (id)`, for `from` in statements that pass the pool as `$1`, and a hostname as the parameter
/// that is given here: the VM of this name, and the last hundred that had it before.
pub(crate) fn of_name(hostname: &str) -> String {
    format!(
        "(
            select id from vm
            where pool_id = $1 and hostname = {hostname} and removed_at is null
            union all
            (select id from vm
             where pool_id = $1 and hostname = {hostname} and removed_at is not null
             order by id desc limit 100)
        ) as named"
    )
}
